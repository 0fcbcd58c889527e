import numpy as np

from leakdrill.attacks import Gap
from leakdrill.contract.worlds import LocalOracle, world


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
