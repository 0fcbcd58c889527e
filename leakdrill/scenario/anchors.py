"""Files of the user's own that a scenario names: classes and builders (`./mine.py:MyAttack`), an own model's files."""

from pathlib import Path
from typing import Any

from leakdrill.plugins import REFERENCE

#: Keys whose values are paths, or may be classes and builders in files; of those that are dotted, the last part.
PATHS = frozenset({"weights", "members", "non_members"})
CLASSES = frozenset({"kind", "set", "arch", "builder"})


def anchored(value: Any, folder: Path, key: str = "") -> Any:
    """A copy of what was parsed in which these are absolute paths, instead of ones relative to `folder`.

    So that every process finds them, wherever it runs.
    """
    if isinstance(value, dict):
        return {name: anchored(content, folder, str(name)) for name, content in value.items()}
    if isinstance(value, list):
        return [anchored(item, folder, key) for item in value]
    last = key.rpartition(".")[2]
    if isinstance(value, str) and (last in PATHS or (last in CLASSES and REFERENCE.fullmatch(value))):
        return str((folder / Path(value).expanduser()).resolve())
    return value
