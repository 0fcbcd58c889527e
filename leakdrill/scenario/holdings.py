"""What each party holds in a scenario: the splits that it is dealt, and what it comes to have and know."""

from collections.abc import Sequence

from leakdrill.data.splits import RECIPIENTS
from leakdrill.defences.base import Defence
from leakdrill.scenario.models import SourceModel
from leakdrill.scenario.schema import Api, Scenario
from leakdrill.scenario.standing import knows_public
from leakdrill.scenario.steps import BreachStep, DefendStep

_RELEASED = {"feature_extractor": "feature extractor g_s", "source_model": "source model f_s, and g_s as its part"}


def holdings(scenario: Scenario) -> dict[str, list[str]]:
    """For `leakdrill check`, by party, in words: splits, models and when it has them, knowledge, defences."""
    played = {step.step for step in scenario.timeline}
    knows, source = scenario.adversary.knows, scenario.cbig.source_model
    leaks = {step.breach.artefact: step.breach for step in scenario.timeline if isinstance(step, BreachStep)}
    after = {
        "cbig": [
            ("train_source", f"source model f_s ({source.arch.kind}){_trained_with(source)}, after train_source"),
            ("load_source", f"source model f_s ({source.arch.kind}), after load_source"),
        ],
        "csmall": [
            ("release", f"{_released(scenario)}, after release, by contract"),
            ("load_target", "target model f_t (own), after load_target"),
            ("adapt", f"target model f_t ({scenario.csmall.target_model.transfer}), after adapt"),
        ],
    }
    known = [("architecture", knows.architecture), ("transfer method", knows.transfer_method)]
    known += [("defences of the model under attack", knows.defences)]
    kept = ", and still after revoke" if "revoke" in played else ""
    told = [
        ("people of whom it is told who is a member", knows.labelled_identities),
        ("photos of which it is told an attribute", knows.labelled_attributes),
    ]
    return {
        "referee": ["who is a member", "the split key"],
        **{
            party: [
                *held_splits(party, scenario),
                *(what for step, what in made if step in played),
                *_defences(party, scenario),
            ]
            for party, made in after.items()
        },
        "adversary": [
            *held_splits("adversary", scenario),
            *(f"the {what}" for what, is_known in known if is_known),
            *(f"{count} {what}, in each fold" for what, count in told if count),
            *(f"{artefact}, leaked ({breach.channel}), after breach{kept}" for artefact, breach in leaks.items()),
        ],
    }


def _released(scenario: Scenario) -> str:
    kinds = ", ".join(defence.kind for defence in scenario.cbig.release_defences)
    return _RELEASED[scenario.cbig.releases] + (f", obfuscated by {kinds}" if kinds else "")


def _trained_with(source: SourceModel) -> str:
    kinds = ", ".join(defence.kind for defence in source.defences)
    return f", trained with {kinds}" if kinds else ""


def _defences(party: str, scenario: Scenario) -> list[str]:
    """What stands before its API from the start, and after each `defend`."""
    api: Api = getattr(scenario, party).api
    switched = [
        step.defend for step in scenario.timeline if isinstance(step, DefendStep) and step.defend.party == party
    ]
    first = [f"{_api_behind(api.defences)}{', until defend' if switched else ''}"] if api.defences else []
    return [*first, *(f"{_api_behind(each.defences)}, after defend" for each in switched)]


def _api_behind(defences: Sequence[Defence]) -> str:
    kinds = ", ".join(defence.kind for defence in defences)
    return f"an API defended by {kinds}" if kinds else "an undefended API"


def held_splits(party: str, scenario: Scenario) -> list[str]:
    """The splits that a party is dealt. The adversary's challenge comes without a word on who is a member."""
    knows, sizes = scenario.adversary.knows, scenario.data.splits
    own = {"shadow_train", "shadow_test", "teacher_train"}
    withheld = {split for split in own | {"source_public"} if not getattr(sizes, split)}
    withheld |= set() if scenario.data.target else {"target_train", "target_test"}
    held = list(RECIPIENTS[party])
    if party == "adversary":
        withheld |= set() if knows.shadow_examples else own
        held += ["target_train"] if knows.target_examples else []
        held += ["auxiliary_faces"] if knows.auxiliary_faces else []
        held += ["source_public"] if knows_public(scenario) else []
    return [split for split in held if split not in withheld]
