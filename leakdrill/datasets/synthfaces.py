"""The embedded data set: photographs of any number of people who do not exist, drawn by `leakdrill.faces`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.cores import num_cores
from leakdrill.datasets.source import ExampleSource
from leakdrill.faces.render import encode, gender_of
from leakdrill.faces.workers import encode_in_parallel
from leakdrill.spec import Spec

WORTH_WORKERS = 500  # images: about what one process renders while others start


class SynthFaces(Spec):
    """Face photographs drawn by code: any number of identities and photos, 64x64, nothing to download."""

    set: Literal["synthfaces"] = "synthfaces"
    classes: int = Field(ge=2, description="identities")
    per_class: int = Field(ge=2, description="photos of each")
    size: int = Field(64, ge=16, le=512, description="pixels; the photos are square")
    seed: int = Field(0, ge=0, description="of the population of faces; the drill's own seed does not change it")

    def open(self) -> ExampleSource:
        return RenderedFaces(self)


@dataclass(frozen=True)
class RenderedFaces:
    """`classes` x `per_class` photos, identity by identity. Nothing is kept: every photo is rendered when asked for."""

    spec: SynthFaces

    @property
    def classes(self) -> list[str]:
        """Of another population they are other people, with other names."""
        population = f"-of-{self.spec.seed}" if self.spec.seed else ""
        return [f"id{identity:04d}{population}" for identity in range(self.spec.classes)]

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(self.spec.classes, dtype=np.int64), self.spec.per_class)

    @property
    def groups(self) -> NDArray[np.int64]:
        """Every photo has a pose, light and background of its own, so none is another's near-duplicate."""
        return np.arange(self.spec.classes * self.spec.per_class, dtype=np.int64)

    @property
    def attributes(self) -> dict[str, NDArray[np.int64]]:
        """`gender`: 1 = male, 0 = female; half of each."""
        genders = [gender_of(self.spec.seed, identity) for identity in range(self.spec.classes)]
        return {"gender": np.array(genders, dtype=np.int64)}

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        photos = [divmod(int(index), self.spec.per_class) for index in indices]
        num_processes = num_cores()
        if len(photos) < WORTH_WORKERS or num_processes == 1:
            return encode(self.spec.seed, photos, self.spec.size)
        return chain.from_iterable(encode_in_parallel(self.spec.seed, photos, self.spec.size, num_processes))
