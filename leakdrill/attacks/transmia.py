"""TransMIA: shadow models that start from the leaked shallow layers (Hidano, Murakami and Kawamoto 2021)."""

import logging
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from leakdrill.archs import ArchSpec
from leakdrill.attacks.attack_models import Fitter, fit_attack_model, fit_dnn, fit_svm, fit_threshold, leading_scores
from leakdrill.attacks.base import (
    ARCHITECTURE,
    FEATURE_EXTRACTOR,
    SHADOW_EXAMPLES,
    SOURCE_SCORES,
    Access,
    Verdict,
    View,
)
from leakdrill.attacks.confidences.averaging import Averaging
from leakdrill.attacks.confidences.statistics import modified_entropy
from leakdrill.attacks.tuning.defended import OnShadows
from leakdrill.data.examples import Examples
from leakdrill.defences.base import Stage
from leakdrill.errors import NotReady, ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.fit import Fit
from leakdrill.seeds import derive, numpy_generator
from leakdrill.shadows import (
    Draws,
    FromScratch,
    HeadFit,
    Recipe,
    Records,
    Shadows,
    Shown,
    TrainedWith,
    Transferred,
    draw_shadow_sets,
    num_fresh_blocks,
    train_frozen_shadows,
    train_shadow_networks,
    true_confidences,
)
from leakdrill.spec import Spec

log = logging.getLogger(__name__)

FITTERS: dict[str, Fitter] = {"dnn": fit_dnn, "svm": fit_svm, "entropy": fit_threshold}


class TransMia(Averaging, OnShadows):
    """Membership by shadow models that start from the leaked g_s (TransMIA, sections 4 and 5).

    `shadow: baseline` is BaseMIA, the same attack without the leak (Shokri et al. 2017); `freeze` keeps the leaked
    layers as they are; `fine_tune` trains on from them. If only some of g_s leaked, the layers after it are those of
    the source model's architecture, which the adversary must then know. Defaults are the paper's (section 5.2).

    Where we depart: the length of head training is tuned (see leakdrill/shadows/frozen.py), which costs
    `tuning_queries` beside one query per example of the challenge. And DNN and SVM see the leading scores instead of
    the whole vector, as `inputs: whole` has it. In the paper's shadow pools, of hundreds of examples of a class, a
    whole vector says how a shadow answers; in small ones it says which example was asked about, and attack models learn
    those by heart (10 rendered faces of a class in each pool: AUC 0.54 from whole vectors, 0.73 from leading scores).
    """

    kind: Literal["transmia"] = "transmia"
    shadow: Literal["baseline", "freeze", "fine_tune"] = "freeze"
    attack_model: Literal["dnn", "svm", "entropy"] = "dnn"
    inputs: Literal["leading", "whole"] = Field("leading", description="scores that the dnn and the svm see")
    num_shadows: int = Field(100, ge=1, le=10_000)
    shadow_size: int = Field(1000, ge=1, description="training examples of each shadow, and as many held-out ones")
    fit: Fit = Field(Fit(), description="of shadow networks: baseline, fine_tune, and freeze after a partial leak")
    head: HeadFit = Field(HeadFit(), description="of shadow heads: freeze, when all of g_s leaked")
    tuning_queries: int = Field(500, ge=1, description="own examples asked about to choose head.steps: auto")
    arch: ArchSpec | None = Field(None, description="what the adversary assumes if it does not know the architecture")

    @property
    def needs(self) -> frozenset[Access]:
        needs = {SHADOW_EXAMPLES, SOURCE_SCORES, *super().needs}
        if self.shadow != "baseline":
            needs.add(FEATURE_EXTRACTOR)
        if self.shadow != "freeze" and self.arch is None:  # a frozen g_s needs a linear head and nothing else
            needs.add(ARCHITECTURE)
        return frozenset(needs)

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        """A shadow that trains on from what was obfuscated before it leaked mends it, as far as its data go.

        One that starts from what leaked is not trained as cbig's model was, which started from nothing.
        """
        if stage == "release":
            return self.shadow == "fine_tune"
        is_imitated = stage != "training" or self.shadow == "baseline"
        return is_imitated and super().adapts_to(defence, stage)

    @model_validator(mode="after")
    def _shadows_are_networks(self) -> Self:
        if self.defended_shadows and self.shadow == "freeze":
            raise ValueError(
                "defended_shadows are networks, and shadow: freeze makes heads: set shadow to baseline or fine_tune"
            )
        return self

    @property
    def shadow_set_size(self) -> int:
        return self.shadow_size

    @property
    def draws_beside_held_out(self) -> bool:
        return self.defended_shadows

    def most_queries(self, num_examples: int) -> int:
        is_tuned = self.shadow == "freeze" and self.head.steps == "auto"
        return (num_examples + (self.tuning_queries if is_tuned else 0)) * self.average

    def training_passes(self, num_source_examples: int) -> int:
        """Frozen heads cost next to nothing beside a network (and a partial leak is not known before the breach)."""
        return 0 if self.shadow == "freeze" else self.num_shadows * self.shadow_size * self.fit.passes

    def run(self, view: View) -> Verdict:
        train, test = view.shadow_pools()
        defences = self.shadow_defences(view)
        test = test.take(np.setdiff1d(np.arange(len(test)), defences.apart))
        draws = draw_shadow_sets(train, test, self.num_shadows, self.shadow_size, derive(view.seed, "draws"))
        recipe = self._recipe(view, defences.training)
        # before any training: a budget that does not cover the challenge is best known at once
        answers = self.averaged(lambda: view.oracle("cbig/source").query(view.challenge.inputs, "scores"))
        if recipe is None:
            records, notes = self._frozen_heads(view, train, test, draws)
        else:
            shown = Shown(defences.known.prediction, defences.held_out, self.average)
            shadows = Shadows(recipe, train, test, draws, derive(view.seed, "shadows"), shown, view.cache)
            records, notes = train_shadow_networks(shadows, view.num_workers, view.progress), {}
        model = fit_attack_model(
            FITTERS[self.attack_model],
            self._inputs(records.scores, records.labels),
            records.labels,
            records.is_member,
            view.num_classes,
            derive(view.seed, "attack model"),
        )
        scores, decisions = model.judge(self._inputs(answers, view.challenge.labels), view.challenge.labels)
        notes["classes_without_own_attack_model"] = model.num_classes_without_own
        return Verdict(scores, decisions, notes)

    def _inputs(self, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the attack model is shown of answers (N, C)."""
        if self.attack_model == "entropy":
            return modified_entropy(scores, labels)[:, np.newaxis]
        return leading_scores(scores, labels) if self.inputs == "leading" else scores.astype(np.float64)

    def _recipe(self, view: View, trained_with: TrainedWith) -> Recipe | None:
        """How to make shadow networks (L1); None when linear heads are all there is to train."""
        arch = self.arch or view.architecture
        if self.shadow == "baseline":
            if arch is None:
                raise ScenarioError("baseline: grant adversary.knows.architecture, or set the attack's arch")
            return FromScratch(arch, view.num_classes, self.fit, trained_with)
        leaked = _leaked(view)
        if self.shadow == "freeze" and num_fresh_blocks(leaked, arch) == 1:
            return None
        return Transferred.of(leaked, arch, view.num_classes, self.fit, self.shadow)

    def _frozen_heads(
        self, view: View, train: Examples, test: Examples, draws: Draws
    ) -> tuple[Records, dict[str, Any]]:
        """L1 and L2 when all of g_s leaked: the records, and what to note about them."""
        shadows = train_frozen_shadows(
            _leaked(view).module(),
            train,
            test,
            draws,
            view.num_classes,
            self.head,
            derive(view.seed, "shadows"),
            view.progress,
        )
        if self.head.steps != "auto":
            return shadows.records(0), {}
        distances = shadows.distances(self._source_confidences(view, test))
        best = int(np.argmin(distances))
        log.info("%s: %d steps of head training", self.name, shadows.steps[best])
        tried = {str(steps): round(distance, 4) for steps, distance in zip(shadows.steps, distances, strict=True)}
        return shadows.records(best), {"head_steps": shadows.steps[best], "distance_to_source_by_steps": tried}

    def _source_confidences(self, view: View, test: Examples) -> NDArray[np.float32]:
        """The source model's confidence in the true labels of some of the adversary's own examples."""
        generator = numpy_generator(view.seed, "tuning queries")
        own = test.take(generator.permutation(len(test))[: self.tuning_queries])
        answers = self.averaged(lambda: view.oracle("cbig/source").query(own.inputs, "scores"))
        return true_confidences(answers, own.labels)


def _leaked(view: View) -> Artefact:
    if view.leaked is None:
        raise NotReady(
            "nothing has leaked yet: put a breach before this attack in the timeline, or use shadow: baseline"
        )
    return view.leaked.feature_extractor()
