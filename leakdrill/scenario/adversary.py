"""The adversary's part of a scenario: what it is granted, and what it can afford."""

from pydantic import Field

from leakdrill.models.device import AUTO, DeviceName
from leakdrill.spec import Spec


class Knows(Spec):
    """What the adversary is granted beside the public APIs."""

    shadow_examples: bool = Field(True, description="the shadow splits: examples that are not members")
    architecture: bool = Field(True, description="of the source model")
    target_examples: bool = Field(False, description="csmall's own training data (TransMIA, appendix A)")
    auxiliary_faces: bool = Field(
        False, description="data.auxiliary_faces: photos of people who are nobody's else, and who is who"
    )
    transfer_method: bool = Field(False, description="whether csmall freezes or fine-tunes")
    defences: bool = Field(False, description="which the owner of the model under attack has taken, not their secrets")
    labelled_identities: int = Field(
        0,
        ge=0,
        description="people of whom each fold of an attack is told whether they are members, half of them; an attack "
        "that is granted these is played in folds, and judged on other people",
    )
    labelled_attributes: int = Field(
        0, ge=0, description="photos, of people who are not judged in that fold, of which it is told the attribute"
    )


class Adversary(Spec):
    knows: Knows = Knows()
    query_budget: int = Field(100_000, ge=0, description="examples, at each public API")
    workers: int | None = Field(
        None, ge=1, description="processes for shadow training; default: one per core, at most 8"
    )
    device: DeviceName = Field(AUTO, description="where it computes: auto, cpu, cuda, cuda:N or mps")
