"""What is shipped beside the library's modules: next to the package in a checkout, within it in a wheel.

pyproject.toml's wheel puts each folder there under the path that it has here.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IS_WHEEL = (_PACKAGE / "scenarios").is_dir()
_ROOT = _PACKAGE if _IS_WHEEL else _PACKAGE.parent

SCENARIOS = _ROOT / "scenarios"
SWEEPS = _ROOT / "sweeps"  # scenarios too: those that are one question asked over a grid
LESSONS = _ROOT / "docs" / "lessons"
#: The package of the parties. In a wheel it has the library's name: `services` could be anybody's.
SERVICES = "leakdrill.services" if _IS_WHEEL else "services"
