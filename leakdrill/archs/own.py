"""A network that a module of the user's builds. cbig alone runs it: what travels is a leakdrill.archs.graph.Graph."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from leakdrill.errors import ScenarioError
from leakdrill.spec import Spec

Channel = Annotated[float, Field(allow_inf_nan=False)]
Deviation = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Own(Spec):
    """A torch.nn.Module that a function of yours returns; for `weights`, which are loaded rather than trained."""

    kind: Literal["own"] = "own"
    builder: str = Field(description="./model.py:build, or package.module:build; it is called without arguments")
    mean: tuple[Channel, Channel, Channel] = Field(description="subtracted from each channel of images in [0, 1]")
    std: tuple[Deviation, Deviation, Deviation] = Field(description="what each channel is then divided by")

    def blocks(self, num_classes: int) -> dict[str, nn.Module]:
        raise ScenarioError(f"{self.builder} is cbig's, which alone builds it")
