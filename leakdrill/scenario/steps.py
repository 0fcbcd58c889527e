"""The steps of a timeline: what is played, in which order, and how good a copy leaks at a breach."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from leakdrill.attacks import AttackSpec
from leakdrill.defences import DefenceSpec
from leakdrill.spec import Spec


class Fidelity(Spec):
    """How good a copy leaks."""

    blocks: int | None = Field(None, ge=1, description="only the first so many blocks; default: all")
    bits: Literal[32, 16, 8] = Field(32, description="float32, float16, or int8 with one scale per tensor")
    noise: float = Field(0.0, ge=0, description="Gaussian, in standard deviations of each tensor")


class Breach(Spec):
    """A state change of csmall that opens its exfiltration listener to the adversary."""

    at: Literal["csmall"] = "csmall"
    artefact: Literal["feature_extractor", "target_feature_extractor", "source_model"] = Field(
        "feature_extractor", description="g_s as received, csmall's own g_t, or all of f_s if cbig.releases it"
    )
    channel: Literal["insider", "illegal_access", "malware"] = Field(
        "insider", description="how it leaked, for the journal (TransMIA, section 3)"
    )
    fidelity: Fidelity = Fidelity()

    @field_validator("fidelity", mode="before")
    @classmethod
    def _full(cls, value: Any) -> Any:
        return {} if value == "full" else value

    @model_validator(mode="after")
    def _a_model_is_whole(self) -> Self:
        if self.artefact == "source_model" and self.fidelity.blocks is not None:
            raise ValueError("fidelity.blocks is for feature extractors: leave it out, or leak feature_extractor")
        return self


class Defend(Spec):
    """What stands before a company's public API from now on, in the place of what stood there."""

    party: Literal["cbig", "csmall"]
    defences: list[DefenceSpec] = Field(description="in this order; [] for none")


class PlainStep(Spec):
    step: Literal["train_source", "load_source", "release", "adapt", "load_target", "revoke"]


class BreachStep(Spec):
    step: Literal["breach"]
    breach: Breach


class DefendStep(Spec):
    step: Literal["defend"]
    defend: Defend


class AttackStep(Spec):
    step: Literal["attack"]
    attack: AttackSpec


Step = Annotated[PlainStep | BreachStep | DefendStep | AttackStep, Field(discriminator="step")]


def name_of(step: Step) -> str:
    """An attack's own name, else what kind of step it is."""
    return str(step.attack.name) if isinstance(step, AttackStep) else step.step


def named_step(step: Any) -> Any:
    """`train_source` and `{attack: {...}}`, as people write them."""
    if isinstance(step, str):
        return {"step": step}
    if isinstance(step, dict) and len(step) == 1:
        ((name, content),) = step.items()
        return {"step": name, name: content}
    return step
