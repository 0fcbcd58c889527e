"""Quantile regression: no shadow models, one model of how sure the victim is of examples that it never saw."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from leakdrill.archs import ArchSpec
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.attacks.base import EITHER, SHADOW_EXAMPLES, Access, Verdict, Victim, View
from leakdrill.attacks.checks import check_labels
from leakdrill.attacks.confidences.averaging import Averaging
from leakdrill.attacks.confidences.base import Answers, Output, check_answers
from leakdrill.attacks.confidences.score_regression import fit_score_regression
from leakdrill.attacks.confidences.statistics import Floats
from leakdrill.attacks.confidences.true_label import check_not_constant, num_tied, true_log_odds
from leakdrill.data.examples import Examples, joined
from leakdrill.errors import ScenarioError
from leakdrill.seeds import derive, numpy_generator

HELD_OUT = 0.25  # of the own examples: to stop the fit by, and for the threshold
FEWEST = 20  # own examples


class QuantileRegression(Averaging):
    """In if the victim is surer of it than of most such examples it never saw (Bertran et al. 2023, section 3).

    The adversary asks about its own examples, none of which is a member, and fits a network that gives for any (x, y)
    the normal distribution of the victim's log-odds, had it not been trained on x. The score is how many deviations the
    victim is above the mean: more than Phi^-1(1 - alpha) is above the example's own quantile of level 1 - alpha, so one
    score stands for the tests of all levels. The decision is the test of level `false_positive_rate`, as own
    examples which the network was not fitted on have it.

    It needs neither the victim's architecture nor one shadow model. Where we depart: the paper tunes large pretrained
    networks by search; this one is small, trained from nothing, and stopped when it fits held-out examples no better.
    """

    victims: ClassVar[frozenset[Victim]] = EITHER

    kind: Literal["quantile_regression"] = "quantile_regression"
    output: Output = Field("scores", description="logits, where the API gives them, are not rounded off near 1")
    own_queries: int = Field(5000, ge=FEWEST, description="own examples asked about, at most")
    false_positive_rate: float = Field(0.1, gt=0, lt=1, description="of the decisions, on the adversary's own examples")
    epochs: int = Field(30, ge=1, le=1000)
    arch: ArchSpec = Field(SmallCnn(), description="of the regression; it need not be the victim's")

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({SHADOW_EXAMPLES, f"cbig/source:{self.output}"})

    def training_passes(self, num_source_examples: int) -> int:
        """As if the adversary's own examples were as many as the source model's."""
        return min(self.own_queries, num_source_examples) * self.epochs

    def most_queries(self, num_examples: int) -> int:
        return (num_examples + self.own_queries) * self.average

    def run(self, view: View) -> Verdict:
        check_labels(view)
        own = self._own(view)
        of_challenge, num_sure = self._ask(view, view.challenge)
        of_own, _ = self._ask(view, own)
        num_held_out = max(1, round(HELD_OUT * len(own)))
        held_out, fitted_on = np.split(np.arange(len(own)), [num_held_out])
        check_not_constant(of_own[fitted_on], view.victim_name)
        regression, best_epoch = fit_score_regression(
            self.arch,
            view.num_classes,
            (own.take(fitted_on), of_own[fitted_on]),
            (own.take(held_out), of_own[held_out]),
            self.epochs,
            derive(view.seed, "regression"),
            view.progress,
        )
        of_held_out = regression.deviations_above(own.take(held_out), of_own[held_out])
        threshold = float(np.quantile(of_held_out, 1 - self.false_positive_rate))
        scores = regression.deviations_above(view.challenge, of_challenge)
        notes = {
            "own_examples": len(own),
            "best_epoch": best_epoch,
            "threshold": threshold,
            "confidences_of_exactly_1": num_sure,
            "tied_scores": num_tied(scores),
            "tied_at_the_top": int((scores == scores.max()).sum()),
        }
        return Verdict(scores, scores > threshold, notes)

    def _own(self, view: View) -> Examples:
        """Both pools, shuffled, `own_queries` at most. Raises ScenarioError for too few to fit and to hold out."""
        train, test = view.shadow_pools()
        num_both = len(train) + len(test)
        if num_both < FEWEST:
            raise ScenarioError(
                f"{self.name}: {num_both} own examples are too few to tell what the victim says of non-members, wanted "
                f"{FEWEST}: raise data.splits.shadow_train"
            )
        if view.num_classes < 2:
            raise ScenarioError(f"{self.name}: a task of {view.num_classes} class has no wrong labels to compare with")
        return joined(train, test).take(numpy_generator(view.seed, "own").permutation(num_both)[: self.own_queries])

    def _ask(self, view: View, examples: Examples) -> tuple[Floats, int]:
        """The victim's log-odds (N,), and how many of its answers are a confidence of exactly 1."""
        given = self.averaged(lambda: view.victim.query(np.asarray(examples.inputs), self.output))
        answers = Answers(given, self.output)
        check_answers(answers, view)
        return true_log_odds(answers, examples.labels), answers.num_sure
