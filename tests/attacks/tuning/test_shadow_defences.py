"""Which defences shadow models run, and what is set apart for them."""

from dataclasses import replace

import pytest

from leakdrill.attacks import Boundary, ConfidenceThreshold
from leakdrill.attacks.base import View
from leakdrill.contract.worlds import world
from leakdrill.defences import MemGuard, Rounding
from leakdrill.defences.known import KnownDefences


@pytest.fixture(scope="module")
def view() -> View:
    return world("null", per_class=5).view


def test_an_attack_on_labels_runs_no_defence_that_keeps_them(view: View) -> None:
    """MemGuard takes a membership network for each shadow."""
    known = KnownDefences(prediction=(MemGuard(),))
    of_labels = Boundary(defended_shadows=True).shadow_defences(replace(view, defences=known))
    assert not of_labels.known.prediction
    assert not len(of_labels.apart)
    of_scores = ConfidenceThreshold(defended_shadows=True).shadow_defences(replace(view, defences=known))
    assert of_scores.known == known
    assert len(of_scores.apart)


def test_an_attack_on_labels_runs_all_of_them_where_one_moves_labels(view: View) -> None:
    known = KnownDefences(prediction=(MemGuard(), Rounding()))
    attack = Boundary(defended_shadows=True)
    assert attack.shadow_defences(replace(view, defences=known)).known == known
