"""A step of a timeline, by its number, its name or its kind, as a person types it."""

from collections.abc import Sequence

from leakdrill.errors import InvalidInput
from leakdrill.scenario.steps import AttackStep, Step, name_of


def find_step(timeline: Sequence[Step], wanted: str) -> int:
    """The index of the step that is meant: 1 is the first, `breach` the breach, `after` the attack of that name.

    Raises InvalidInput, with all steps, for none or for several.
    """
    if wanted.isdecimal() and 1 <= int(wanted) <= len(timeline):
        return int(wanted) - 1
    named = [index for index, step in enumerate(timeline) if name_of(step) == wanted]
    found = named or [index for index, step in enumerate(timeline) if wanted in _kinds(step)]
    if len(found) == 1:
        return found[0]
    steps = ", ".join(f"{number} {name_of(step)}" for number, step in enumerate(timeline, start=1))
    if not found:
        raise InvalidInput(f"no step {wanted!r}: the steps are {steps}")
    meant = " and ".join(str(index + 1) for index in found)
    raise InvalidInput(f"{wanted!r} is steps {meant}: name one by its number; the steps are {steps}")


def _kinds(step: Step) -> tuple[str, ...]:
    return (step.step, step.attack.kind) if isinstance(step, AttackStep) else (step.step,)
