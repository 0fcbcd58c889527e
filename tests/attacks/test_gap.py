import numpy as np
import pytest

from leakdrill.attacks import Entropy, Gap
from leakdrill.attacks.base import Attack
from leakdrill.contract.worlds import LocalOracle, world
from leakdrill.errors import InvalidInput


def test_in_is_whatever_the_model_gets_right() -> None:
    here = world("null")
    labels = here.view.challenge.labels
    predicted = np.where(np.arange(len(labels)) % 3 == 0, labels, (labels + 1) % 4)
    answers = np.eye(4, dtype=np.float32)[predicted]
    here.view.oracles["cbig/source"] = LocalOracle("cbig/source", 4, lambda inputs: answers)  # type: ignore[index]
    for output in ("scores", "label"):
        verdict = Gap(output=output).run(here.view)
        np.testing.assert_array_equal(verdict.decisions, np.arange(len(labels)) % 3 == 0)
        np.testing.assert_array_equal(verdict.scores, verdict.decisions.astype(float))


@pytest.mark.parametrize(
    ("attack", "shift", "says"),
    [
        (Gap(output="label"), 1, "wanted a label from 0 to 3"),
        (Gap(), 0.5, r"scores that are none, such as 1\.5"),
        (Entropy(), 0.5, r"scores that are none, such as 1\.5"),
    ],
)
def test_answers_that_are_none_are_an_error_and_no_mistakes(attack: Attack, shift: float, says: str) -> None:
    class Shifted(LocalOracle):
        def query(self, inputs, output="scores"):  # type: ignore[no-untyped-def]
            return super().query(inputs, output) + np.float32(shift)

    here = world("null")
    every_class = Shifted("cbig/source", 4, lambda inputs: np.eye(4, dtype=np.float32)[np.arange(len(inputs)) % 4])
    here.view.oracles["cbig/source"] = every_class  # type: ignore[index]
    with pytest.raises(InvalidInput, match=says):
        attack.run(here.view)
