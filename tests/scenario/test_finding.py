import pytest
from small import small

from leakdrill.errors import InvalidInput
from leakdrill.scenario.finding import find_step

TIMELINE = small().timeline


@pytest.mark.parametrize(
    ("wanted", "index"), [("1", 0), ("6", 5), ("adapt", 2), ("gap", 3), ("breach", 4), ("after", 5), ("transmia", 5)]
)
def test_a_step_is_found_by_its_number_its_name_or_its_kind(wanted: str, index: int) -> None:
    assert find_step(TIMELINE, wanted) == index


@pytest.mark.parametrize("wanted", ["0", "7", "nothing", ""])
def test_a_step_that_there_is_not_is_answered_with_all_there_are(wanted: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"the steps are 1 train_source, 2 release, 3 adapt, 4 gap, 5 breach, 6 after"
    ):
        find_step(TIMELINE, wanted)


def test_a_kind_that_is_several_steps_asks_for_a_number() -> None:
    with pytest.raises(InvalidInput, match=r"'attack' is steps 4 and 6: name one by its number"):
        find_step(TIMELINE, "attack")
