from typing import Any

import pytest
from small_scenario import written

from leakdrill.attacks.base import (
    ARCHITECTURE,
    EMBEDDINGS,
    FEATURE_EXTRACTOR,
    SHADOW_EXAMPLES,
    SOURCE_MODEL,
    SOURCE_SCORES,
    TARGET_SCORES,
)
from leakdrill.data.splits import deal
from leakdrill.errors import ScenarioError
from leakdrill.referee.dealing import splits_of
from leakdrill.scenario.holdings import held_splits
from leakdrill.scenario.overrides import apply_overrides
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat, grants, threat_table, unused_grants

BASELINE = {"attack": {"name": "before", "kind": "transmia", "shadow": "baseline"}}
FREEZE = {"attack": {"name": "after", "kind": "transmia", "shadow": "freeze"}}
GAP = {"attack": {"kind": "gap"}}
BREACH: dict[str, Any] = {"breach": {}}


def scenario(timeline: list[Any] | None = None, **overrides: Any) -> Scenario:
    raw = apply_overrides(written(), {key.replace("__", "."): value for key, value in overrides.items()}, "test:")
    return Scenario.model_validate(raw | {"expect": [], "grid": {}} | ({"timeline": timeline} if timeline else {}))


def refusal(of: Scenario) -> str:
    with pytest.raises(ScenarioError) as error:
        check_threat(of)
    return str(error.value)


def test_access_grows_along_the_timeline() -> None:
    before, after, gap = grants(scenario())
    assert before.granted == {SHADOW_EXAMPLES, ARCHITECTURE, SOURCE_SCORES, TARGET_SCORES}
    assert after.granted == before.granted | {FEATURE_EXTRACTOR}
    assert gap.granted == after.granted
    check_threat(scenario())


def test_a_public_api_grants_the_outputs_that_it_has_once_its_model_is_made() -> None:
    (early,) = grants(scenario(["train_source", GAP], cbig__api={"outputs": ["label", "scores"]}))
    assert {"cbig/source:label", "cbig/source:scores"} <= early.granted
    assert not any(access.startswith("csmall/") for access in early.granted)


def test_the_features_api_is_there_from_the_release_on_and_has_no_other_output() -> None:
    timeline = ["train_source", GAP, "release", GAP | {"attack": {"kind": "gap", "name": "later"}}]
    early, later = grants(scenario(timeline, csmall={"apis": ["features"], "api": {"outputs": ["label"]}}))
    assert later.granted - early.granted == {EMBEDDINGS}


def test_an_attack_without_the_leak_names_what_it_lacks_and_where_it_would_come_from() -> None:
    assert refusal(scenario(["train_source", "release", FREEZE, BREACH])) == (
        "attack 'after' needs what it is not granted by then. feature_extractor: put a breach before the attack"
    )


def test_the_first_blocks_alone_are_of_use_only_to_an_adversary_who_knows_the_architecture() -> None:
    timeline = ["train_source", "release", BREACH, {"breach": {"fidelity": {"blocks": 1}}}, FREEZE]
    check_threat(scenario(timeline))
    assert refusal(scenario(timeline, adversary__knows={"architecture": False})).endswith(
        "put a breach before the attack, or set adversary.knows.architecture: true for a leak of its first blocks"
    )
    check_threat(scenario([*timeline[:-1], BREACH, FREEZE], adversary__knows={"architecture": False}))


@pytest.mark.parametrize("artefact", ["feature_extractor", "target_feature_extractor"])
def test_a_leak_of_either_artefact_is_a_feature_extractor_to_the_adversary(artefact: str) -> None:
    check_threat(scenario(["train_source", "release", "adapt", {"breach": {"artefact": artefact}}, FREEZE]))


@pytest.mark.parametrize(
    ("timeline", "overrides", "message"),
    [
        ([GAP], {}, "attack 'gap' needs what it is not granted by then. cbig/source:scores: add train_source to"),
        ([GAP, "train_source"], {}, "cbig/source:scores: put train_source before the attack"),
        (
            ["train_source", GAP],
            {"cbig__api__outputs": ["label"]},
            "cbig/source:scores: add scores to cbig.api.outputs",
        ),
        (
            ["train_source", BASELINE],
            {"adversary__knows__shadow_examples": False},
            "shadow_examples: set adversary.knows.shadow_examples: true",
        ),
        (
            ["train_source", BASELINE],
            {"data__splits__shadow_test": 0},
            "shadow_examples: give data.splits.shadow_train and data.splits.shadow_test some examples",
        ),
        (
            ["train_source", BASELINE],
            {"adversary__knows__architecture": False},
            "architecture: set adversary.knows.architecture: true",
        ),
    ],
)
def test_every_kind_of_access_has_its_remedy(timeline: list[Any], overrides: dict[str, Any], message: str) -> None:
    assert message in refusal(scenario(timeline, **overrides))


def test_the_attack_through_the_target_needs_its_api_and_two_more_grants() -> None:
    through = {"attack": {"kind": "target_model_mia"}}
    message = refusal(scenario(["train_source", "release", through], csmall__apis=[]))
    assert "csmall/recognition:scores: add recognition to csmall.apis" in message
    assert "target_examples: set adversary.knows.target_examples: true" in message
    assert "transfer_method: set adversary.knows.transfer_method: true" in message
    knows = {"adversary__knows__target_examples": True, "adversary__knows__transfer_method": True}
    assert "put adapt before the attack" in refusal(scenario(["train_source", "release", through, "adapt"], **knows))
    check_threat(scenario(["train_source", "release", "adapt", through], **knows))


def test_a_csmall_without_data_of_its_own_has_no_class_held_back_and_can_be_given_g_s_which_leaks() -> None:
    played = scenario(["train_source", "release", BREACH, FREEZE], data__target=None)
    check_threat(played)
    assert deal(played.data, "a key").num_classes == 10
    assert threat_table(played).holdings["csmall"] == ["feature extractor g_s, after release, by contract"]


def test_it_cannot_build_a_target_model_and_no_attack_can_ask_one() -> None:
    assert refusal(scenario(["train_source", "release", "adapt"], data__target=None)) == (
        "adapt: csmall has no data of its own to train a target model on: add data.target"
    )
    through = {"attack": {"kind": "target_model_mia"}}
    message = refusal(scenario(["train_source", "release", through], data__target=None))
    assert "csmall/recognition:scores: add data.target, and adapt to the timeline before the attack" in message
    assert "target_examples: add data.target, and set adversary.knows.target_examples: true" in message


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"data__challenge__members_of": "target"}, "members_of target is about csmall's own data, of which it has"),
        ({"adversary__knows__target_examples": True}, "target_examples are csmall's own data, of which it has none"),
        ({"csmall__apis": ["verification"]}, "verification, whose threshold csmall finds on its own photos"),
    ],
)
def test_what_needs_csmalls_data_says_so_where_there_is_none(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}.*: add (data.)?target"):
        scenario(["train_source", GAP], data__target=None, **overrides)


def test_a_fitted_defence_of_csmall_would_know_a_challenge_of_its_own_data() -> None:
    knows_nothing = {"csmall__api__defences": [{"kind": "rounding", "decimals": 1}]}
    fitted = {"csmall__api__defences": [{"kind": "memguard"}]}
    scenario(["train_source", GAP], **fitted)
    scenario(["train_source", GAP], data__challenge__members_of="target", **knows_nothing)
    with pytest.raises(ValueError, match="memguard would be fitted on the very members and non-members"):
        scenario(["train_source", GAP], data__challenge__members_of="target", **fitted)


@pytest.mark.parametrize(
    ("timeline", "message"),
    [
        (["release"], "timeline[0] release: there is no g_s to release: put train_source before it"),
        (["train_source", "adapt"], "timeline[1] adapt: csmall has no g_s to build on: put release before it"),
        (["train_source", BREACH], "timeline[1] breach: csmall has no g_s that could leak: put release before it"),
        (
            ["train_source", "release", {"breach": {"artefact": "target_feature_extractor"}}],
            "timeline[2] breach: csmall has no g_t that could leak: put adapt before it",
        ),
        (["train_source", "train_source"], "timeline[1] train_source: it was played before, and can be only once"),
    ],
)
def test_a_step_that_comes_too_early_is_refused_with_what_must_come_first(timeline: list[Any], message: str) -> None:
    assert refusal(scenario(timeline)) == message


MODEL_BREACH: dict[str, Any] = {"breach": {"artefact": "source_model"}}
WHITE_BOX = {"attack": {"kind": "carlini_wagner"}}


def test_the_source_model_leaks_only_from_a_csmall_that_was_given_it() -> None:
    timeline = ["train_source", "release", MODEL_BREACH, WHITE_BOX]
    assert refusal(scenario(timeline)) == (
        "a breach of source_model, which csmall is not given: set cbig.releases: source_model"
    )
    (attack,) = grants(scenario(timeline, cbig__releases="source_model"))
    assert {SOURCE_MODEL, FEATURE_EXTRACTOR} <= attack.granted
    check_threat(scenario(timeline, cbig__releases="source_model"))


def test_a_later_leak_of_g_s_takes_the_place_of_the_source_model() -> None:
    timeline = ["train_source", "release", MODEL_BREACH, BREACH, WHITE_BOX]
    assert (
        "source_model: set cbig.releases: source_model, and put a breach of artefact: source_model before"
        in refusal(scenario(timeline, cbig__releases="source_model"))
    )


def test_a_part_of_the_source_model_is_called_a_feature_extractor() -> None:
    partly = {"breach": {"artefact": "source_model", "fidelity": {"blocks": 1}}}
    with pytest.raises(ValueError, match=r"fidelity\.blocks is for feature extractors"):
        scenario(["train_source", "release", partly, GAP])


def test_the_table_names_a_source_model_that_the_contract_hands_over() -> None:
    holdings = threat_table(scenario(cbig__releases="source_model")).holdings
    assert "source model f_s, and g_s as its part, after release, by contract" in holdings["csmall"]


def test_a_drill_played_step_by_step_is_held_to_distinct_names_too() -> None:
    valid = scenario(["train_source", GAP])
    twice = valid.model_copy(update={"timeline": [*valid.timeline, valid.timeline[1]]})
    assert refusal(twice) == "timeline: 2 attacks are called 'gap': give each a `name` of its own"


def test_an_attack_on_photos_is_refused_where_whole_people_are_in_or_out() -> None:
    splits = {"source_train": 5, "source_test": 5, "source_validation": 5}
    assert refusal(scenario(["train_source", GAP], data__challenge__members_by="identity", data__splits=splits)) == (
        "attack 'gap' tells members by photo, but data.challenge.members_by is identity: "
        "set the one or choose another attack"
    )


def test_what_no_attack_needs_is_noticed() -> None:
    assert unused_grants(scenario()) == []
    assert unused_grants(
        scenario(["train_source", "release", BREACH, GAP], adversary__knows__target_examples=True)
    ) == [
        "adversary.knows.shadow_examples is granted, and no attack needs it",
        "adversary.knows.architecture is granted, and no attack needs it",
        "adversary.knows.target_examples is granted, and no attack needs it",
        "there is a breach, and no attack needs what it leaks",
    ]


def test_the_table_says_who_holds_what_and_who_may_call_what() -> None:
    table = threat_table(scenario(adversary__knows__architecture=False))
    assert table.holdings["referee"] == ["who is a member", "the split key"]
    assert "source model f_s (small_cnn), after train_source" in table.holdings["cbig"]
    assert "feature extractor g_s, after release, by contract" in table.holdings["csmall"]
    assert "feature_extractor, leaked (insider), after breach" in table.holdings["adversary"]
    assert "the architecture" not in table.holdings["adversary"]
    assert [threat.attack.name for threat in table.threats] == ["before", "after", "gap"]
    assert any("adversary" in row.callers and "breached" in row.states for row in table.calls)


def test_without_a_breach_nothing_that_leaked_is_held() -> None:
    holdings = threat_table(scenario(["train_source", GAP])).holdings
    assert not any("leaked" in what for what in holdings["adversary"])
    assert not any("g_s" in what for what in holdings["csmall"])


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"adversary__knows__shadow_examples": False},
        {"adversary__knows__target_examples": True},
        {"data__splits__shadow_train": 0, "data__splits__shadow_test": 0},
        {"data__target": None},
    ],
)
def test_the_splits_in_the_table_are_those_that_are_dealt(overrides: dict[str, Any]) -> None:
    played = scenario(**overrides)
    dealt = deal(played.data, "a key")
    for party in ("cbig", "csmall", "adversary"):
        assert held_splits(party, played) == splits_of(party, played, dealt)


def test_the_table_names_the_defences_of_an_api() -> None:
    defences = [{"kind": "temperature"}, {"kind": "rounding", "decimals": 1}]
    holdings = threat_table(scenario(cbig__api={"defences": defences})).holdings
    assert "an API defended by temperature, rounding" in holdings["cbig"]
    assert not any("defended" in what for what in holdings["csmall"])
    trained = threat_table(
        scenario(cbig__source_model__defences=[{"kind": "l2"}, {"kind": "label_smoothing"}])
    ).holdings
    assert "source model f_s (small_cnn), trained with l2, label_smoothing, after train_source" in trained["cbig"]


@pytest.mark.parametrize("party", ["cbig", "csmall"])
def test_a_defence_beside_raw_logits_is_refused_since_these_would_undo_it(party: str) -> None:
    api = {"outputs": ["scores", "logits"], "defences": [{"kind": "temperature"}]}
    with pytest.raises(ValueError, match=r"logits, which would undo the defences \(temperature\)"):
        scenario(**{f"{party}__api": api})
