"""Data augmentation as a defence (Label-Only, section 6.1: against its own attacks it is the opposite)."""

from typing import Any, Literal

from pydantic import Field

from leakdrill.defences.training.base import TrainingDefence
from leakdrill.models.fit import Fit


class Augmentation(TrainingDefence):
    """Random changes of the training images, fresh in every epoch: flip, shift, cutout (Label-Only, section 6.1).

    What is set here takes the place of the same setting of the fit; flip: false and 0 leave the fit's. Shifts by
    up to 4 pixels are the paper's. Its flips are vertical; ours mirror left and right, which leaves a face a face.
    """

    kind: Literal["augmentation"] = "augmentation"
    flip: bool = Field(True, description="mirror images at random")
    shift: int = Field(4, ge=0, le=64, description="move images at random, by up to so many pixels each way")
    cutout: int = Field(0, ge=0, le=256, description="side of a square cut out of each image at random, in pixels")

    def changed_fit(self, fit: Fit) -> Fit:
        asked: dict[str, Any] = {"flip": self.flip, "shift": self.shift, "cutout": self.cutout}
        return fit.model_copy(update={key: value for key, value in asked.items() if value})
