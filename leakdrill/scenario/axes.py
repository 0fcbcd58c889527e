"""The axes of a scenario's grid: what each value of an axis is called, and which dotted keys it sets.

    dotted.key: [values]                    one key
    name: {label: {dotted.key: value}}      several keys at once; `label: {}` sets none
    attacks: all | [...]                    of kinds, names of the timeline's attacks, mappings
    defences: all | [...]                   of none, kinds, stages, mappings: cbig's, where their stage has its place

An attack is the cell's only one, in the place of the timeline's first attack, or in its own if the timeline has it. A
defence is cbig's only one; what the scenario has at cbig's three places is taken away, by `none` too.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel

from leakdrill.attacks import ATTACKS
from leakdrill.errors import ScenarioError
from leakdrill.scenario.overrides import Raw
from leakdrill.scenario.schema import ALL, ATTACK_AXIS, DEFENCE_AXIS, Scenario

NONE = "none"
#: Where cbig's defences stand, by the stage at which they act.
PLACES = {
    "training": "cbig.source_model.defences",
    "release": "cbig.release_defences",
    "prediction": "cbig.api.defences",
}
#: Where a scenario speaks of what attacks find, and the key that has it.
SAID = {"expect": "that", "guess": "what"}


@dataclass(frozen=True)
class Choice:
    """One value of an axis. `is_named`: the scenario names it, where others stand for all there are."""

    label: Any
    overrides: dict[str, Any]
    is_named: bool = True


def choices(scenario: Scenario, raw: Raw) -> dict[str, list[Choice]]:
    """The values of each axis; `raw` is the scenario as written, without its grid.

    Raises ScenarioError for an axis without values, or with two of one name, for two axes that set the same key, and
    for split keys without names, since those would be said wherever a cell is named.
    """
    if isinstance(scenario.grid.get("split_key"), list):
        raise ScenarioError(
            "grid: split_key decides who is a member, and an axis of keys would name cells after them: give each a "
            "name, as in `drawn: {first: {split_key: ...}, second: {split_key: ...}}`"
        )
    axes = {name: list(_choices(name, given, raw)) for name, given in scenario.grid.items()}
    for name, values in axes.items():
        if not values:
            raise ScenarioError(f"grid: {name} has no values, so there is nothing to run")
        labels = [str(choice.label) for choice in values]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise ScenarioError(f"grid: {name} has {twice} more than once: give each a name of its own")
    _check_apart(axes)
    return axes


def defence_kinds() -> dict[str, str]:
    """The place of each kind of defence that a scenario can give cbig."""
    return {kind: key for key in PLACES.values() for kind in _kinds(key)}


def _choices(name: str, given: Any, raw: Raw) -> Iterator[Choice]:
    if name == ATTACK_AXIS:
        yield from _attacks(given, raw)
    elif name == DEFENCE_AXIS:
        yield from _defences(given, raw)
    elif isinstance(given, dict):
        yield from (Choice(label, overrides) for label, overrides in given.items())
    else:
        yield from (Choice(value, {name: value}) for value in given)


def _attacks(given: Any, raw: Raw) -> Iterator[Choice]:
    own = [step["attack"] for step in raw["timeline"] if step["step"] == "attack"]
    wanted = dict.fromkeys([*ATTACKS, *(attack["kind"] for attack in own)]) if given == ALL else given
    found = [attack for each in wanted for attack in ([each] if isinstance(each, dict) else _meant(each, own))]
    known = {_name(attack) for attack in [*own, *found]}
    for attack in found:
        overrides = {"timeline": _with_only(attack, raw["timeline"])}
        overrides |= {
            key: _readable(raw[key], said, known - {_name(attack)}) for key, said in SAID.items() if key in raw
        }
        yield Choice(_name(attack), overrides, is_named=given != ALL)


def _meant(each: Any, own: list[Raw]) -> list[Raw]:
    """The timeline's attack of that name, or those of that kind; without any, one of that kind as it comes."""
    named = [attack for attack in own if attack["name"] == each]
    return named or [attack for attack in own if attack["kind"] == each] or [{"kind": each}]


def _with_only(attack: Raw, timeline: list[Raw]) -> list[Raw]:
    """The timeline with that attack alone."""
    attacks = [index for index, step in enumerate(timeline) if step["step"] == "attack"]
    own = [index for index in attacks if timeline[index]["attack"] == attack]
    place = (own or attacks or [len(timeline)])[0]
    before, after = (
        [step for step in part if step["step"] != "attack"] for part in (timeline[:place], timeline[place:])
    )
    return [*before, {"step": "attack", "attack": attack}, *after]


def _readable(clauses: list[Raw], said: str, others: set[str]) -> list[Raw]:
    """Those that are about no attack of another cell."""
    return [each for each in clauses if not _named_in(str(each[said])) & others]


def _named_in(clause: str) -> set[str]:
    """{"after", "before"} of "after.auc>before.auc", split as the grammar does it (leakdrill.referee.clause)."""
    operands = [word.partition(".") for word in re.split(r"[\s<>=!]+", clause)]
    return {name for name, dot, _ in operands if dot}


def _name(attack: Raw) -> str:
    return str(attack.get("name") or attack.get("kind"))


def _defences(given: Any, raw: Raw) -> Iterator[Choice]:
    kinds = defence_kinds()
    standing: dict[str, list[Raw]] = {key: [] for key in PLACES.values() if _at(raw, key)}
    for each in [NONE, *PLACES] if given == ALL else given:
        if each == NONE:
            yield Choice(NONE, dict(standing))
        elif isinstance(each, str) and each in PLACES:
            for kind, key in kinds.items():
                if key == PLACES[each]:
                    yield Choice(kind, {**standing, key: [{"kind": kind}]}, is_named=False)
        else:
            defence = each if isinstance(each, dict) else {"kind": each}
            key = kinds.get(str(defence.get("kind")), PLACES["prediction"])  # where plug-ins stand, and typos are found
            yield Choice(_called(defence), {**standing, key: [defence]})


def _called(defence: Raw) -> str:
    settings = [f"{key}={value}" for key, value in defence.items() if key != "kind"]
    return " ".join([str(defence.get("kind")), *settings])


def _at(raw: Raw, key: str) -> Any:
    """What stands at a dotted key, or None."""
    value: Any = raw
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _kinds(key: str) -> list[str]:
    """The kinds that the schema takes at a place; none where it has no such key."""
    annotation: Any = Scenario
    for part in key.split("."):
        field = annotation.model_fields.get(part)
        if field is None:
            return []
        annotation = field.annotation
    return [str(each.model_fields["kind"].default) for each in _classes(annotation) if "kind" in each.model_fields]


def _classes(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for part in get_args(annotation) for each in _classes(part)]


def _check_apart(axes: dict[str, list[Choice]]) -> None:
    """Raises ScenarioError where what a cell is would hang on the order of the axes."""
    keys = {name: {key for choice in values for key in choice.overrides} for name, values in axes.items()}
    for name, own in keys.items():
        for other, others in keys.items():
            if name < other and (both := own & others):
                raise ScenarioError(f"grid: {name} and {other} both set {sorted(both)[0]}: leave it to one of them")
