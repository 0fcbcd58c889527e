"""The distance of an example to the decision boundary, with the whole source model at hand: an upper bound."""

import logging
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from leakdrill.attacks.base import SOURCE_MODEL, Access, Verdict, Victim, View
from leakdrill.attacks.checks import check_images
from leakdrill.attacks.tuning.shadow_tuned import ShadowTuned
from leakdrill.data.examples import Examples
from leakdrill.errors import NotReady, ScenarioError
from leakdrill.labelonly.carlini_wagner import ITERATIONS, STEPS_OF_C, Effort, carlini_wagner
from leakdrill.labelonly.cut import best_cut, separation
from leakdrill.models.device import at_work
from leakdrill.models.training import TILE, Progress, to_tensor

log = logging.getLogger(__name__)


class CarliniWagner(ShadowTuned):
    """In if far from the boundary, by the model's own gradients (Choquette-Choo et al. 2021, section 3.4; white-box).

    Not a label-only attack but what these approximate: it needs all of the leaked source model, and asks its API
    nothing. The distance is Carlini and Wagner's, in L2 of pixels in [0, 1] that need not be whole grey levels; that of
    a misclassified example is 0. The one threshold is tuned on the adversary's own shadow models, searched in the same
    way. An example around which nothing misclassified was found is scored at the threshold, called out and counted.
    """

    kind: Literal["carlini_wagner"] = "carlini_wagner"
    victims: ClassVar[frozenset[Victim]] = frozenset({"cbig/source"})
    iterations: int = Field(ITERATIONS, ge=1, le=10_000, description="of descent for each c")
    steps_of_c: int = Field(STEPS_OF_C, ge=1, le=20, description="of the search for the trade-off c")
    tuning_examples: int = Field(100, ge=1, description="members of each shadow model to tune on, and as many others")

    @property
    def takes_rows(self) -> bool:
        return False

    @property
    def needs(self) -> frozenset[Access]:
        return super().needs | {SOURCE_MODEL}

    def run(self, view: View) -> Verdict:
        check_images(view.challenge, self.name)
        plan, source = self.plan_shadow(view), _source_model(view)
        view.progress(0.0, "training shadow models")
        shadows = plan.train_models()
        on_shadows = shadows.of_each(lambda shadow: self._distances(shadow.network, shadow.examples, view.progress))
        has_one = np.isfinite(on_shadows)
        members, others = on_shadows[shadows.is_member & has_one], on_shadows[~shadows.is_member & has_one]
        if not len(members) or not len(others):
            raise ScenarioError(
                f"no boundary found around {len(on_shadows)} examples of the shadow models: give their fit more "
                "epochs, or the attack more iterations"
            )
        threshold = best_cut(members, others)
        log.info("%s: in beyond a distance of %.3g", self.name, threshold)
        distances = self._distances(source, view.challenge, view.progress)
        is_known = np.isfinite(distances)
        scores = np.where(is_known, distances, threshold) - threshold
        notes = {
            "threshold": threshold,
            "misclassified": int((distances == 0).sum()),
            "failed_searches": int((~is_known).sum()),
            "failed_searches_on_shadow": int((~has_one).sum()),
            "shadow_models_of_one_label": shadows.num_constant,
            "shadow_auc": round(separation(members, others), 4),
            "median_distance": float(np.median(distances[is_known])) if is_known.any() else None,
        }
        return Verdict(scores, scores > 0, notes)

    def _distances(self, model: nn.Module, examples: Examples, progress: Progress) -> NDArray[np.float64]:
        """(N,), infinite where a search failed. Tiles are of one size, the last filled up with its last example: what
        comes out for one does not depend on its company."""
        effort = Effort(self.steps_of_c, self.iterations)
        model.eval().requires_grad_(False)
        found = np.empty(len(examples))
        with at_work(model, lower="data.image_size: a pass is of a fixed number of examples") as device:
            for start in range(0, len(examples), TILE):
                rows = np.minimum(np.arange(start, start + TILE), len(examples) - 1)
                tile = examples.take(rows)
                inputs = (to_tensor(tile.inputs) + 1) / 2
                labels = torch.from_numpy(np.array(tile.labels))
                distances = carlini_wagner(
                    lambda images: model((2 * images - 1).to(device)).cpu(), inputs, labels, effort
                ).numpy()
                found[start : start + TILE] = distances[: len(found) - start]
                progress(min(1.0, (start + TILE) / len(found)), f"distances of {len(found):,} examples")
        return found


def _source_model(view: View) -> nn.Module:
    """Raises NotReady unless all of it has leaked, ScenarioError if it is one of another task."""
    leaked = view.leaked
    if leaked is None or leaked.description.num_classes is None:
        raise NotReady("the source model has not leaked: put a breach of artefact: source_model before this attack")
    if leaked.description.num_classes != view.num_classes:
        raise ScenarioError(
            f"what leaked has {leaked.description.num_classes} classes, and the challenge is of {view.num_classes}"
        )
    return leaked.module()
