"""A threshold on one number of the confidence vector."""

from typing import Literal

import numpy as np
from pydantic import Field

from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.confidences.base import Confidence
from leakdrill.attacks.confidences.statistics import Statistic, statistic
from leakdrill.labelonly.cut import best_cut, separation


class ConfidenceThreshold(Confidence):
    """In if one number of the confidence vector is high (Choquette-Choo et al. 2021, section 2; Salem et al. 2019).

    The number is the largest confidence, or one that knows the true label; the one threshold, for all classes, is tuned
    on the adversary's own shadow models. The notes say how many confidences came as exactly 1, and how many scores are
    equal to the highest: if many are, TPR at an FPR below their share says nothing.
    """

    kind: Literal["confidence_threshold"] = "confidence_threshold"
    statistic: Statistic = Field("max_confidence", description="higher = more likely member, whichever it is")

    def run(self, view: View) -> Verdict:
        source, shadows, of_shadows = self.ask_and_train(view)
        own = statistic(self.statistic, of_shadows.log_odds, shadows.examples.labels)
        members, others = shadows.split(own)
        threshold = best_cut(members, others)
        scores = statistic(self.statistic, source.log_odds, view.challenge.labels) - threshold
        notes = {
            "threshold": threshold,
            "shadow_models_of_one_label": shadows.num_constant,
            "shadow_auc": round(separation(members, others), 4),
            "confidences_of_exactly_1": source.num_sure,
            "tied_at_the_top": int((scores == scores.max()).sum()),
            "different_scores": len(np.unique(scores)),
        }
        return Verdict(scores, scores > 0, notes)
