"""Modified prediction entropy with one threshold for all classes, and no shadow model."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.attacks.base import EITHER, SHADOW_EXAMPLES, SOURCE_SCORES, Access, Verdict, Victim, View
from leakdrill.attacks.confidences.averaging import Averaging
from leakdrill.attacks.confidences.base import Answers, check_answers
from leakdrill.attacks.confidences.statistics import modified_entropy
from leakdrill.data.examples import Examples
from leakdrill.seeds import numpy_generator


class Entropy(Averaging):
    """In if the modified prediction entropy is low for a non-member (TransMIA, section 2.4, without shadow models).

    The one threshold comes from the source model's answers to the adversary's own examples, which are not members: the
    entropy that a share of `false_positive_rate` of them stays below. So accuracy is that at a chosen false positive
    rate, not the best that any threshold could reach; AUC and TPR do not depend on it.
    """

    kind: Literal["entropy"] = "entropy"
    victims: ClassVar[frozenset[Victim]] = EITHER
    false_positive_rate: float = Field(0.1, gt=0, lt=1, description="of the decisions, on the adversary's own examples")
    threshold_queries: int = Field(1000, ge=1, description="own examples asked about, at most, for the threshold")

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({SHADOW_EXAMPLES, SOURCE_SCORES})

    def most_queries(self, num_examples: int) -> int:
        return (num_examples + self.threshold_queries) * self.average

    def run(self, view: View) -> Verdict:
        _, own = view.shadow_pools()
        chosen = numpy_generator(view.seed, "threshold queries").permutation(len(own))[: self.threshold_queries]
        non_members = own.take(chosen)
        of_non_members = modified_entropy(self._ask(view, non_members).given, non_members.labels)
        threshold = float(np.quantile(of_non_members, self.false_positive_rate))
        of_challenge = self._ask(view, view.challenge)
        scores = threshold - modified_entropy(of_challenge.given, view.challenge.labels)
        notes = {
            "threshold": threshold,
            "confidences_of_exactly_1": of_challenge.num_sure,
            "tied_at_the_top": int((scores == scores.max()).sum()),
        }
        return Verdict(scores, scores >= 0, notes)

    def _ask(self, view: View, examples: Examples) -> Answers:
        answers = Answers(self.averaged(lambda: view.victim.query(examples.inputs, "scores")), "scores")
        check_answers(answers, view)
        return answers
