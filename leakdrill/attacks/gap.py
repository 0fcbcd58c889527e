"""The gap attack: a model is right more often about what it was trained on."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.base import EITHER, Access, Attack, Verdict, Victim, View
from leakdrill.attacks.checks import check_labels
from leakdrill.attacks.confidences.base import Answers, check_answers
from leakdrill.attacks.tuning.shadow_tuned import task_labels


class Gap(Attack):
    """In if the source model is right, else out (Yeom et al. 2018, section 3.2, "adversary 1"; no shadow models).

    TransMIA (section 2.3) takes what a membership attack exploits to be "a different behavior of the model" on what it
    was trained on; this is the plainest of such differences. The accuracy to expect is 1/2 + (train accuracy - test
    accuracy) / 2, which any attack with shadows has to beat. Scores are 1 or 0, so the ROC curve has a single corner.
    """

    kind: Literal["gap"] = "gap"
    victims: ClassVar[frozenset[Victim]] = EITHER
    output: Literal["scores", "label"] = "scores"

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({f"cbig/source:{self.output}"})

    @property
    def reads_labels_alone(self) -> bool:
        return True

    @property
    def budgets(self) -> tuple[int, ...]:
        return (1,)

    def run(self, view: View) -> Verdict:
        check_labels(view)
        is_right = np.asarray(self._predicted(view) == view.challenge.labels)
        scores = is_right.astype(np.float64)
        return Verdict(scores, is_right, by_queries={1: scores - 0.5})

    def _predicted(self, view: View) -> NDArray[np.generic]:
        """Labels (N,). Raises InvalidInput for answers that are none: they would all count as the model's mistakes."""
        inputs = view.challenge.inputs
        if self.output == "label":
            return task_labels(view.victim, inputs, view.num_classes)
        answers = Answers(view.victim.query(inputs, "scores"), "scores")
        check_answers(answers, view)
        return np.asarray(answers.given.argmax(axis=1))
