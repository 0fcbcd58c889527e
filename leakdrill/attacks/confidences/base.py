"""What the attacks on confidence vectors have in common: whom they ask, and for what."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import Access, View
from leakdrill.attacks.confidences.averaging import Averaging
from leakdrill.attacks.confidences.statistics import log_odds_of_logits, log_odds_of_scores
from leakdrill.attacks.tuning.shadow_tuned import ShadowModel, ShadowModels, ShadowTuned
from leakdrill.errors import InvalidInput
from leakdrill.models.training import predict

Output = Literal["scores", "logits"]


@dataclass(frozen=True)
class Answers:
    """Of a model about N examples: scores or logits (N, C) float32, as the API gives them."""

    given: NDArray[np.float32]
    output: Output

    @property
    def log_odds(self) -> NDArray[np.float64]:
        """Of every class (N, C)."""
        return log_odds_of_scores(self.given) if self.output == "scores" else log_odds_of_logits(self.given)

    @property
    def num_sure(self) -> int:
        """How many have a score of exactly 1, above which there is no order; logits have no such top."""
        return int((self.given.max(axis=1) == 1).sum()) if self.output == "scores" else 0


class Confidence(Averaging, ShadowTuned):
    """The base of the attacks in this family: each asks about every example of the challenge."""

    output: Output = Field("scores", description="logits, where the API gives them, leave no ties among sure answers")
    tuning_examples: int = Field(
        10_000, ge=1, description="members of each shadow model to tune on, and as many others"
    )

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | {f"cbig/source:{self.output}"}

    def most_queries(self, num_examples: int) -> int:
        return num_examples * self.average

    def ask_and_train(self, view: View) -> tuple[Answers, ShadowModels, Answers]:
        """The answers of the model under attack about the challenge; shadow models, and theirs about their examples."""
        plan = self.plan_shadow(view)
        # before any training: a budget that does not cover the challenge is best known at once
        given = self.averaged(lambda: view.victim.query(view.challenge.inputs, self.output))
        source = Answers(given, self.output)
        check_answers(source, view)
        view.progress(0.0, "training shadow models")
        shadows = plan.train_models()
        return source, shadows, Answers(shadows.of_each(self._ask_shadow), self.output)

    def _ask_shadow(self, shadow: ShadowModel) -> NDArray[np.float32]:
        """As the model under attack is asked; an API that gives logits has no defences."""
        if self.output == "logits":
            return predict(shadow.network, shadow.examples.inputs)
        return self.averaged(shadow.scores) if shadow.guard and shadow.guard.is_fresh else shadow.scores()


def check_answers(answers: Answers, view: View) -> None:
    given, victim = answers.given, view.victim_name
    if given.ndim != 2 or given.shape[1] != view.num_classes:
        raise InvalidInput(f"{victim} answered with {answers.output} {given.shape}, wanted (N, {view.num_classes})")
    bad = ~np.isfinite(given) if answers.output == "logits" else ~((given >= 0) & (given <= 1))
    if bad.any():
        raise InvalidInput(
            f"{victim} answered with {answers.output} that are none, such as {given[bad][0]}, to "
            f"{bad.any(axis=1).sum():,} of {len(given):,} examples"
        )
