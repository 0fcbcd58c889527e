"""Membership in the source model's training set, asked of the target model (TransMIA, appendix A)."""

from typing import Literal

import numpy as np
from pydantic import Field

from leakdrill.attacks.attack_models import fit_attack_model, fit_dnn
from leakdrill.attacks.base import (
    ARCHITECTURE,
    SHADOW_EXAMPLES,
    TARGET_EXAMPLES,
    TARGET_SCORES,
    TRANSFER_METHOD,
    Access,
    Attack,
    Verdict,
    View,
)
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.seeds import derive
from leakdrill.shadows import Beside, FromScratch, Shadows, ThroughTarget, draw_shadow_sets, train_shadow_networks


class TargetModelMia(Attack):
    """Membership in D_s through csmall's f_t alone, which the paper finds powerless (TransMIA, appendix A, TL1 to TL4).

    Each shadow is a whole pair of companies: a source model trained from scratch on the shadow's own examples (TL1),
    and a target model made from it on csmall's own training data, frozen or fine-tuned as csmall does it (TL2). The
    shadow target models' answers train one attack model for each source class (TL3, TL4).

    Where we depart: TL3 as printed applies every shadow to all of D_shadow^train and labels the records "in", also for
    the examples that shadow i was never trained on. Here a record is "in" if its example is in the shadow's own
    training set, and "out" if it is in its own test set, as in L2 of section 4.3.
    """

    kind: Literal["target_model_mia"] = "target_model_mia"
    num_shadows: int = Field(100, ge=1, le=10_000)
    shadow_size: int = Field(1000, ge=1, description="training examples of each shadow, and as many held-out ones")
    fit: Fit = Field(Fit(), description="of the shadow source models")
    target_fit: Fit = Field(Fit(), description="of the shadow target models")

    @property
    def needs(self) -> frozenset[Access]:
        return frozenset({SHADOW_EXAMPLES, TARGET_EXAMPLES, TRANSFER_METHOD, ARCHITECTURE, TARGET_SCORES})

    @property
    def shadow_set_size(self) -> int:
        return self.shadow_size

    def training_passes(self, num_source_examples: int) -> int:
        """Of the shadow source models; csmall's small data add little."""
        return self.num_shadows * self.shadow_size * self.fit.passes

    def run(self, view: View) -> Verdict:
        train, test = view.shadow_pools()
        target = view.oracle("csmall/recognition")
        draws = draw_shadow_sets(train, test, self.num_shadows, self.shadow_size, derive(view.seed, "draws"))
        recipe = self._recipe(view, target.num_classes)
        # before any training: a budget that does not cover the challenge is best known at once
        answers = target.query(view.challenge.inputs, "scores")
        shadows = Shadows(recipe, train, test, draws, derive(view.seed, "shadows"), cache=view.cache)
        records = train_shadow_networks(shadows, view.num_workers, view.progress)
        model = fit_attack_model(
            fit_dnn,
            records.scores.astype(np.float64),
            records.labels,
            records.is_member,
            view.num_classes,
            derive(view.seed, "attack model"),
        )
        scores, decisions = model.judge(answers.astype(np.float64), view.challenge.labels)
        return Verdict(scores, decisions, {"classes_without_own_attack_model": model.num_classes_without_own})

    def _recipe(self, view: View, num_target_classes: int) -> ThroughTarget:
        if view.target_train is None or view.transfer_method is None or view.architecture is None:
            raise ScenarioError(
                "shadow target models are made as csmall makes its own: "
                "grant adversary.knows.target_examples, transfer_method and architecture"
            )
        source = FromScratch(view.architecture, view.num_classes, self.fit)
        target_train = Beside.of(view.target_train)
        return ThroughTarget(source, target_train, num_target_classes, self.target_fit, view.transfer_method)
