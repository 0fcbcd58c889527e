"""What YOQO and OSLO have in common: a query is crafted for each example, and the victim's label of it decides.

The victim is asked nothing else. How it would have gone is tried on one shadow in its place, with the help of the
others but its twin, trained on the other half.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from leakdrill.attacks.base import SOURCE_LABEL, Access, Attack, Verdict, View
from leakdrill.attacks.checks import check_images
from leakdrill.attacks.tuning.halves import HalvesTrained, shadow_size
from leakdrill.attacks.tuning.shadow_tuned import task_labels
from leakdrill.data.examples import Examples
from leakdrill.defences.base import Stage
from leakdrill.labelonly.crafting import answers, shares
from leakdrill.models.training import predict
from leakdrill.seeds import numpy_generator
from leakdrill.shadows import shadow_models
from leakdrill.spec import Spec

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Known:
    """What queries are crafted from: examples, and models of which it is known which were trained on which (S, N)."""

    models: Sequence[nn.Module]
    is_in: NDArray[np.bool_]
    examples: Examples
    progress: Callable[[float], None]

    def one_of_each_pair(self) -> "Known":
        """Through the first model of each pair but the first pair, which is the one that a rehearsal does without."""
        return replace(self, models=self.models[2::2], is_in=self.is_in[2::2])

    def strangeness(self) -> NDArray[np.float64]:
        """(N,), in [0, 1): how little the models that were not trained on an example know it, as it is.

        c / (1 + c), of their mean cross-entropy c. A victim that keeps the label of a strange example is the more
        likely to have been trained on it. (That this orders equal answers was not found on shadows: it did best of the
        orders tried on a challenge of 200 synthetic examples whose members were known. It changes no decision.)
        """
        log_odds = answers(self.models, self.examples.inputs).double().log_softmax(dim=2).numpy()
        losses = -log_odds[:, np.arange(len(self.examples)), self.examples.labels]
        cross_entropy = (shares(~self.is_in).double().numpy() * losses).sum(axis=0)
        strangeness: NDArray[np.float64] = cross_entropy / (1 + cross_entropy)
        return strangeness


class OneQuery(HalvesTrained):
    """The base of both."""

    tuning_examples: int = Field(100, ge=2, description="of shadow_train, on which one shadow is attacked to tune on")

    @property
    def takes_rows(self) -> bool:
        return False

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | {SOURCE_LABEL}

    def adapts_to(self, defence: Spec, stage: Stage) -> bool:
        """Its shadows are models to craft queries on, not APIs."""
        return super().adapts_to(defence, stage) if stage == "training" else Attack.adapts_to(self, defence, stage)

    @property
    def queries_per_example(self) -> int:
        return 1

    def most_queries(self, num_examples: int) -> int:
        return num_examples * self.queries_per_example

    @abstractmethod
    def judge(self, rehearsal: "Rehearsal", known: Known, is_kept: Callable[[Images], NDArray[np.bool_]]) -> Verdict:
        """The verdict on the examples in `known`; is_kept (N,) of images (N, H, W, 3): the victim keeps the label."""

    def run(self, view: View) -> Verdict:
        """Raises ScenarioError for inputs that are not images."""
        check_images(view.challenge, self.name)
        pool, num_own = self.plan(view)
        models = list(shadow_models(pool, view.cache, view.num_workers, view.progress))
        in_challenge = (
            pool.is_in[:, num_own:] if self.mode == "online" else np.zeros((len(models), len(view.challenge)))
        )

        def report(share: float) -> None:
            view.progress(share, f"crafting queries: {share:.0%} of the steps")

        def is_kept(images: Images) -> NDArray[np.bool_]:
            labels = task_labels(view.victim, images, view.num_classes)
            return np.asarray(labels == view.challenge.labels)

        known = Known(models, in_challenge.astype(np.bool_), view.challenge, report)
        chosen = numpy_generator(view.seed, "tuned on").permutation(num_own)[: self.tuning_examples]
        own = view.shadow_pools()[0].take(chosen)
        verdict = self.judge(Rehearsal(Known(models, pool.is_in[:, chosen], own, report)), known, is_kept)
        return replace(verdict, notes=verdict.notes | {"shadow_size": shadow_size(pool)})


@dataclass(frozen=True)
class Rehearsal:
    """The first shadow as the victim."""

    everything: Known

    @property
    def known(self) -> Known:
        """Of the examples that it is attacked on; its twin is no help."""
        of_all = self.everything
        return replace(of_all, models=of_all.models[2:], is_in=of_all.is_in[2:])

    @property
    def is_member(self) -> NDArray[np.bool_]:
        return np.asarray(self.everything.is_in[0])

    def is_kept(self, images: Images) -> NDArray[np.bool_]:
        labels = predict(self.everything.models[0], images).argmax(axis=1)
        return np.asarray(labels == self.everything.examples.labels)


def balanced_accuracy(decisions: NDArray[np.bool_], is_member: NDArray[np.bool_]) -> float:
    """In [0, 1]; without any members, or any others, the share of the rest that is right."""
    sides = [decisions[is_member], ~decisions[~is_member]]
    return float(np.mean([side.mean() for side in sides if len(side)]))


def score_order(is_kept: NDArray[np.bool_], among_equals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores (N,): how many of Q queries, of is_kept (Q, N), kept the label, plus what orders equals, in [0, 1)."""
    scores: NDArray[np.float64] = is_kept.sum(axis=0) + among_equals
    return scores
