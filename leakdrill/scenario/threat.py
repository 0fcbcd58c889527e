"""The threat-model check: what each attack needs, against what the scenario grants it by that moment of its timeline.

A grant is one of `adversary.knows`, an output of a public API whose model has been made, or a leak. A breach of either
artefact grants the attack "feature_extractor": an adversary cannot tell g_s from csmall's own g_t by looking at it. One
of the whole source model, which csmall has only if `cbig.releases` it, grants "source_model" as well. A leak of the
first blocks only is of no use to an adversary who does not know the architecture of the rest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from leakdrill.attacks.base import (
    ARCHITECTURE,
    AUXILIARY_FACES,
    DEFENCES,
    EMBEDDINGS,
    FEATURE_EXTRACTOR,
    LABELLED_ATTRIBUTES,
    LABELLED_IDENTITIES,
    SHADOW_EXAMPLES,
    SOURCE_MODEL,
    TARGET_EXAMPLES,
    TEACHER_EXAMPLES,
    TRANSFER_METHOD,
    Access,
    Attack,
)
from leakdrill.attacks.external import External
from leakdrill.errors import ScenarioError
from leakdrill.network.policy import Policy, Row
from leakdrill.scenario.holdings import holdings
from leakdrill.scenario.in_force import check_defends
from leakdrill.scenario.schema import Scenario, check_attack_names
from leakdrill.scenario.steps import AttackStep, BreachStep, DefendStep, PlainStep, Step
from leakdrill.scenario.suited import check_attack_suited, check_suited

KNOWLEDGE = (  # fields of adversary.knows
    SHADOW_EXAMPLES,
    ARCHITECTURE,
    TARGET_EXAMPLES,
    AUXILIARY_FACES,
    TRANSFER_METHOD,
    DEFENCES,
    LABELLED_IDENTITIES,
    LABELLED_ATTRIBUTES,
)

OPEN_BREACH = "open breach"  # the exfiltration channel answers
WHOLE_LEAK = "whole leak"  # the latest breach gave all blocks away
MODEL_LEAK = "model leak"  # and the head of the source model with them

#: What each step needs to have been played before it, and why.
_AFTER: dict[str, tuple[str, str]] = {
    "release": ("train_source", "there is no g_s to release"),
    "adapt": ("release", "csmall has no g_s to build on"),
    "feature_extractor": ("release", "csmall has no g_s that could leak"),
    "source_model": ("release", "csmall has no source model that could leak"),
    "target_feature_extractor": ("adapt", "csmall has no g_t that could leak"),
}

#: Models that are trained already.
_IN_THE_PLACE_OF = {"load_source": "train_source", "load_target": "adapt"}

#: The steps after any of which a company has a model that an API answers for.
_MADE_BY = {"cbig": ("train_source",), "csmall": ("release", "load_target")}

#: The step that makes each public model.
_MAKERS = {
    "cbig/source": "train_source",
    "csmall/features": "release",
    "csmall/verification": "release",
    "csmall/recognition": "adapt",
}


def public_models(scenario: Scenario, played: Iterable[Step]) -> list[str]:
    """Those that there are after these steps."""
    steps = {_IN_THE_PLACE_OF.get(step.step, step.step) for step in played}
    named = {"cbig/source", *(f"csmall/{api}" for api in scenario.csmall.apis)}
    return [model for model, maker in _MAKERS.items() if model in named and maker in steps]


@dataclass(frozen=True)
class Threat:
    """An attack of the timeline and all the access that the scenario grants it by then."""

    attack: Attack
    needs: frozenset[Access]
    granted: frozenset[Access]


@dataclass(frozen=True)
class ThreatTable:
    """For `leakdrill check`: who holds what, what each attack needs and has, who may call what and when."""

    holdings: dict[str, list[str]]  # by party
    threats: list[Threat]
    calls: tuple[Row, ...]
    notices: list[str]


def check_threat(scenario: Scenario) -> None:
    """Raises ScenarioError for steps in an order that cannot be played, and for an attack without its access."""
    try:
        check_attack_names(scenario.timeline)  # a drill played step by step is no validated scenario
    except ValueError as error:
        raise ScenarioError(f"timeline: {error}") from error
    for each in (scenario, *check_defends(scenario)):
        check_suited(each)
    for threat in grants(scenario):
        check_attack_suited(threat.attack, scenario)
        _check_goal(threat.attack, scenario)
        missing = sorted(threat.needs - threat.granted)
        if missing:
            hints = "; ".join(f"{access}: {_remedy(access, scenario)}" for access in missing)
            raise ScenarioError(f"attack {threat.attack.name!r} needs what it is not granted by then. {hints}")


def _check_goal(attack: Attack, scenario: Scenario) -> None:
    """A photo's membership says nothing where all of a person's photos are in or out, and the other way round.

    Nor does an attack that knows one model's making say anything of another's data.
    """
    members_by, victim = scenario.data.challenge.members_by, scenario.data.challenge.victim
    if victim not in attack.victims:
        raise ScenarioError(
            f"attack {attack.name!r} finds members of {', '.join(attack.victims)}, but data.challenge.members_of is "
            f"{scenario.data.challenge.members_of}: set the one or choose another attack"
        )
    wanted = "identity" if attack.goal == "identity" else "photo"
    is_anything = attack.goal == "attribute" or isinstance(attack, External)  # a person finds out what there is
    if not is_anything and members_by != wanted:
        raise ScenarioError(
            f"attack {attack.name!r} tells members by {wanted}, but data.challenge.members_by is {members_by}: "
            "set the one or choose another attack"
        )


def grants(scenario: Scenario) -> list[Threat]:
    """Every attack, in order, with the access it has when it begins. Raises ScenarioError for an impossible order."""
    threats = []
    for step, played in _walk(scenario.timeline):
        _check_has_data(step, scenario)
        _check_leak(step, scenario)
        if isinstance(step, AttackStep):
            needs = step.attack.needs_on(scenario.data.challenge.victim)
            _check_fresh_hands(step.attack, needs, played)
            threats.append(Threat(step.attack, needs, frozenset(_access(scenario, played))))
    return threats


def _check_fresh_hands(attack: Attack, needs: frozenset[Access], played: set[str]) -> None:
    """Each fold is played by a fresh adversary, who finds nothing to copy once the breach is closed."""
    leaked = sorted(needs & {FEATURE_EXTRACTOR, SOURCE_MODEL}) if attack.folding is not None else []
    if leaked and "breach" in played and OPEN_BREACH not in played:
        raise ScenarioError(
            f"attack {attack.name!r} needs the leaked {leaked[0]}, and is played in folds, by adversaries who copied "
            "nothing before the revoke: put it before"
        )


def _check_has_data(step: Step, scenario: Scenario) -> None:
    if step.step == "adapt" and scenario.data.target is None:
        raise ScenarioError("adapt: csmall has no data of its own to train a target model on: add data.target")


def _check_leak(step: Step, scenario: Scenario) -> None:
    if (
        isinstance(step, BreachStep)
        and step.breach.artefact == "source_model"
        and scenario.cbig.releases != "source_model"
    ):
        raise ScenarioError("a breach of source_model, which csmall is not given: set cbig.releases: source_model")


def threat_table(scenario: Scenario) -> ThreatTable:
    """Raises ScenarioError as `check_threat` does for an impossible order; attacks may still lack access."""
    threats = grants(scenario)
    return ThreatTable(holdings(scenario), threats, Policy.load().rows, unused_grants(scenario))


def together(tables: list[ThreatTable]) -> ThreatTable:
    """The table of a grid: the first cell's, with the attacks of all, and notices where all have them."""
    threats = {threat.attack.name: threat for table in reversed(tables) for threat in reversed(table.threats)}
    notices = [notice for notice in tables[0].notices if all(notice in table.notices for table in tables)]
    return replace(tables[0], threats=list(reversed(threats.values())), notices=notices)


def unused_grants(scenario: Scenario) -> list[str]:
    """What the adversary is handed though no attack here needs it: perhaps by accident."""
    threats = grants(scenario)
    needed = frozenset[Access]().union(*(threat.needs for threat in threats))
    given = [access for access in KNOWLEDGE if getattr(scenario.adversary.knows, access)]
    notices = [
        f"adversary.knows.{access} is granted, and no attack needs it" for access in given if access not in needed
    ]
    if any(isinstance(step, BreachStep) for step in scenario.timeline) and not needed & {
        FEATURE_EXTRACTOR,
        SOURCE_MODEL,
    }:
        notices.append("there is a breach, and no attack needs what it leaks")
    return notices


def _walk(timeline: list[Step]) -> Iterator[tuple[Step, set[str]]]:
    """Each step with the names of what was played before it: steps, and artefacts that leaked."""
    played: set[str] = set()
    for index, step in enumerate(timeline):
        name = step.breach.artefact if isinstance(step, BreachStep) else step.step
        wanted, why = _AFTER.get(name, (None, ""))
        if wanted is not None and wanted not in played:
            raise ScenarioError(f"timeline[{index}] {step.step}: {why}: put {wanted} before it")
        if name == "revoke" and OPEN_BREACH not in played:
            raise ScenarioError(f"timeline[{index}] revoke: no breach is open: put a breach before it")
        if isinstance(step, DefendStep) and played.isdisjoint(makers := _MADE_BY[step.defend.party]):
            raise ScenarioError(
                f"timeline[{index}] defend: {step.defend.party} has no model to defend yet: put "
                f"{' or '.join(makers)} before it"
            )
        if isinstance(step, PlainStep) and name in played and name != "revoke":
            raise ScenarioError(f"timeline[{index}] {step.step}: it was played before, and can be only once")
        yield step, played
        played |= {name, step.step, _IN_THE_PLACE_OF.get(name, name)}
        played -= {OPEN_BREACH} if name == "revoke" else set()  # but what was copied is not given back
        if isinstance(step, AttackStep) and step.attack.folding is not None and OPEN_BREACH not in played:
            played -= {"breach", WHOLE_LEAK, MODEL_LEAK}  # a fresh adversary sits there now, without a copy
        if isinstance(step, BreachStep):  # the adversary keeps the latest loot
            played -= {WHOLE_LEAK, MODEL_LEAK}
            played |= {OPEN_BREACH}
            played |= {WHOLE_LEAK} if step.breach.fidelity.blocks is None else set()
            played |= {MODEL_LEAK} if step.breach.artefact == "source_model" else set()


def _access(scenario: Scenario, played: set[str]) -> Iterator[Access]:
    knows, splits = scenario.adversary.knows, scenario.data.splits
    if knows.shadow_examples and splits.shadow_train and splits.shadow_test:
        yield SHADOW_EXAMPLES
    if knows.shadow_examples and splits.teacher_train:
        yield TEACHER_EXAMPLES
    yield from (access for access in KNOWLEDGE if access != SHADOW_EXAMPLES and getattr(knows, access))
    if "train_source" in played:
        yield from (f"cbig/source:{output}" for output in scenario.cbig.api.outputs)
    if "release" in played and "features" in scenario.csmall.apis:
        yield EMBEDDINGS
    if "release" in played and "verification" in scenario.csmall.apis:
        yield from (f"csmall/verification:{output}" for output in scenario.csmall.verification.outputs)
    if "adapt" in played and "recognition" in scenario.csmall.apis:
        yield from (f"csmall/recognition:{output}" for output in scenario.csmall.api.outputs)
    if WHOLE_LEAK in played or ("breach" in played and knows.architecture):
        yield FEATURE_EXTRACTOR
    if MODEL_LEAK in played:
        yield SOURCE_MODEL


def _remedy(access: Access, scenario: Scenario) -> str:
    """Where a scenario would grant it."""
    steps = [step.step for step in scenario.timeline]
    model, _, output = access.partition(":")
    party, _, api = model.partition("/")
    splits = scenario.data.splits
    match access:
        case "shadow_examples" if not (splits.shadow_train and splits.shadow_test):
            return "give data.splits.shadow_train and data.splits.shadow_test some examples"
        case "teacher_examples" if not splits.teacher_train:
            return "give data.splits.teacher_train some examples"
        case "teacher_examples":
            return "set adversary.knows.shadow_examples: true"
        case "target_examples" if scenario.data.target is None:
            return "add data.target, and set adversary.knows.target_examples: true"
        case "auxiliary_faces" if scenario.data.auxiliary_faces is None:
            return "add data.auxiliary_faces, and set adversary.knows.auxiliary_faces: true"
        case (
            "shadow_examples" | "architecture" | "target_examples" | "auxiliary_faces" | "transfer_method" | "defences"
        ):
            return f"set adversary.knows.{access}: true"
        case "labelled_identities" | "labelled_attributes":
            return f"set adversary.knows.{access} to a number"
        case "source_model":
            return "set cbig.releases: source_model, and put a breach of artefact: source_model before the attack"
        case "feature_extractor":
            partial = any(isinstance(step, BreachStep) and step.breach.fidelity.blocks for step in scenario.timeline)
            beside = ", or set adversary.knows.architecture: true for a leak of its first blocks" if partial else ""
            return f"put a breach before the attack{beside}"
    if party == "csmall" and api not in scenario.csmall.apis:
        return f"add {api} to csmall.apis"
    if api == "verification" and output not in scenario.csmall.verification.outputs:
        return f"add {output} to csmall.verification.outputs"
    if api in ("source", "recognition") and output not in getattr(scenario, party).api.outputs:
        return f"add {output} to {party}.api.outputs"
    maker = _MAKERS.get(model)
    if maker is None:
        return "no scenario can grant this"
    if maker == "adapt" and scenario.data.target is None:
        return "add data.target, and adapt to the timeline before the attack"
    return f"put {maker} before the attack" if maker in steps else f"add {maker} to the timeline before the attack"
