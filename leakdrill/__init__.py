"""A simulated multi-party testbed for privacy attacks on transfer learning."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leakdrill.referee.drill import Drill
    from leakdrill.runs.frame import load_runs

__all__ = ["Drill", "load_runs"]


def __getattr__(name: str) -> Any:
    """`from leakdrill import Drill`, without making everything else that is imported from here wait for torch."""
    if name == "Drill":
        from leakdrill.referee.drill import Drill

        return Drill
    if name == "load_runs":
        from leakdrill.runs.frame import load_runs

        return load_runs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
