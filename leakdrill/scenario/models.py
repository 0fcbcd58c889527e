"""The models of a scenario: cbig's f_s and csmall's f_t, trained here or brought along by their owners."""

from functools import reduce
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from leakdrill.archs import ArchSpec
from leakdrill.archs.own import Own
from leakdrill.defences.training import TrainingDefenceSpec
from leakdrill.defences.training.combining import arch_has_batch_norm, contradiction
from leakdrill.models.fit import Fit
from leakdrill.spec import Spec


class SourceModel(Spec):
    arch: ArchSpec
    cut: str | None = Field(None, description="the last block of g_s; default: all but the last fully connected layer")
    fit: Fit = Fit()
    keep: Literal["best", "last"] = Field(
        "best", description="the epoch whose weights are served: the best on source_validation, or the last"
    )
    defences: list[TrainingDefenceSpec] = Field([], description="what the fit is changed by, against membership")
    weights: Path | None = Field(
        None, description="a state dict in a safetensors file, for load_source; arch is then a builder of your own"
    )

    @model_validator(mode="before")
    @classmethod
    def _builder(cls, value: Any) -> Any:
        return with_builder(value)

    @model_validator(mode="after")
    def _weights_are_of_a_builder(self) -> Self:
        if self.weights is not None and not isinstance(self.arch, Own):
            raise ValueError("weights are loaded into a model of your own: set arch: ./model.py:build")
        if self.weights is None and isinstance(self.arch, Own):
            raise ValueError("a builder of your own is for a model that is trained already: set weights")
        if self.weights is not None and self.defences:
            raise ValueError("the weights are trained already: leave defences out")
        return self

    @model_validator(mode="after")
    def _defences_go_together(self) -> Self:
        if self.defences and (wrong := contradiction(self.defences, self.defended_fit, arch_has_batch_norm(self.arch))):
            raise ValueError(wrong)
        return self

    @property
    def defended_fit(self) -> Fit:
        """The fit with what its defences change of it."""
        return reduce(lambda fit, defence: defence.changed_fit(fit), self.defences, self.fit)


class TargetModel(Spec):
    transfer: Literal["freeze", "fine_tune"] = "freeze"
    fit: Fit = Fit()
    weights: Path | None = Field(None, description="a state dict in a safetensors file, for load_target")
    arch: Own | None = Field(None, description="./model.py:build, the builder of the model whose weights these are")
    cut: str | None = Field(None, description="the last module of its g_t; default: all but the last linear layer")

    @model_validator(mode="before")
    @classmethod
    def _builder(cls, value: Any) -> Any:
        return with_builder(value)

    @model_validator(mode="after")
    def _weights_and_builder(self) -> Self:
        if (self.weights is None) != (self.arch is None):
            raise ValueError(
                "csmall.target_model: weights and arch (./model.py:build) go together, for a model that is trained "
                "already; leave both out to have csmall train one on g_s"
            )
        if self.weights is None and self.cut is not None:
            raise ValueError("csmall.target_model.cut is of a model that is loaded: set weights, or leave it out")
        return self


def with_builder(value: Any) -> Any:
    """A model with `arch: ./model.py:build` and `preprocessing: {mean, std}`, as people write them."""
    if not isinstance(value, dict) or not isinstance(arch := value.get("arch"), str) or ":" not in arch:
        return value
    preprocessing = value.get("preprocessing") or {}
    given = preprocessing if isinstance(preprocessing, dict) else {"preprocessing": preprocessing}
    rest = {key: content for key, content in value.items() if key != "preprocessing"}
    return rest | {"arch": {"kind": "own", "builder": arch} | given}
