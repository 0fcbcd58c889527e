"""Attacks, defences, data sets and architectures that are not in this tree: installed packages' and classes in a file.

A scenario names the first by the name that the package's entry point gives it, and the second as `./mine.py:MyAttack`.
Either is a Spec like those in the tree. What a class does runs where the tree's own do it (an attack in the adversary's
process); the module itself is imported by every process that reads the scenario, the referee's among them.
"""

import hashlib
import importlib.util
import inspect
import json
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from leakdrill.errors import ScenarioError
from leakdrill.spec import Spec

#: "mine.py:MyAttack", with any folder before it.
REFERENCE = re.compile(r"(?P<file>\S.*\.py):(?P<name>[A-Za-z_]\w*)")
#: What a docstring's first line cites: a paper by its authors and year, or that there is none.
CITATION = re.compile(r"\(.*(\b(19|20)\d\d\b|unpublished).*\)|\(TransMIA,? .*(section|appendix).*\)")

_references: dict[type[Spec], dict[str, str]] = {}  # by class: how a scenario names it, such as {"kind": "./a.py:A"}
_digests: dict[str, str] = {}  # of the files that classes came from


@dataclass(frozen=True, eq=False)
class Kinds:
    """An annotation that opens a union, told apart by the field `tag`, to classes that are not in it.

    `what` is for errors, `group` the entry points'. A description that another party sent may name no file of ours:
    unions that travel so have `from_files` False.
    """

    what: str
    group: str
    base: type[Spec]
    own: dict[str, Any]  # the union's classes by tag
    tag: str = "kind"
    from_files: bool = True

    def find(self, tag: str) -> type[Spec] | None:
        """The class of that tag, or None. Raises ScenarioError for one that is no plug-in, saying why."""
        if tag in self.own:
            found: type[Spec] = self.own[tag]
            return found
        if reference := REFERENCE.fullmatch(tag):
            return self._from_file(tag, Path(reference["file"]), reference["name"])
        for point in entry_points(group=self.group, name=tag):
            return self._installed(point)
        return None

    def takes(self, tag: str) -> bool:
        """Whether `tag` stands for one of these, rather than for a plug-in of another sort or for none."""
        try:
            return self.find(tag) is not None
        except ScenarioError:
            return False

    def installed(self) -> dict[str, type[Spec]]:
        """By the names that packages gave them."""
        return {point.name: self._installed(point) for point in entry_points(group=self.group)}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._validate,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(self._dump, schema=core_schema.any_schema()),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The union's, and whatever a file's class or an installed one is set by, which only they know."""
        described = dict(handler(schema))
        others = {"type": "string", "not": {"enum": list(self.own)}}
        described["oneOf"] = [
            *described["oneOf"],
            {"type": "object", "properties": {self.tag: others}, "required": [self.tag]},
        ]
        return described

    def _dump(self, value: Any, dump: Callable[[Any], Any]) -> Any:
        """As a scenario would name it, so that it validates to the same again, in another process too."""
        dumped = dump(value)
        return dumped | _references.get(type(value), {})

    def _validate(self, value: Any, validate: Callable[[Any], Any]) -> Any:
        if type(value) in _references and isinstance(value, self.base):
            return value
        tag = value.get(self.tag) if isinstance(value, dict) else None
        if not isinstance(tag, str) or tag in self.own:
            return validate(value)
        try:
            found = self.find(tag)
        except ScenarioError as error:
            raise ValueError(str(error)) from error
        if found is None:
            return validate(value)  # for its error
        try:
            return found.model_validate(value | {self.tag: _tag_of(found, self.tag)})
        except ValidationError as error:
            raise _below(tag, error) from error

    def _from_file(self, tag: str, file: Path, name: str) -> type[Spec]:
        if not self.from_files:
            raise ScenarioError(
                f"{self.what} {tag}: cannot be a class in a file, since other parties build it too: install it with an "
                f"entry point in {self.group}"
            )
        found = self._checked(_attribute(load_module(file, tag), name, tag), tag)
        found.__reduce__ = _reduced  # type: ignore[assignment,method-assign]
        return found

    def _installed(self, point: EntryPoint) -> type[Spec]:
        try:
            loaded = point.load()
        except Exception as error:  # a stranger's module may raise whatever it likes
            raise ScenarioError(
                f"{self.what} {point.name} ({point.value}) cannot be imported: {_told(error)}"
            ) from error
        return self._checked(loaded, point.name)

    def _checked(self, found: Any, tag: str) -> type[Spec]:
        """`found`, which from now on is what `tag` stands for. Raises ScenarioError if it is not what it should be."""
        told, wanted = f"{self.what} {tag}", self.base.__name__
        if not (inspect.isclass(found) and issubclass(found, self.base)):
            raise ScenarioError(f"{told} is no {wanted}: derive it from {self.base.__module__}.{wanted}")
        kind = _tag_of(found, self.tag)
        if kind is None:
            raise ScenarioError(
                f'{told} has no `{self.tag}`: give the class a line like {self.tag}: Literal["mine"] = "mine"'
            )
        if kind in self.own:
            raise ScenarioError(f"{told} calls itself {kind!r}, as one of leakdrill's own does: give it another name")
        if not CITATION.search((found.__doc__ or "").partition("\n")[0]):
            raise ScenarioError(
                f"{told} cites nothing: begin its docstring with one line that ends in its source, such as "
                '"""In if the loss is low (Yeom et al. 2018).""", or in (unpublished)'
            )
        _references[found] = {self.tag: tag}
        return found


def to_json(spec: Spec) -> str:
    """A member of an open union by itself, so that it validates to the same again, in another process too."""
    return json.dumps(spec.model_dump(mode="json") | references(spec))


def code_of(*specs: Spec) -> dict[str, str]:
    """SHA-256 of the files that the classes of `specs` came from, by class: part of what is made with them."""
    named = [REFERENCE.fullmatch(tag) for spec in specs for tag in references(spec).values()]
    files = {f"{Path(each['file']).name}:{each['name']}": Path(each["file"]) for each in named if each}
    return {name: _digests[str(file.expanduser().resolve())] for name, file in files.items()}


def references(spec: BaseModel) -> dict[str, str]:
    """By the field that says so: how a scenario names the class of `spec`; nothing for one in the tree."""
    return _references.get(type(spec), {}) if isinstance(spec, Spec) else {}


def of_tag(tag: str) -> type[Spec] | None:
    """The class that a scenario of this process named so."""
    return next((found for found, named in _references.items() if tag in named.values()), None)


def digests(named_in: str | None = None) -> dict[str, str]:
    """SHA-256 of each file that this process loaded a class from, by path: part of what a result depends on.

    named_in: a scenario's JSON, and only of files that it names.
    """
    return {path: digest for path, digest in _digests.items() if named_in is None or f"{path}:" in named_in}


def load_module(file: Path, told: str) -> ModuleType:
    """The module in `file`, imported once in a process. Raises ScenarioError, beginning with `told`."""
    path = file.expanduser().resolve()
    name = f"leakdrill_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ScenarioError(f"{told}: there is no file {path}; in a container, mount it there")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks up annotations there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a stranger's module may raise whatever it likes
        del sys.modules[name]
        raise ScenarioError(f"{told}: {path} cannot be imported: {_told(error, path)}") from error
    _digests[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return module


def _reduced(spec: Spec) -> tuple[Callable[[str, str], Spec], tuple[str, str]]:
    """For pickle, which would look for the class in a module that a worker process has not loaded."""
    (tag,) = references(spec).values()
    return _revived, (tag, spec.model_dump_json())


def _revived(tag: str, fields: str) -> Spec:
    file, _, name = tag.rpartition(":")
    found: type[Spec] = _attribute(load_module(Path(file), tag), name, tag)
    (field,) = (key for key in ("kind", "set") if key in found.model_fields)
    _references[found] = {field: tag}
    return found.model_validate_json(fields)


def _attribute(module: ModuleType, name: str, told: str) -> Any:
    if not hasattr(module, name):
        here = [each for each, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise ScenarioError(f"{told}: the file has no {name!r}, only {', '.join(sorted(here)) or 'nothing of its own'}")
    return getattr(module, name)


def _tag_of(found: type[Spec], tag: str) -> str | None:
    """The one value that its field `tag` can have."""
    field = found.model_fields.get(tag)
    if field is None or get_origin(field.annotation) is not Literal:
        return None
    return str(get_args(field.annotation)[0])


def _told(error: Exception, path: Path | None = None) -> str:
    """The error, and the line of `path` that it came from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {error}"


def _below(tag: str, error: ValidationError) -> ValidationError:
    """The same error one place deeper, at `tag`, where pydantic has those of the union's own classes."""
    found = [
        InitErrorDetails(type=each["type"], loc=(tag, *each["loc"]), input=each["input"], ctx=each.get("ctx", {}))
        for each in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(error.title, found)
