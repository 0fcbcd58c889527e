from leakdrill.referee.deciding import from_fpr, from_interval, in_words, the_most
from leakdrill.results import Deciding, Interval


def decided_by(value: float, low: float, high: float, num_judged: int = 1000) -> Deciding:
    return from_interval(Interval(value=value, low=low, high=high), num_judged, "example")


def test_an_interval_twice_as_wide_as_it_may_be_takes_four_times_the_examples() -> None:
    assert decided_by(0.02, -0.02, 0.05).num_needed == 4000
    assert decided_by(-0.02, -0.05, 0.02).num_needed == 4000  # the other way round, the other side counts


def test_the_estimate_is_rounded_up_to_two_digits_and_is_more_than_there_is() -> None:
    assert decided_by(0.03, -0.02, 0.05).num_needed == 2800  # 1000 (5/3)^2 = 2777.8
    assert decided_by(0.03, 0.0, 0.05).num_needed == 1100


def test_a_value_on_the_bound_has_no_number() -> None:
    for value in (0.0, 0.002, -0.002):
        found = decided_by(value, -0.05, 0.05)
        assert found.num_needed is None
        assert "sits on the bound" in in_words(found)
    assert decided_by(0.006, -0.05, 0.06).num_needed == 88_000


def test_a_rate_for_which_there_are_too_few_non_members_says_how_many_it_takes() -> None:
    found = from_fpr(0.001, 10, 500, 250, "identity")
    assert found.num_needed == 30_000
    assert in_words(found) == (
        "about 30,000 identities would decide it, 10,000 of them non-members, so that a false-positive rate of 0.001 "
        "stands for 10; 750 were judged"
    )


def test_the_most_of_several_is_what_decides_all() -> None:
    few, many, never = decided_by(0.04, -0.05, 0.1), decided_by(0.01, -0.05, 0.1), decided_by(0.0, -0.05, 0.05)
    assert the_most([few, many]) == many
    assert the_most([few, never, many]) == never
    assert the_most([few, None]) is None
    assert the_most([]) is None


def test_the_words_say_that_the_value_is_taken_to_stay() -> None:
    assert in_words(decided_by(0.02, -0.02, 0.05)) == (
        "about 4,000 examples would decide it, if the value stays; 1,000 were judged"
    )
