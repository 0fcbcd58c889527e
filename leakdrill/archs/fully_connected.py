"""Networks for tables: Shokri et al. (2017), as Choquette-Choo et al. (2021), appendix B.1, use them."""

import itertools
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from leakdrill.archs.head import Head
from leakdrill.archs.standardise import Standardise
from leakdrill.data.forms import MAX_FEATURES
from leakdrill.errors import ScenarioError
from leakdrill.spec import Spec

Width = Annotated[int, Field(ge=1, le=4096)]


class FullyConnected(Spec):
    """Dense layers with tanh for the rows of a table: two of 128 as for Texas, Adult and Location; Purchase has one.

    The first block standardises each column by the training data of whoever trains the network (the papers do not say
    whether they do; binary columns, which are all that three of their four data sets have, stay as they are).
    """

    kind: Literal["fully_connected"] = "fully_connected"
    hidden: tuple[Width, ...] = Field((128, 128), min_length=1, max_length=8, description="units of each hidden layer")
    num_features: int | None = Field(
        None, ge=1, le=MAX_FEATURES, description="columns of a row; default: those of the data set"
    )

    def blocks(self, num_classes: int) -> dict[str, nn.Module]:
        """Raises ScenarioError as long as the number of columns is not known."""
        if self.num_features is None:
            raise ScenarioError("a fully_connected network needs the number of columns: set the arch's num_features")
        widths = (self.num_features, *self.hidden)
        layers = {
            f"hidden{number}": nn.Sequential(nn.Linear(num_in, num_out), nn.Tanh())
            for number, (num_in, num_out) in enumerate(itertools.pairwise(widths), start=1)
        }
        return {"standardise": Standardise(self.num_features), **layers, "head": Head(widths[-1], num_classes)}
