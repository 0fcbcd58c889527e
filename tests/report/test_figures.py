from typing import Any

from leakdrill.report.figures import line_colours, line_dashes, mark_shapes

NAMES = [f"defence {number}" for number in range(23)]


def appearances(*channels: Any) -> set[tuple[str, ...]]:
    return set(zip(*(map(str, channel.to_dict()["scale"]["range"]) for channel in channels), strict=True))


def test_no_two_of_many_lines_or_marks_look_the_same() -> None:
    for looks in (line_dashes(NAMES), mark_shapes(NAMES, "name")):
        assert len(appearances(line_colours(NAMES), looks)) == len(NAMES)
