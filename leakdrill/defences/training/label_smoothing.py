"""Label smoothing (Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7)."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from leakdrill.defences.training.base import Course, TrainingDefence


class LabelSmoothing(TrainingDefence):
    """Less sure labels: a share of each label's weight is spread evenly over all classes (Szegedy et al. 2016)."""

    kind: Literal["label_smoothing"] = "label_smoothing"
    share: float = Field(0.1, ge=0, lt=1, description="0 is no defence")

    def changed(self, course: Course) -> Course:
        return replace(course, hooks=replace(course.hooks, label_smoothing=self.share))
