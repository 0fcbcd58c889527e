"""Whether a model is right about shifted and rotated copies of an example, too."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch.nn.functional import leaky_relu

from leakdrill.attacks.attack_models import Judgement, fit_attack_model, fit_dnn
from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.label_only import LabelOnly, PredictLabel, ShadowModel
from leakdrill.examples import Examples
from leakdrill.labelonly.augmentations import rotations, translations
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.seeds import derive

log = logging.getLogger(__name__)

#: Two layers of 10 neurons (appendix B.1, "Model Architectures").
fit_network = partial(fit_dnn, hidden=(10, 10), activation=leaky_relu)
MAX_IMAGES = 4096  # made at once


class Augmentation(LabelOnly):
    """The base of rotation and translation."""

    attack_model: Literal["dnn", "threshold"] = Field(
        "dnn", description="of which copies are right: one network per class; threshold: of how many are"
    )

    @property
    @abstractmethod
    def magnitudes(self) -> Sequence[int]:
        """Among which to choose on the shadow model."""

    @abstractmethod
    def num_copies(self, magnitude: int) -> int:
        """Of each image, itself included."""

    @abstractmethod
    def copies(self, images: NDArray[np.uint8], magnitude: int) -> NDArray[np.uint8]:
        """(N, copies, H, W, 3), the image itself first."""

    @property
    def most_queries_per_example(self) -> int:
        return max(map(self.num_copies, self.magnitudes))

    def run(self, view: View) -> Verdict:
        plan, predict_label = self.plan_shadow(view), self.ask(view)
        view.progress(0.0, "training the shadow model")
        shadow = plan.train_model()
        of_shadow = {
            magnitude: self._rightness(shadow.predict_label, shadow.examples, magnitude)
            for magnitude in self.magnitudes
        }
        separations = {magnitude: _by_count(right, shadow, separation) for magnitude, right in of_shadow.items()}
        best = max(self.magnitudes, key=lambda magnitude: separations[magnitude])
        log.info("%s: magnitude %d", self.name, best)
        of_challenge = self._rightness(predict_label, view.challenge, best)
        scores, decisions = self._judge(shadow, of_shadow[best], of_challenge, view)
        notes = {
            "magnitude": best,
            "shadow_auc_by_magnitude": {str(tried): round(auc, 4) for tried, auc in separations.items()},
            "queries_per_example": self.num_copies(best),
            "different_scores": len(np.unique(scores)),
        }
        return Verdict(scores, decisions, notes)

    def _judge(
        self, shadow: ShadowModel, of_shadow: NDArray[np.bool_], of_challenge: NDArray[np.bool_], view: View
    ) -> Judgement:
        """By which copies are right (N, copies)."""
        if self.attack_model == "threshold":
            scores = of_challenge.sum(axis=1) - _by_count(of_shadow, shadow, best_cut)
            return scores, scores > 0
        model = fit_attack_model(
            fit_network,
            of_shadow.astype(np.float64),
            shadow.examples.labels,
            shadow.is_member,
            view.num_classes,
            derive(view.seed, "attack model"),
        )
        return model.judge(of_challenge.astype(np.float64), view.challenge.labels)

    def _rightness(self, predict_label: PredictLabel, examples: Examples, magnitude: int) -> NDArray[np.bool_]:
        """(N, copies): whether each copy is labelled as its image should be."""
        at_once = max(1, MAX_IMAGES // self.num_copies(magnitude))
        right = []
        for start in range(0, len(examples), at_once):
            images, labels = examples.inputs[start : start + at_once], examples.labels[start : start + at_once]
            copies = self.copies(np.asarray(images), magnitude)
            answers = np.asarray(predict_label(copies.reshape(-1, *images.shape[1:]))).reshape(len(labels), -1)
            right.append(answers == labels[:, np.newaxis])
        return np.concatenate(right)


def _by_count(
    right: NDArray[np.bool_], shadow: ShadowModel, measure: Callable[[NDArray[np.float64], NDArray[np.float64]], float]
) -> float:
    """`measure` of how many copies (N, copies) the shadow model is right about, of its members and of others."""
    counts = right.sum(axis=1).astype(np.float64)
    return measure(counts[shadow.is_member], counts[~shadow.is_member])


class Rotation(Augmentation):
    """In if turned copies are labelled rightly, too (Choquette-Choo et al. 2021, section 3.3, "rotations").

    Each image is asked about as it is and turned by r degrees either way, N = 3. Which of the three are right is what
    an attack model judges, fitted on the adversary's own shadow model, on which `auto` chooses r as well.
    """

    kind: Literal["rotation"] = "rotation"
    degrees: Annotated[int, Field(ge=1, le=15)] | Literal["auto"] = "auto"

    @property
    def magnitudes(self) -> Sequence[int]:
        return (1, 2, 3, 4, 6, 8, 10, 12, 15) if self.degrees == "auto" else (self.degrees,)

    def num_copies(self, magnitude: int) -> int:
        return 3

    def copies(self, images: NDArray[np.uint8], magnitude: int) -> NDArray[np.uint8]:
        return rotations(images, magnitude)


class Translation(Augmentation):
    """In if shifted copies are labelled rightly, too (Choquette-Choo et al. 2021, section 3.3, "translations").

    Each image is asked about as it is and shifted by all (i, j) pixels with |i| + |j| = d, N = 4d + 1. Which of them
    are right is what an attack model judges, fitted on the adversary's own shadow model, on which `auto` chooses d.
    """

    kind: Literal["translation"] = "translation"
    pixels: Annotated[int, Field(ge=1, le=8)] | Literal["auto"] = "auto"

    @property
    def magnitudes(self) -> Sequence[int]:
        return (1, 2, 3, 4, 5) if self.pixels == "auto" else (self.pixels,)  # as in figure 2

    def num_copies(self, magnitude: int) -> int:
        return 4 * magnitude + 1

    def copies(self, images: NDArray[np.uint8], magnitude: int) -> NDArray[np.uint8]:
        return translations(images, magnitude)
