"""Pydantic's findings in the words of a scenario's author: one line for each key, as it was written."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leakdrill.plugins import of_tag
from leakdrill.scenario.data import Data
from leakdrill.scenario.schema import Scenario
from leakdrill.suggest import suggest

_TAGS = ("kind", "set", "step")  # the fields that choose between classes
_MAX_SHOWN = 60  # characters of a value that is not what was wanted


@dataclass(frozen=True)
class _Place:
    """Where an error is: its dotted key, the type wanted there, the keys it could have had, what the field is for."""

    path: str
    wanted: Any
    siblings: frozenset[str]
    description: str


def explain(error: ValidationError, raw: Any) -> list[str]:
    """A line for each key that is wrong: what was got, what would be right. `raw` is the scenario as written."""
    problems: dict[str, list[str]] = {}
    for details in error.errors(include_url=False):
        place = _locate(details["loc"])
        problems.setdefault(_named(place.path, details["loc"], raw), []).append(_problem(details, place))
    return [f"{path}: {_joined(found)}" if path else _joined(found) for path, found in problems.items()]


def _locate(loc: tuple[int | str, ...]) -> _Place:
    """Follow pydantic's location through the types. It also counts the tags of unions, which nobody writes."""
    kind: Any = Scenario
    path, siblings, description = "", frozenset[str](), ""
    for part in loc:
        kind = _bare(kind)
        if _members(kind):
            kind = _tagged(kind, part)
        elif _is_model(kind):
            field = kind.model_fields.get(part)
            siblings, description = _fields(kind, siblings), (field and field.description) or ""
            path += "" if (kind, part) == (Data, "dataset") else f".{part}"
            kind = field and field.annotation
        elif get_origin(kind) is list:
            path, kind = f"{path}[{part}]", get_args(kind)[0]
        elif get_origin(kind) is dict:
            path, kind = f"{path}.{part}", get_args(kind)[1]
    return _Place(path.removeprefix("."), _bare(kind), siblings, description)


def _problem(details: ErrorDetails, place: _Place) -> str:
    context: Mapping[str, Any] = details.get("ctx", {})
    last = str(details["loc"][-1]) if details["loc"] else ""
    got = _shown(details["input"])
    match details["type"]:
        case "extra_forbidden":
            return f"unknown key; {suggest(last, place.siblings)}"
        case "missing":
            return f"missing{f' ({place.description})' if place.description else ''}"
        case "union_tag_invalid":
            discriminator = str(context["discriminator"]).strip("'")
            return f"unknown {discriminator} {context['tag']!r}; {suggest(str(context['tag']), _tags(place.wanted))}"
        case "union_tag_not_found" if "step" in str(context["discriminator"]):
            return f"wanted one step ({', '.join(_tags(place.wanted))}), got {got}"
        case "union_tag_not_found":
            discriminator = str(context["discriminator"]).strip("'")
            return f"missing {discriminator!r}, which is one of {', '.join(_tags(place.wanted))}"
        case "value_error":
            return details["msg"].removeprefix("Value error, ")
        case "model_type" | "dict_type" | "model_attributes_type":
            example = (
                f", such as {{kind: {_tags(place.wanted)[0]}}}" if _members(place.wanted) else " of keys to values"
            )
            return f"wanted a mapping{example}, got {got}"
        case "string_pattern_mismatch":
            return f"wanted text that matches {context['pattern']}, got {got}"
        case _:
            wanted = details["msg"].partition(", unable")[0].removeprefix("Input should be ")
            return f"wanted {wanted[:1].lower()}{wanted[1:]}, got {got}"


def _joined(problems: list[str]) -> str:
    """The members of a union each complain: `steps: auto | int` wants the one or the other."""
    unique = list(dict.fromkeys(problems))
    if len(unique) > 1 and all(problem.startswith("wanted ") for problem in unique):
        wants = [problem.removeprefix("wanted ").rpartition(", got ")[0] for problem in unique]
        return f"wanted {' or '.join(wants)}, got {unique[0].rpartition(', got ')[2]}"
    return "; ".join(unique)


def _named(path: str, loc: tuple[int | str, ...], raw: Any) -> str:
    """With the attack's name after its place in the timeline, which a reader would otherwise have to count."""
    match loc:
        case ("timeline", int(index), "attack", *_):
            step = raw["timeline"][index] if isinstance(raw, dict) else None
            attack = step.get("attack") if isinstance(step, dict) else None
            name = (attack.get("name") or attack.get("kind")) if isinstance(attack, dict) else None
            return f"{path} (attack {name!r})" if name else path
        case _:
            return path


def _bare(kind: Any) -> Any:
    """Without Annotated and Optional."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        given = [member for member in get_args(kind) if member is not type(None)]
        if len(given) == 1:
            return _bare(given[0])
    return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _members(kind: Any) -> list[type[BaseModel]]:
    """The classes of a union of classes; none for anything else."""
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else ()
    return list(members) if all(_is_model(member) for member in members) else []


def _tags_of(member: type[BaseModel]) -> Iterator[str]:
    for name in _TAGS:
        field = member.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is Literal:
            yield from get_args(field.annotation)


def _tags(kind: Any) -> list[str]:
    return [tag for member in _members(kind) for tag in _tags_of(member)]


def _tagged(kind: Any, tag: int | str) -> type[BaseModel] | None:
    return next((member for member in _members(kind) if tag in list(_tags_of(member))), None) or of_tag(str(tag))


def _fields(model: type[BaseModel], outer: frozenset[str]) -> frozenset[str]:
    """What may be written in this mapping. A data set's keys stand beside those of `data`."""
    own = frozenset(model.model_fields)
    return own | (outer - {"dataset"}) if outer == frozenset(Data.model_fields) else own


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
