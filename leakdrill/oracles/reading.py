"""What the metadata of a model that is not ours cannot say of its input and its output."""

from dataclasses import dataclass
from enum import StrEnum


class InputRange(StrEnum):
    """What the pixels 0 to 255 are in a float; "imagenet" is 0:1 less ImageNet's mean, over its deviation."""

    UNIT = "0:1"
    SIGNED = "-1:1"
    BYTES = "0:255"
    IMAGENET = "imagenet"


class OutputsAre(StrEnum):
    SCORES = "scores"
    LOGITS = "logits"


@dataclass(frozen=True)
class Reading:
    """How to read one model's metadata."""

    output: str | None = None  # the name of the output by class; None: the only one
    outputs_are: OutputsAre = OutputsAre.SCORES
    image_size: int | None = None  # pixels; for a model that takes any
    input_range: InputRange | None = None  # for a model that takes floats; None: 0:1
