"""The gap attack: a model is right more often about what it was trained on."""

from typing import ClassVar, Literal

import numpy as np

from leakdrill.attacks.base import EITHER, Access, Attack, Verdict, Victim, View
from leakdrill.attacks.checks import check_labels


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
        answers = view.victim.query(view.challenge.inputs, self.output)
        predicted = answers.argmax(axis=1) if self.output == "scores" else answers
        is_right = np.asarray(predicted == view.challenge.labels)
        scores = is_right.astype(np.float64)
        return Verdict(scores, is_right, by_queries={1: scores - 0.5})
