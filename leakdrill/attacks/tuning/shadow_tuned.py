"""What the label-only attacks have in common: shadow models of the adversary's own, which they are tuned on.

Attacks on confidences, which they are measured against, are tuned on the same.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import nn

from leakdrill.archs import ArchSpec
from leakdrill.attacks.base import ARCHITECTURE, EITHER, SHADOW_EXAMPLES, SOURCE_LABEL, Access, Victim, View
from leakdrill.attacks.checks import check_labels
from leakdrill.attacks.tuning.defended import OnShadows, ShadowDefences
from leakdrill.attacks.tuning.recipe import shadow_recipe
from leakdrill.data.digests import digests_of
from leakdrill.data.examples import Examples
from leakdrill.defences import Guard
from leakdrill.errors import InvalidInput
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import Progress, predict
from leakdrill.oracles.oracle import Oracle
from leakdrill.seeds import derive, numpy_generator
from leakdrill.shadows import Draws, FromScratch, ShadowPool, Transferred, draw_shadow_sets, shadow_models
from leakdrill.shadows.guarding import guard_shadow, shown_scores

#: Labels (N,) of images (N, H, W, 3), of uint8 or of floats in [0, 255] that are whole numbers; or of rows (N, F).
PredictLabel = Callable[[NDArray[Any]], NDArray[np.generic]]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class ShadowModel:
    """A model of which the adversary knows what it was trained on, asked the same way as the one under attack."""

    network: nn.Sequential
    predict_label: PredictLabel
    examples: Examples
    is_member: NDArray[np.bool_]
    guard: Guard | None = None  # what its API would pass scores through

    def scores(self) -> NDArray[np.float32]:
        """(N, C), about its examples, as its API would give them."""
        return shown_scores(self.network, self.guard, self.examples.inputs)

    @cached_property
    def _labels(self) -> NDArray[np.generic]:
        return self.predict_label(self.examples.inputs)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """(N,): whether each of its examples is labelled as it should be."""
        return np.asarray(self._labels == self.examples.labels)

    @property
    def is_constant(self) -> bool:
        """Whether all of its examples get one label, although they have several: it has learned nothing."""
        return len(np.unique(self._labels)) == 1 < len(np.unique(self.examples.labels))


@dataclass(frozen=True)
class ShadowModels:
    """One or more, and the examples of all of them: those of the first model, then those of the second, and so on.

    An example may be there twice, as a member of one model and as no member of another.
    """

    models: tuple[ShadowModel, ...]

    @cached_property
    def examples(self) -> Examples:
        own = [model.examples for model in self.models]
        return Examples(np.concatenate([each.inputs for each in own]), np.concatenate([each.labels for each in own]))

    @cached_property
    def is_member(self) -> NDArray[np.bool_]:
        """(N,): of the training set of the model whose example it is."""
        return self.of_each(lambda model: model.is_member)

    @property
    def num_constant(self) -> int:
        """How many give one label to everything, from which an attack can learn little."""
        return sum(model.is_constant for model in self.models)

    def of_each(self, measure: Callable[[ShadowModel], NDArray[Scalar]]) -> NDArray[Scalar]:
        """(N, ...): what `measure` says of each model's own examples, in the order of `examples`."""
        return np.concatenate([measure(model) for model in self.models])

    def split(self, numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of one number for each example (N,), those of members and those of others."""
        return numbers[self.is_member], numbers[~self.is_member]


@dataclass(frozen=True)
class ShadowPlan:
    """All that it takes to train the shadow models, checked before anything is asked of anybody."""

    recipe: FromScratch | Transferred
    train: Examples
    test: Examples
    draws: Draws
    num_tuned_on: int
    defences: ShadowDefences
    seed: int
    num_workers: int
    cache: ModelCache | None
    progress: Progress

    def train_models(self) -> ShadowModels:
        """The networks, each with the examples on which the attack is tuned, in equal numbers."""
        is_in = np.zeros((self.draws.num_shadows, len(self.train)), dtype=np.bool_)
        np.put_along_axis(is_in, self.draws.train, True, axis=1)
        pool = ShadowPool(self.recipe, self.train, digests_of(self.train), is_in, self.seed)
        networks = shadow_models(pool, self.cache, self.num_workers, self.progress)
        return ShadowModels(tuple(self._with_examples(pool, *numbered) for numbered in enumerate(networks)))

    def _with_examples(self, pool: ShadowPool, shadow: int, network: nn.Sequential) -> ShadowModel:
        own_train, own_test = self.draws.train[shadow], self.draws.test[shadow]
        order = numpy_generator(self.seed, "tuned on").permutation(len(own_train))
        chosen = order[~np.isin(own_test[order], self.defences.apart)][: self.num_tuned_on]
        seen, unseen = self.train.take(own_train[chosen]), self.test.take(own_test[chosen])
        known = self.defences.known.prediction
        guard = guard_shadow(known, pool, shadow, network, self.defences.held_out, self.cache)
        return ShadowModel(
            network,
            partial(_labels, network, guard, seen.inputs.dtype),
            Examples(np.concatenate([seen.inputs, unseen.inputs]), np.concatenate([seen.labels, unseen.labels])),
            np.arange(2 * len(chosen)) < len(chosen),
            guard,
        )


def _labels(network: nn.Module, guard: Guard | None, dtype: np.dtype[Any], inputs: NDArray[Any]) -> NDArray[np.generic]:
    """(N,), of inputs that are whole numbers; those of scores where the guard does not keep the label."""
    asked = inputs.astype(dtype)
    shown = predict(network, asked) if guard is None or guard.keeps_argmax else shown_scores(network, guard, asked)
    return np.asarray(shown.argmax(axis=1))


class ShadowTuned(OnShadows):
    """The base of the attacks that are tuned on one shadow model, or on a few."""

    victims: ClassVar[frozenset[Victim]] = EITHER

    num_shadows: int = Field(1, ge=1, le=1000, description="whose examples are pooled (Label-Only, figure 7)")
    shadow_size: int | None = Field(
        None, ge=1, description="training examples of each shadow model, and as many held-out ones; default: all"
    )
    tuning_examples: int = Field(1000, ge=1, description="members of each shadow model to tune on, and as many others")
    fit: Fit = Field(Fit(), description="of the shadow models")
    arch: ArchSpec | None = Field(None, description="what the adversary assumes if it does not know the architecture")

    @model_validator(mode="after")
    def _shadows_differ(self) -> Self:
        if self.num_shadows > 1 and self.shadow_size is None:
            raise ValueError(
                f"num_shadows is {self.num_shadows}, and by default all have the whole pool as their training set: set "
                "shadow_size to a part of it"
            )
        return self

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | {SHADOW_EXAMPLES} | (set() if self.arch else {ARCHITECTURE})

    @property
    def shadow_set_size(self) -> int:
        return self.shadow_size or 0

    def training_passes(self, num_source_examples: int) -> int:
        """Of the shadow models; by default there is one of about the source model's size."""
        return self.num_shadows * (self.shadow_size or num_source_examples) * self.fit.passes

    def plan_shadow(self, view: View) -> ShadowPlan:
        """Raises ScenarioError for want of examples or of an architecture, InvalidInput for labels of no class."""
        check_labels(view)
        train, test = view.shadow_pools()
        size = self.shadow_size or min(len(train), len(test))
        seed = derive(view.shadow_seed, "one shadow model")  # the same for every attack that plans this model
        draws = draw_shadow_sets(train, test, self.num_shadows, size, derive(seed, "draws"))
        defences = self.shadow_defences(view)
        return ShadowPlan(
            shadow_recipe(view, self.fit, self.arch, self.name, defences.training),
            train,
            test,
            draws,
            self.tuning_examples,
            defences,
            seed,
            view.num_workers,
            view.cache,
            view.progress,
        )


class LabelOnly(ShadowTuned):
    """The base of the attacks in this family."""

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | {SOURCE_LABEL}

    def most_queries(self, num_examples: int) -> int:
        return num_examples * self.most_queries_per_example

    @property
    @abstractmethod
    def most_queries_per_example(self) -> int:
        """What one example of the challenge can cost."""

    @property
    def tuning_queries_per_example(self) -> int:
        """What one example of a shadow model can: more, where several settings are tried on it."""
        return self.most_queries_per_example

    def rehearsal_queries(self, num_source_examples: int) -> int:
        num_tuned_on = min(self.tuning_examples, self.shadow_size or num_source_examples)
        return 2 * self.num_shadows * num_tuned_on * self.tuning_queries_per_example

    def ask(self, view: View) -> PredictLabel:
        """The labels of the model under attack. Reports how far the attack is, should it cost all that it can."""
        oracle = view.victim
        most, num_asked = self.most_queries(len(view.challenge)), 0

        def predict_label(images: NDArray[Any]) -> NDArray[np.generic]:
            nonlocal num_asked
            labels = task_labels(oracle, images.astype(view.challenge.inputs.dtype), view.num_classes)
            num_asked += len(images)
            view.progress(min(1.0, num_asked / most), f"{num_asked:,} queries, {most:,} at most")
            return labels

        return predict_label


def task_labels(oracle: Oracle, images: NDArray[np.uint8], num_classes: int) -> NDArray[np.float32]:
    """Raises InvalidInput for answers that are not labels of the task: all would count as mistakes otherwise."""
    labels = oracle.query(images, "label")
    wrong = ~((labels >= 0) & (labels < num_classes) & (labels == np.rint(labels)))
    if wrong.any():
        raise InvalidInput(
            f"{oracle.name} answered {labels[wrong][0]:g} to {wrong.sum():,} of {len(labels):,} images, "
            f"wanted a label from 0 to {num_classes - 1}"
        )
    return labels
