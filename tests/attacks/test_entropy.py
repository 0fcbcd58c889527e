from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks import Entropy
from leakdrill.contract.worlds import LocalOracle, world


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_the_chosen_share_of_the_adversarys_own_examples_is_called_in(rate: float) -> None:
    view = world("memoriser").view
    assert view.shadow_test is not None
    of_own = Entropy(false_positive_rate=rate).run(replace(view, challenge=view.shadow_test))
    assert of_own.decisions.mean() == pytest.approx(rate, abs=0.02)


def test_it_asks_about_no_more_of_its_own_examples_than_it_has() -> None:
    here = world("memoriser")
    Entropy(threshold_queries=10_000).run(here.view)
    assert here.num_asked["cbig/source"] == 400 + 60


def test_the_notes_say_how_many_answers_are_saturated_and_share_the_top() -> None:
    def sure(inputs: np.ndarray) -> np.ndarray:
        return np.eye(4, dtype=np.float32)[[2]].repeat(len(inputs), axis=0)

    here = world("memoriser", per_class=5).view
    notes = Entropy().run(replace(here, oracles={"cbig/source": LocalOracle("cbig/source", 4, sure)})).notes
    assert notes["confidences_of_exactly_1"] == len(here.challenge)
    assert notes["tied_at_the_top"] == (here.challenge.labels == 2).sum()
