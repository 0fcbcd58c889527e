import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console, RenderableType
from small import SMALL, small

from leakdrill.attacks.base import Verdict
from leakdrill.attacks.class_based import ClassBased
from leakdrill.attacks.entropy import Entropy
from leakdrill.attacks.gap import Gap
from leakdrill.data.splits import deal
from leakdrill.referee.judge import Judge
from leakdrill.referee.table import render
from leakdrill.referee.truth import Truth
from leakdrill.results import AttackResult, ExpectationResult, ResponseResult, Results
from leakdrill.scenario.in_force import in_force


def plain(renderable: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(renderable)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def judged(cbig_price: float, csmall_price: float) -> AttackResult:
    scenario = small(
        cbig=SMALL["cbig"] | {"api": {"price_per_thousand": cbig_price}},
        csmall={"api": {"price_per_thousand": csmall_price}},
    )
    is_member = np.arange(20) % 2 == 0
    verdict = Verdict(np.linspace(0, 1, 20), is_member, {})
    judge = Judge(scenario, Truth(is_member, np.zeros(20, np.int64)), deal(scenario.data, "key"))
    return judge.attack(Gap(), [verdict], {"cbig/source": 2400, "csmall/recognition": 100}, seconds=1.0)


def test_an_attack_costs_its_queries_at_each_owners_price() -> None:
    assert judged(1.5, 0).cost == pytest.approx(3.6)
    assert judged(1.5, 10).cost == pytest.approx(4.6)
    assert judged(0, 0).cost == 0


def test_results_of_before_there_were_prices_can_still_be_read() -> None:
    old = judged(1.5, 0).model_dump(mode="json", exclude={"cost"})
    assert AttackResult.model_validate(old).cost == 0


def test_where_people_are_in_or_out_each_is_one_sample_and_so_in_the_baseline() -> None:
    splits = {"source_train": 20, "source_test": 20, "source_validation": 5}
    scenario = small(data=SMALL["data"] | {"splits": splits, "challenge": {"members_by": "identity"}})
    cards = deal(scenario.data, "key")
    truth = Truth(cards.is_member, cards.splits["challenge"].labels)
    noise = np.random.default_rng(0).normal(size=len(cards.is_member))
    judge = Judge(scenario, truth, cards)
    found = judge.attack(ClassBased(), [Verdict(noise + cards.is_member, noise > 0, {})], {}, seconds=1.0)
    assert (found.unit, found.num_members, found.num_non_members) == ("identity", 3, 3)  # 7 digits: 3, 3, and nobody's
    assert found.auc.value == 1.0  # by the mean of 20 photos
    assert found.example_auc is not None
    assert 0.6 < found.example_auc < 0.9
    assert found.auc.low < 0.5  # three of each say little, however many photos there are
    baseline = judge.results({}, {}, error=None).baseline
    assert baseline is not None
    assert (baseline.unit, baseline.num_members) == ("identity", 2)  # but for the first fold


def test_results_of_before_people_were_judged_count_examples() -> None:
    old = judged(0, 0).model_dump(mode="json", exclude={"unit", "example_auc"})
    assert AttackResult.model_validate(old).unit == "example"


def judged_people(abstained: list[int], scores: Any = None) -> AttackResult:
    splits = {"source_train": 20, "source_test": 20, "source_validation": 5}
    scenario = small(data=SMALL["data"] | {"splits": splits, "challenge": {"members_by": "identity"}})
    cards = deal(scenario.data, "key")
    labels = cards.splits["challenge"].labels
    verdict = Verdict(
        cards.is_member * 1.0 if scores is None else scores, cards.is_member, {}, abstained=np.isin(labels, abstained)
    )
    judge = Judge(scenario, Truth(cards.is_member, labels), cards)
    return judge.attack(ClassBased(), [verdict], {}, seconds=1.0)


def test_people_of_whom_nothing_is_said_are_counted_and_not_judged() -> None:
    assert judged_people([]).num_excluded == 0
    found = judged_people([2])
    assert found.num_excluded == 1
    assert found.num_members + found.num_non_members == 5


def test_a_persons_photos_that_were_scored_stand_for_the_person() -> None:
    splits = {"source_train": 20, "source_test": 20, "source_validation": 5}
    scenario = small(data=SMALL["data"] | {"splits": splits, "challenge": {"members_by": "identity"}})
    cards = deal(scenario.data, "key")
    some = np.arange(len(cards.is_member)) % 2 == 0
    scores = np.where(some, -1e9, cards.is_member * 1.0)
    judge = Judge(scenario, Truth(cards.is_member, cards.splits["challenge"].labels), cards)
    found = judge.attack(ClassBased(), [Verdict(scores, scores > 0, {}, abstained=some)], {}, seconds=1.0)
    assert (found.num_excluded, found.auc.value, found.example_auc) == (0, 1.0, 1.0)


def judged_outliers(outliers: NDArray[np.bool_], claim: str) -> tuple[AttackResult, ExpectationResult]:
    """Of 40 images, 20 of which are members: all outliers are rightly said to be in or out."""
    splits = {"source_train": 20, "source_test": 20, "source_validation": 5}
    expect = [{"claim": "So it is.", "that": claim}]
    timeline = ["train_source", {"attack": {"kind": "gap"}}, {"attack": {"kind": "gap", "name": "some"}}]
    scenario = small(data=SMALL["data"] | {"splits": splits}, timeline=timeline, expect=expect)
    cards = deal(scenario.data, "key")
    truth = Truth(cards.is_member, cards.splits["challenge"].labels)
    judge = Judge(scenario, truth, cards)
    scores = np.where(outliers[: len(cards.is_member)], cards.is_member - 0.5, 0.0)
    everybody = Verdict(cards.is_member - 0.5, cards.is_member, {})
    judge.attack(Gap(), [everybody], {}, seconds=1.0)
    verdict = Verdict(scores, scores > 0, {}, abstained=scores == 0)
    found = judge.attack(Gap(name="some"), [verdict], {}, seconds=1.0)
    return found, judge.results({}, {}, error=None).expectations[0]


SOME = np.arange(1000) % 3 == 0


def test_an_attack_is_paired_on_what_it_has_something_to_say_of() -> None:
    found, expectation = judged_outliers(SOME, "some.auc >= gap.auc")
    assert found.num_excluded > 0
    assert (found.auc.value, found.recall.value) == (1.0, 1.0)
    assert "judged" not in found.notes
    assert expectation.outcome == "holds"
    assert judged_outliers(SOME, "some.auc > baseline.auc")[1].got["some.auc"]["value"] == 1.0


def test_of_members_alone_nothing_can_be_told_apart_so_all_are_judged_and_nothing_is_decided() -> None:
    for one_kind in (np.arange(1000) == 0, np.arange(1000) < 0):
        found, expectation = judged_outliers(one_kind, "some.auc > 0.5")
        assert found.num_excluded == 0
        assert found.notes["judged"].startswith("all it said something of are of one kind")
        assert expectation.outcome == "undecided"


def judged_defended(*attacks: Gap | Entropy) -> Results:
    api = {"defences": [{"kind": "memguard"}, {"kind": "rounding"}]}
    splits = {"source_train": 20, "source_test": 20, "source_validation": 5}
    scenario = small(
        data=SMALL["data"] | {"splits": splits},
        cbig=SMALL["cbig"] | {"api": api},
        csmall={"api": {"defences": [{"kind": "top_k"}]}},
        expect=[],
    )
    cards = deal(scenario.data, "key")
    judge = Judge(scenario, Truth(cards.is_member, cards.splits["challenge"].labels), cards)
    for place, attack in enumerate(attacks):
        scores = cards.is_member - place * np.linspace(0, 1.5, len(cards.is_member))
        judge.attack(attack, [Verdict(scores, scores > 0, {})], {}, seconds=1.0)
    return judge.results({}, {}, error=None)


def test_each_defence_is_worth_what_the_strongest_attack_left_of_it_and_says_whether_any_expected_it() -> None:
    found = judged_defended(Gap(), Entropy())
    memguard, rounding, top_k = found.defences
    assert (memguard.kind, memguard.stage, memguard.party) == ("memguard", "prediction", "cbig")
    assert (memguard.strongest, memguard.auc) == ("gap", found.attacks[0].auc)
    assert (memguard.attacked_adaptively, rounding.attacked_adaptively) == (True, False)  # rounding may move the label
    assert [attack.adaptive_to for attack in found.attacks] == [("memguard",), ()]
    assert (top_k.strongest, top_k.auc, top_k.attacked_adaptively) == (None, None, False)  # nobody asked csmall


def test_what_stood_there_from_the_start_is_told_from_what_was_switched_in_even_if_no_attack_came_after() -> None:
    rounding = {"kind": "rounding", "decimals": 1}
    defend = {"defend": {"party": "cbig", "defences": [rounding]}}
    timeline = ["train_source", {"attack": {"kind": "gap"}}, defend, defend]
    scenario = small(cbig=SMALL["cbig"] | {"api": {"defences": [rounding]}}, timeline=timeline, expect=[])
    cards = deal(scenario.data, "key")
    judge = Judge(scenario, Truth(cards.is_member, cards.splits["challenge"].labels), cards)
    verdict = Verdict(cards.is_member * 1.0, cards.is_member, {})
    judge.attack(Gap(), [verdict], {}, seconds=1.0, in_force=in_force(scenario, scenario.timeline[:2]))
    for number in (3, 4):
        response = ResponseResult(kind="defend", party="cbig", step=number, defences=("rounding",))
        judge.response(response, in_force(scenario, scenario.timeline[:number]))
    found = judge.results({}, {}, error=None).defences
    assert [(each.called, each.strongest) for each in found] == [
        ("rounding", "gap"),
        ("rounding, since step 3", None),
        ("rounding, since step 4", None),
    ]


def test_a_defence_that_no_attack_expects_is_flagged_on_the_console() -> None:
    text = plain(render(judged_defended(Gap(), Entropy())))
    assert "rounding: this defence was not attacked adaptively" in text
    assert "memguard: this" not in text
    assert "cbig, prediction time" in text
    assert "memguard: this defence was not" in plain(render(judged_defended(Entropy())))
    assert "defence" not in plain(render(judged_defended().model_copy(update={"defences": ()})))
