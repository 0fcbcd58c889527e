"""YAML for people: plain data only, and whatever a careless or hostile file can do to a reader is refused.

Refused, by line: keys that stand there twice (YAML says the last one wins, without a word), keys that are not text,
tags, documents after the first, files and nestings beyond a bound, and aliases that unfold to more than that.
"""

from typing import Any

import yaml

from leakdrill.errors import ScenarioError

MAX_BYTES = 1 << 20
MAX_NODES = 20_000  # with every alias unfolded: nine aliases of nine aliases of ... are a billion
MAX_NUMBER_LENGTH = 100  # characters; Python cannot even print a whole number of more than 4,300 digits
_INT = "tag:yaml.org,2002:int"
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}


class _Loader(yaml.SafeLoader):
    """The safe loader, without dates, which no scenario has a use for."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _PLAIN_TAGS | {_MERGE}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, origin: str) -> Any:
    """What `text` says. Raises ScenarioError beginning with `origin` and the line."""
    if len(text.encode()) > MAX_BYTES:
        raise ScenarioError(f"{origin}: {len(text.encode())} bytes, a scenario has at most {MAX_BYTES}")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node)
        return _unshared(loader.construct_document(node))
    except yaml.MarkedYAMLError as error:
        raise ScenarioError(f"{origin}{_place(error)}: {_problem(error)}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{origin}: not text that YAML allows: {error}") from error
    except RecursionError:
        raise ScenarioError(f"{origin}: nested too deeply") from None
    except (
        ValueError,
        KeyError,
    ) as error:  # what PyYAML's constructors raise for a number of 5,000 digits and the like
        raise ScenarioError(f"{origin}: a value that is none: {error}") from error


def _check(root: yaml.Node) -> None:
    """Walk the document with aliases unfolded, so that a bomb or a loop meets the bound before anything is built."""
    pending, num_nodes = [root], 0
    while pending:
        node = pending.pop()
        num_nodes += 1
        if num_nodes > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES} values once its aliases are unfolded")
        if node.tag not in _PLAIN_TAGS:
            _refuse(node, f"the tag {node.tag!r} is not supported: a scenario is plain text, numbers, lists, mappings")
        if node.tag == _INT and len(node.value) > MAX_NUMBER_LENGTH:
            _refuse(node, f"a number of {len(node.value)} characters, at most {MAX_NUMBER_LENGTH} are read")
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            pending += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pending += node.value


def _check_keys(mapping: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in mapping.value:
        if key.tag not in (_TEXT, _MERGE):
            _refuse(key, f"the key {key.value!r} is read as a {key.tag.rpartition(':')[2]}: put it in quotes")
        if key.value in seen:
            _refuse(key, f"the key {key.value!r} is there twice")
        seen.add(key.value)


def _unshared(value: Any) -> Any:
    """A mapping written once and merged into another is two: setting a key in one leaves the other as it is."""
    if isinstance(value, dict):
        return {key: _unshared(content) for key, content in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _refuse(node: yaml.Node, problem: str) -> None:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _problem(error: yaml.MarkedYAMLError) -> str:
    """As PyYAML says it, with the line where what it was reading began: often the slip is there."""
    begun = f" (from line {error.context_mark.line + 1})" if error.context_mark else ""
    return " ".join(part for part in (error.context and f"{error.context}{begun}", error.problem) if part)


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
