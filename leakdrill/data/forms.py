"""The two forms of an example: an image of some size, or a row of so many features. How each travels and is kept."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leakdrill.datasets.source import PILLOW_ERRORS, open_image
from leakdrill.errors import InvalidInput

MAX_IMAGE_SIZE = 1024
MAX_FEATURES = 1 << 14  # 256 rows, what an oracle asks about at a time, are then 16 MiB


@dataclass(frozen=True)
class ImageForm:
    """Images (S, S, 3) uint8, which travel as image files. Raises InvalidInput for an impossible size."""

    image_size: int  # pixels, of the square that the recipient resizes to
    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.uint8)

    def __post_init__(self) -> None:
        if not 1 <= self.image_size <= MAX_IMAGE_SIZE:
            raise InvalidInput(f"image_size is {self.image_size}, wanted 1 to {MAX_IMAGE_SIZE} pixels")

    def __str__(self) -> str:
        return f"images of {self.image_size} pixels"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.image_size, self.image_size, 3)

    def decode(self, file: bytes) -> NDArray[np.uint8]:
        """The image (S, S, 3) in `file`, resized (antialiased) to a square whatever its shape: not cropped.

        Transparency is dropped, and an EXIF orientation is not applied, as in torchvision's loader. Raises
        InvalidInput.
        """
        image = open_image(file)
        try:
            rgb = image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB")
        except PILLOW_ERRORS as error:
            raise InvalidInput(f"not a readable image: {error}") from error
        size = (self.image_size, self.image_size)
        if rgb.size != size:
            rgb = rgb.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(rgb)


@dataclass(frozen=True)
class RowForm:
    """Rows (F,) float32, finite, which travel as their bytes. Raises InvalidInput for an impossible width."""

    num_features: int
    dtype: ClassVar[np.dtype[Any]] = np.dtype("<f4")

    def __post_init__(self) -> None:
        if not 1 <= self.num_features <= MAX_FEATURES:
            raise InvalidInput(f"rows have {self.num_features} features, wanted 1 to {MAX_FEATURES:,}")

    def __str__(self) -> str:
        return f"rows of {self.num_features} features"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.num_features,)

    def decode(self, file: bytes) -> NDArray[np.float32]:
        """The row (F,) in `file`. Raises InvalidInput for another width, and for NaN or infinity."""
        if len(file) != self.num_features * self.dtype.itemsize:
            raise InvalidInput(
                f"a row of {len(file)} bytes, wanted {self.num_features * self.dtype.itemsize} for "
                f"{self.num_features} features of 4 bytes"
            )
        row: NDArray[np.float32] = np.frombuffer(file, self.dtype)
        if not np.isfinite(row).all():
            raise InvalidInput(f"a row with {(~np.isfinite(row)).sum()} NaN or infinite features, wanted none")
        return row


#: The field names differ, so pydantic tells the two apart without a tag.
Form = ImageForm | RowForm
