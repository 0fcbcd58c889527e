from collections.abc import Callable

import pytest
from typer.testing import Result

from leakdrill.attacks import ATTACK_KINDS

Shell = Callable[..., Result]


@pytest.mark.parametrize(
    ("what", "some"),
    [
        ("attacks", ["transmia", "TransMIA, appendix A", "gap"]),
        ("defences", ["memguard", "top_k", "keeps a budget"]),
        ("datasets", ["synthfaces", "digits", "image_folder", "lfw"]),
        ("archs", ["small_cnn", "resnet8", "resnet18"]),
        ("scenarios", ["quickstart"]),
        ("sweeps", ["defences-quick"]),
    ],
)
def test_list_names_what_there_is_with_a_line_for_each(leakdrill: Shell, what: str, some: list[str]) -> None:
    answer = leakdrill("list", what)
    assert answer.exit_code == 0
    assert all(name in answer.stdout for name in some)


def test_list_of_anything_else_names_the_choices(leakdrill: Shell) -> None:
    answer = leakdrill("list", "parties")
    assert answer.exit_code == 2
    assert "scenarios" in answer.stderr


def test_list_of_nothing_says_what_can_be_listed_and_how_many_there_are(leakdrill: Shell) -> None:
    answer = leakdrill("list")
    assert answer.exit_code == 0
    counts = {line.split()[2]: int(line.split()[3]) for line in answer.stdout.splitlines()}
    assert list(counts) == ["attacks", "defences", "datasets", "archs", "scenarios", "sweeps"]
    assert counts["attacks"] == len({**ATTACK_KINDS.own, **ATTACK_KINDS.installed()})
    assert min(counts.values()) > 0
