"""Early stopping: end the training before it has learned its examples by heart."""

from dataclasses import replace
from functools import partial
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from leakdrill.defences.training.base import Course, TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.training import accuracy

PATIENCE = 3  # epochs


class EarlyStopping(TrainingDefence):
    """Fewer epochs: a fixed number, or until validation no longer improves (Prechelt 1998; Song and Mittal 2021).

    The learning rate falls on as if all of the fit's epochs came. With `patience` the best epoch's weights are kept,
    whatever `keep` says.
    """

    kind: Literal["early_stopping"] = "early_stopping"
    epochs: int | None = Field(
        None, ge=1, description="stop after so many; as many as the fit has are no defence, and more are refused"
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="stop after so many epochs without a better validation; default: 3, unless epochs is set",
    )

    @model_validator(mode="before")
    @classmethod
    def _some_rule(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("epochs") is None and value.get("patience") is None:
            return {**value, "patience": PATIENCE}
        return value

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.epochs is not None and self.patience is not None:
            raise ValueError("early_stopping stops after `epochs` or by `patience`: set one of the two")
        return self

    def changed(self, course: Course) -> Course:
        if self.patience is None:
            return replace(course, hooks=replace(course.hooks, last_epoch=self.epochs))
        if course.held_out is None:
            raise ScenarioError(
                "early_stopping by patience needs held-out examples, of which there are none here: set epochs"
            )
        score = course.score or partial(accuracy, course.model, course.held_out)
        return replace(course, hooks=replace(course.hooks, patience=self.patience), score=score)
