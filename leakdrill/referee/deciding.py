"""How many examples would decide an expectation that is undecided, if what was found stays what it is.

The interval of a rate or a difference of n examples is about as wide as 1/sqrt(n). One that reaches over the bound by
so much now falls short of it from n (half-width / distance)^2 on, the distance being that of the value from the bound.
That takes the value as it was found, which is itself unsure: of new challenges of the size given, about half would
decide. Very near the bound the distance is nothing but chance, and no number is given.
"""

import math

from leakdrill.results import Deciding, Interval, Unit

#: Half-widths. Nearer than that, the number would be a hundred times what there is, or more, and the sign a coin's.
NEAREST = 0.1


def from_interval(difference: Interval, num_judged: int, unit: Unit) -> Deciding:
    """For an interval of value minus bound, which 0 lies in or on the edge of, of `num_judged` examples."""
    distance = abs(difference.value)
    half_width = difference.value - difference.low if difference.value > 0 else difference.high - difference.value
    if distance <= NEAREST * half_width:
        return Deciding(
            unit=unit,
            num_judged=num_judged,
            num_needed=None,
            reason="the value sits on the bound, as far as can be told",
        )
    # one more than now at the least: the edge itself may lie on the bound
    needed = max(num_judged + 1, math.ceil(num_judged * (half_width / distance) ** 2))
    return Deciding(unit=unit, num_judged=num_judged, num_needed=_rounded_up(needed), reason="if the value stays")


def from_fpr(fpr: float, least: int, num_members: int, num_non_members: int, unit: Unit) -> Deciding:
    """For a TPR at a false-positive rate that stands for fewer than `least` non-members, so that it is not given."""
    wanted = math.ceil(least / fpr - 1e-9)
    num_judged = num_members + num_non_members
    needed = math.ceil(wanted * num_judged / num_non_members)
    reason = f"{wanted:,} of them non-members, so that a false-positive rate of {fpr:g} stands for {least}"
    return Deciding(unit=unit, num_judged=num_judged, num_needed=needed, reason=reason)


def the_most(found: list[Deciding | None]) -> Deciding | None:
    """What would decide all of them: None where nothing is known of one, and no number where one has none."""
    if not found or any(each is None for each in found):
        return None
    known = [each for each in found if each is not None]
    without = [each for each in known if each.num_needed is None]
    return without[0] if without else max(known, key=lambda each: each.num_needed or 0)


def in_words(deciding: Deciding) -> str:
    """ "about 4,800 examples would decide it, if the value stays; 2,400 were judged"."""
    units = "examples" if deciding.unit == "example" else "identities"
    judged = f"{deciding.num_judged:,} were judged"
    if deciding.num_needed is None:
        return f"no number of {units} can be named that would decide it: {deciding.reason}; {judged}"
    return f"about {deciding.num_needed:,} {units} would decide it, {deciding.reason}; {judged}"


def _rounded_up(number: int) -> int:
    """To two digits: more would be pretended."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return math.ceil(number / step) * step
