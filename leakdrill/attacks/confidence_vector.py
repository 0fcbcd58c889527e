"""The canonical attack: a network per class that reads the confidence vector."""

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.attacks.attack_models import fit_dnn, leading_scores
from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.confidences.base import Answers, Confidence
from leakdrill.attacks.tuning.networks import Networks, judge_by_networks
from leakdrill.seeds import derive

#: A single hidden layer of 64 neurons (appendix B.1, "Model Architectures").
fit_network = partial(fit_dnn, hidden=(64,))


class ConfidenceVector(Confidence):
    """In by a network on the confidence vector (Choquette-Choo et al. 2021, appendix B.1; Shokri et al. 2017).

    One network for each true label, fitted on the answers of the adversary's own shadow models. It sees the confidences
    in the order of the classes, as Shokri et al. do; or, to fit on few examples, the logarithms of the true label's
    and of the three largest others (Salem et al. 2019). Of logits it sees logarithms of confidences.
    """

    kind: Literal["confidence_vector"] = "confidence_vector"
    inputs: Literal["whole", "leading"] = "whole"
    networks: Networks = "per_class"

    def run(self, view: View) -> Verdict:
        source, shadows, of_shadows = self.ask_and_train(view)
        own = self._inputs(of_shadows, shadows.examples.labels)
        scores, decisions = judge_by_networks(
            self.networks,
            fit_network,
            own,
            shadows,
            self._inputs(source, view.challenge.labels),
            view.challenge,
            view.num_classes,
            derive(view.seed, "attack model"),
        )
        notes = {
            "shadow_models_of_one_label": shadows.num_constant,
            "confidences_of_exactly_1": source.num_sure,
            "tied_at_the_top": int((scores == scores.max()).sum()),
        }
        return Verdict(scores, decisions, notes)

    def _inputs(self, answers: Answers, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, F): what the network is shown."""
        if answers.output == "scores":
            wide = answers.given.astype(np.float64)
            return wide if self.inputs == "whole" else leading_scores(answers.given, labels)
        log_p = -np.logaddexp(0, -answers.log_odds)
        return log_p if self.inputs == "whole" else leading_scores(np.exp(log_p).astype(np.float32), labels)
