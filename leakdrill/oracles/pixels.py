"""How a model that is not ours wants its images, and images in that form.

Metadata tells the name, the datatype and the axes; it cannot tell what a pixel of 0 or 255 becomes in a float.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput
from leakdrill.network.wire import TensorSpec
from leakdrill.oracles.reading import InputRange, Reading
from leakdrill.pb import inference_pb2 as pb

WANTED = "wanted UINT8 or FP32 of shape [-1, H, W, 3] or [-1, 3, H, W], H = W, and -1 may be 1"
MAX_REQUEST_BYTES = 3 << 20  # gRPC servers refuse more than 4 MiB unless they were told otherwise
MAX_BATCH = 256

# of ImageNet, as torchvision's pretrained models have it (torchvision.transforms documentation)
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


@dataclass(frozen=True)
class ImageInput:
    """The one input of an image model."""

    name: str
    datatype: str  # "UINT8" or "FP32"
    channels_first: bool
    image_size: int  # pixels
    batch_size: int  # images in one request, at most
    input_range: InputRange

    def spec(self, num_images: int) -> TensorSpec:
        side = self.image_size
        image = (3, side, side) if self.channels_first else (side, side, 3)
        return TensorSpec(self.name, self.datatype, (num_images, *image))

    def encode(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """`images` (N, H, W, 3) as the model wants them."""
        values = images if self.datatype == "UINT8" else _floats(images, self.input_range)
        return values.transpose(0, 3, 1, 2) if self.channels_first else values


def image_input(tensors: Sequence[pb.ModelMetadataResponse.TensorMetadata], reading: Reading) -> ImageInput:
    """The input that a model's metadata describes. Raises InvalidInput when it is not one of square RGB images."""
    if len(tensors) != 1:
        described = "; ".join(map(_described, tensors)) or "none"
        raise InvalidInput(f"the model's metadata has {len(tensors)} inputs ({described}): wanted one, of images")
    (tensor,) = tensors
    shape = tuple(tensor.shape)
    channels_first = len(shape) == 4 and shape[1] == 3
    is_images = len(shape) == 4 and shape[0] in (-1, 1) and shape[1 if channels_first else 3] == 3
    if tensor.datatype not in ("UINT8", "FP32") or not is_images:
        raise InvalidInput(f"the model's input is {_described(tensor)}: {WANTED}")
    if tensor.datatype == "UINT8" and reading.input_range not in (None, InputRange.BYTES):
        raise InvalidInput(
            f"an input range of {reading.input_range} for {_described(tensor)}: bytes are 0:255, leave it out"
        )
    side = _side(tensor, shape[2:] if channels_first else shape[1:3], reading.image_size)
    bytes_each = side * side * 3 * (1 if tensor.datatype == "UINT8" else 4)
    batch_size = 1 if shape[0] == 1 else max(1, min(MAX_BATCH, MAX_REQUEST_BYTES // bytes_each))
    return ImageInput(
        tensor.name, tensor.datatype, channels_first, side, batch_size, reading.input_range or InputRange.UNIT
    )


def _side(tensor: pb.ModelMetadataResponse.TensorMetadata, sides: tuple[int, ...], image_size: int | None) -> int:
    known = {side for side in sides if side > 0}
    if len(known) > 1:
        raise InvalidInput(f"the model's input is {_described(tensor)}: {WANTED}")
    if not known and image_size is None:
        raise InvalidInput(f"the model's input is {_described(tensor)}, of any size: give the --image-size to ask with")
    if known and image_size not in (None, *known):
        raise InvalidInput(f"an image size of {image_size} for {_described(tensor)}: leave it out")
    return known.pop() if known else image_size or 0


def _floats(images: NDArray[np.uint8], input_range: InputRange) -> NDArray[np.float32]:
    floats = images.astype(np.float32)
    match input_range:
        case InputRange.BYTES:
            return floats
        case InputRange.SIGNED:
            return floats / np.float32(127.5) - np.float32(1)
        case InputRange.UNIT:
            return floats / np.float32(255)
        case InputRange.IMAGENET:
            return (floats / np.float32(255) - _MEAN) / _STD


def _described(tensor: pb.ModelMetadataResponse.TensorMetadata) -> str:
    return f"{tensor.name} {tensor.datatype} {list(tensor.shape)}"
