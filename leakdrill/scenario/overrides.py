"""Dotted keys, set on a scenario as it is written: by --set, by its `smoke` block, by its `grid`.

seed                            cbig.source_model.fit.epochs          data.root
after.num_shadows               of the attack called `after`; before,after.num_shadows of both
attacks.shadow_size             of every attack that has it
cbig.source_model,attacks.fit.epochs    of the source model and of every attack's shadow models
breach.fidelity.bits            of every breach
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from leakdrill.attacks import ATTACK_KINDS
from leakdrill.errors import ScenarioError
from leakdrill.plugins import REFERENCE, references
from leakdrill.scenario.data import Data
from leakdrill.scenario.safe_yaml import parse_yaml
from leakdrill.scenario.schema import Scenario
from leakdrill.suggest import suggest

Raw = dict[str, Any]
_TAGS = {"kind", "set", "step"}  # they say which class the other keys belong to


def parse_overrides(settings: Sequence[str]) -> dict[str, Any]:
    """{"seed": 3} of ["seed=3"]; values are YAML."""
    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise ScenarioError(f"--set {setting}: wanted KEY=VALUE, such as seed=3 or after.num_shadows=20")
        overrides[key.strip()] = parse_yaml(value, origin=f"--set {setting}")
    return overrides


def apply_overrides(raw: Raw, overrides: Mapping[str, Any], origin: str) -> Raw:
    """A copy of the scenario's mapping with other values. What is no key at all is found by validating the result.

    Raises ScenarioError, beginning with `origin` and the key, for one that leads nowhere.
    """
    changed = copy.deepcopy(raw)
    for key, value in overrides.items():
        try:
            for mapping, path in _addressed(changed, key):
                _set(mapping, path, copy.deepcopy(value))
        except ScenarioError as error:
            raise ScenarioError(f"{origin} {key}: {error}") from error
    return changed


def as_written(value: Any) -> Any:
    """A validated scenario as a person would have written it: without what is the default anyway.

    So a grid can set `after.kind` without running into the other kind's defaults.
    """
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        written = {
            name: as_written(content)
            for name, content in value
            if name in _TAGS or content != fields[name].get_default(call_default_factory=True)
        }
        return written | references(value)
    if isinstance(value, list):
        return [as_written(item) for item in value]
    return copy.deepcopy(value)


def _addressed(raw: Raw, key: str) -> list[tuple[Raw, list[str]]]:
    """The mappings that a dotted key means, each with the path that is left of it."""
    if "," in key:  # what follows the last name belongs to all of them
        *others, last = key.split(",")
        name, dot, field = last.partition(".")
        return [place for each in (*others, name) for place in _addressed(raw, f"{each.strip()}{dot}{field}")]
    head, *rest = key.split(".")
    attacks = _contents(raw, "attack")
    names = {attack.get("name") or _own_name(attack.get("kind")): attack for attack in attacks}
    if head in Scenario.model_fields:
        return [(raw, _into_dataset(raw, [head, *rest]))]
    if not rest and head in {*names, "attacks", "breach"}:
        raise ScenarioError(f"name one of its fields, such as {head}.{'artefact' if head == 'breach' else 'name'}")
    if head in names:
        return [(names[head], rest)]
    if head == "attacks":
        return [(attack, rest) for attack in _with_field(attacks, rest[0])]
    breaches = _contents(raw, "breach")
    if head == "breach" and breaches:
        return [(breach, rest) for breach in breaches]
    raise ScenarioError(f"unknown key {head!r}; {suggest(head, [*Scenario.model_fields, *map(str, names)])}")


def _contents(raw: Raw, step: str) -> list[Raw]:
    """The mappings of all steps of one kind: `- attack: {...}`."""
    timeline = raw.get("timeline")
    steps = timeline if isinstance(timeline, list) else []
    return [one[step] for one in steps if isinstance(one, dict) and isinstance(one.get(step), dict)]


def _own_name(kind: Any) -> Any:
    """An attack's name where it is given none: its kind; of one in a file, what the class calls itself."""
    found = ATTACK_KINDS.find(kind) if isinstance(kind, str) and REFERENCE.fullmatch(kind) else None
    return found.model_fields["kind"].default if found else kind


def _with_field(attacks: list[Raw], field: str) -> list[Raw]:
    kinds = [ATTACK_KINDS.find(str(attack.get("kind"))) for attack in attacks]
    fields = [kind.model_fields if kind else {} for kind in kinds]
    chosen = [attack for attack, known in zip(attacks, fields, strict=True) if field in known]
    if not chosen:
        raise ScenarioError(f"no attack here has {field!r}; {suggest(field, {f for known in fields for f in known})}")
    return chosen


def _into_dataset(raw: Raw, path: list[str]) -> list[str]:
    """`data.root` is written beside the splits, and stands in `data.dataset` once a scenario is validated."""
    data = raw.get("data")
    if (
        path[0] == "data"
        and isinstance(data, dict)
        and "dataset" in data
        and path[1:]
        and path[1] not in Data.model_fields
    ):
        return ["data", "dataset", *path[1:]]
    return path


def _set(mapping: Raw, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = mapping.get(part)
        if inner is None or inner == "full":  # `fidelity: full` is short for the defaults
            inner = mapping[part] = {}
        if not isinstance(inner, dict):
            raise ScenarioError(f"{part!r} is {inner!r} here, which has no keys of its own: set it as a whole")
        mapping = inner
    mapping[path[-1]] = value
