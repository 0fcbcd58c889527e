"""What the rest of leakdrill knows of a data set: labelled image files or rows in near-duplicate groups, on demand."""

import io
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from leakdrill.errors import InvalidInput

#: Pillow's decoders for the extensions that torchvision's ImageFolder takes. Its other decoders stay shut: some of them
#: are old, and one of them starts Ghostscript.
FORMATS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "WEBP")
MAX_PIXELS = 40_000_000  # 120 MB once decoded

#: What Pillow raises for a damaged file, by format and by where the damage is.
PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class ExampleSource(Protocol):
    """N examples in a fixed order. Of images only the index is in memory, so there can be more than fit into it."""

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their labels."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,), an index into `classes`."""

    @property
    def groups(self) -> NDArray[np.int64]:
        """(N,): near-duplicates share a number, and never straddle a split. An example without any has its own."""

    @property
    def attributes(self) -> dict[str, NDArray[np.int64]]:
        """What is known of each class, (len(classes),) by name; -1 where it is not known."""

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        """The examples at `indices`, in that order, each read when it is asked for.

        Of images they are files (PNG or JPEG bytes), of a leakdrill.datasets.table.Table float32s, little-endian.
        Raises InvalidInput, naming the file, for one that is no image.
        """


def open_image(file: bytes) -> Image.Image:
    """The image in `file`, its header read and its pixels not.

    Raises InvalidInput when it is none, is too large, or has samples of more than 8 bits.
    """
    try:
        image = Image.open(io.BytesIO(file), formats=FORMATS)
    except UnidentifiedImageError as error:  # whose message is the address of our buffer
        raise InvalidInput(f"not a readable image ({len(file)} bytes), wanted PNG or JPEG") from error
    except PILLOW_ERRORS as error:
        raise InvalidInput(f"not a readable image ({len(file)} bytes), wanted PNG or JPEG: {error}") from error
    if image.width * image.height > MAX_PIXELS:
        raise InvalidInput(f"an image of {image.width} x {image.height}, the limit is {MAX_PIXELS // 10**6} megapixels")
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise InvalidInput(f"pixels in Pillow's mode {image.mode!r}, wanted 8 bits per sample: convert the image first")
    return image
