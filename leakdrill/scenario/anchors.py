"""Files of the user's own that a scenario names: classes and builders (`./mine.py:MyAttack`), an own model's files."""

from pathlib import Path
from typing import Any

from leakdrill.plugins import REFERENCE

#: Keys whose values are paths; of those that are dotted, the last part.
PATHS = frozenset({"weights", "members", "non_members"})


def anchored(value: Any, folder: Path, key: str = "") -> Any:
    """A copy of what was parsed in which these are absolute paths, instead of ones relative to `folder`.

    So that every process finds them, wherever it runs. A class or a builder counts as a file if it begins with a dot.
    """
    if isinstance(value, dict):
        return {name: anchored(content, folder, str(name)) for name, content in value.items()}
    if isinstance(value, list):
        return [anchored(item, folder, key) for item in value]
    is_file = isinstance(value, str) and key.rpartition(".")[2] in PATHS
    if is_file or (isinstance(value, str) and value.startswith(("./", "../")) and REFERENCE.fullmatch(value)):
        return str((folder / Path(value).expanduser()).resolve())
    return value
