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

from leakdrill.attacks.attack_models import Judgement, fit_dnn
from leakdrill.attacks.base import Verdict, View
from leakdrill.attacks.checks import check_images
from leakdrill.attacks.tuning.networks import Networks, judge_by_networks
from leakdrill.attacks.tuning.shadow_tuned import LabelOnly, PredictLabel, ShadowModels
from leakdrill.data.examples import Examples
from leakdrill.labelonly.augmentations import rotations, translations
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.seeds import derive

log = logging.getLogger(__name__)

#: Two layers of 10 neurons (appendix B.1, "Model Architectures").
fit_network = partial(fit_dnn, hidden=(10, 10), activation=leaky_relu)
MAX_IMAGES = 4096  # made at once


#: How strongly copies are changed: degrees, pixels, or a name.
Magnitude = int | str


class Augmentation(LabelOnly):
    """The base of rotation, translation and random_augmentation."""

    attack_model: Literal["dnn", "threshold"] = Field(
        "dnn", description="of which copies are right: networks; threshold: of how many are"
    )
    networks: Networks = "per_class"

    @property
    def takes_rows(self) -> bool:
        return False

    @property
    @abstractmethod
    def magnitudes(self) -> Sequence[Magnitude]:
        """Among which to choose on the shadow models."""

    @abstractmethod
    def num_copies(self, magnitude: Magnitude) -> int:
        """Of each image, itself included."""

    @abstractmethod
    def copies(self, examples: Examples, magnitude: Magnitude, seed: int) -> NDArray[np.uint8]:
        """(N, copies, H, W, 3), the image itself first. The seed decides what is random in them."""

    def records(self, right: NDArray[np.bool_]) -> NDArray[np.float64]:
        """What the networks are shown (N, F) of which copies are right (N, copies)."""
        return right.astype(np.float64)

    @property
    def most_queries_per_example(self) -> int:
        return max(map(self.num_copies, self.magnitudes))

    @property
    def tuning_queries_per_example(self) -> int:
        return sum(map(self.num_copies, self.magnitudes))

    @property
    def budgets(self) -> tuple[int, ...]:
        return tuple(sorted(set(map(self.num_copies, self.magnitudes))))

    def run(self, view: View) -> Verdict:
        check_images(view.challenge, self.name)
        plan, predict_label = self.plan_shadow(view), self.ask(view)
        view.progress(0.0, "training shadow models")
        shadows, seed = plan.train_models(), derive(view.seed, "tuning")
        of_shadows = {magnitude: self._on_shadows(shadows, magnitude, seed) for magnitude in self.magnitudes}
        separations = {magnitude: _by_count(right, shadows, separation) for magnitude, right in of_shadows.items()}
        best = max(self.magnitudes, key=lambda magnitude: separations[magnitude])
        log.info("%s: magnitude %s", self.name, best)
        of_challenge = self._rightness(predict_label, view.challenge, best, derive(view.seed, "challenge"))
        scores, decisions = self._judge(shadows, of_shadows[best], of_challenge, view)
        notes = {
            "magnitude": best,
            "shadow_models_of_one_label": shadows.num_constant,
            "shadow_auc_by_magnitude": {str(tried): round(auc, 4) for tried, auc in separations.items()},
            "queries_per_example": self.num_copies(best),
            "different_scores": len(np.unique(scores)),
        }
        return Verdict(scores, decisions, notes, {self.num_copies(best): scores})

    def _judge(
        self, shadows: ShadowModels, of_shadows: NDArray[np.bool_], of_challenge: NDArray[np.bool_], view: View
    ) -> Judgement:
        """By which copies are right (N, copies)."""
        if self.attack_model == "threshold":
            scores = of_challenge.sum(axis=1) - _by_count(of_shadows, shadows, best_cut)
            return scores, scores > 0
        return judge_by_networks(
            self.networks,
            fit_network,
            self.records(of_shadows),
            shadows,
            self.records(of_challenge),
            view.challenge,
            view.num_classes,
            derive(view.seed, "attack model"),
        )

    def _on_shadows(self, shadows: ShadowModels, magnitude: Magnitude, seed: int) -> NDArray[np.bool_]:
        """(N, copies) of their examples, each asked of its own model."""
        return shadows.of_each(lambda shadow: self._rightness(shadow.predict_label, shadow.examples, magnitude, seed))

    def _rightness(
        self, predict_label: PredictLabel, examples: Examples, magnitude: Magnitude, seed: int
    ) -> NDArray[np.bool_]:
        """(N, copies): whether each copy is labelled as its image should be."""
        at_once = max(1, MAX_IMAGES // self.num_copies(magnitude))
        right = []
        for start in range(0, len(examples), at_once):
            part = examples.take(np.arange(start, min(start + at_once, len(examples))))
            copies = self.copies(part, magnitude, seed)
            answers = np.asarray(predict_label(copies.reshape(-1, *copies.shape[2:]))).reshape(len(part), -1)
            right.append(answers == part.labels[:, np.newaxis])
        return np.concatenate(right)


def _by_count(
    right: NDArray[np.bool_],
    shadows: ShadowModels,
    measure: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
) -> float:
    """`measure` of how many copies (N, copies) the shadow models are right about, of their members and of others."""
    counts = right.sum(axis=1).astype(np.float64)
    return measure(*shadows.split(counts))


class Rotation(Augmentation):
    """In if turned copies are labelled rightly, too (Choquette-Choo et al. 2021, section 3.3, "rotations").

    Each image is asked about as it is and turned by r degrees either way, N = 3. Which of the three are right is what
    an attack model judges, fitted on the adversary's own shadow models, on which `auto` chooses r as well.
    """

    kind: Literal["rotation"] = "rotation"
    degrees: Annotated[int, Field(ge=1, le=15)] | Literal["auto"] = "auto"

    @property
    def magnitudes(self) -> Sequence[int]:
        return range(1, 16) if self.degrees == "auto" else (self.degrees,)  # r in [1, 15]

    def num_copies(self, magnitude: Magnitude) -> int:
        return 3

    def copies(self, examples: Examples, magnitude: Magnitude, seed: int) -> NDArray[np.uint8]:
        return rotations(examples.inputs, int(magnitude))


class Translation(Augmentation):
    """In if shifted copies are labelled rightly, too (Choquette-Choo et al. 2021, section 3.3, "translations").

    Each image is asked about as it is and shifted by all (i, j) pixels with |i| + |j| = d, N = 4d + 1. Which of them
    are right is what an attack model judges, fitted on the adversary's own shadow models, on which `auto` chooses d.
    """

    kind: Literal["translation"] = "translation"
    pixels: Annotated[int, Field(ge=1, le=8)] | Literal["auto"] = "auto"

    @property
    def magnitudes(self) -> Sequence[int]:
        return (1, 2, 3, 4, 5) if self.pixels == "auto" else (self.pixels,)  # as in figure 2

    def num_copies(self, magnitude: Magnitude) -> int:
        return 4 * int(magnitude) + 1

    def copies(self, examples: Examples, magnitude: Magnitude, seed: int) -> NDArray[np.uint8]:
        return translations(examples.inputs, int(magnitude))
