from typing import Any

import numpy as np
import pytest

from leakdrill.errors import InvalidInput
from leakdrill.oracles.pixels import MAX_BATCH, MAX_REQUEST_BYTES, ImageInput, image_input
from leakdrill.oracles.reading import InputRange, Reading
from leakdrill.pb.inference_pb2 import ModelMetadataResponse

IMAGES = np.array([[[[0, 128, 255]]]], np.uint8)  # one image of one pixel


def read(datatype: str, *shape: int, **reading: Any) -> ImageInput:
    tensor = ModelMetadataResponse.TensorMetadata(name="x", datatype=datatype, shape=shape)
    return image_input([tensor], Reading(**reading))


@pytest.mark.parametrize(
    ("datatype", "shape", "channels_first", "size"),
    [
        ("UINT8", (-1, 32, 32, 3), False, 32),
        ("FP32", (-1, 3, 64, 64), True, 64),
        ("FP32", (1, 3, -1, 48), True, 48),
        ("FP32", (-1, 3, 3, 3), True, 3),  # either would do; channels first is what most float models take
    ],
)
def test_metadata_tells_the_axes_and_the_size(
    datatype: str, shape: tuple[int, ...], channels_first: bool, size: int
) -> None:
    found = read(datatype, *shape)
    assert (found.channels_first, found.image_size) == (channels_first, size)
    assert found.spec(2).shape == ((2, 3, size, size) if channels_first else (2, size, size, 3))


@pytest.mark.parametrize(
    ("input_range", "wanted"),
    [
        (InputRange.UNIT, [0, 128 / 255, 1]),
        (InputRange.SIGNED, [-1, 128 / 127.5 - 1, 1]),
        (InputRange.BYTES, [0, 128, 255]),
        (InputRange.IMAGENET, [-0.485 / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
    ],
)
def test_floats_are_in_the_range_asked_for(input_range: InputRange, wanted: list[float]) -> None:
    encoded = read("FP32", -1, 3, 1, 1, input_range=input_range).encode(IMAGES)
    assert encoded.shape == (1, 3, 1, 1)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded.ravel(), wanted, atol=1e-6)


def test_bytes_stay_bytes() -> None:
    np.testing.assert_array_equal(read("UINT8", -1, 1, 1, 3).encode(IMAGES), IMAGES)


def test_batches_stay_below_the_limit_that_servers_have() -> None:
    assert read("UINT8", -1, 8, 8, 3).batch_size == MAX_BATCH
    assert read("UINT8", 1, 8, 8, 3).batch_size == 1
    large = read("FP32", -1, 3, 224, 224)
    assert 1 < large.batch_size * 224 * 224 * 3 * 4 <= MAX_REQUEST_BYTES
    assert read("FP32", -1, 3, 1024, 1024).batch_size == 1


def test_a_model_of_any_size_needs_a_size() -> None:
    assert read("FP32", -1, 3, -1, -1, image_size=40).image_size == 40
    with pytest.raises(InvalidInput, match="of any size: give the --image-size"):
        read("FP32", -1, 3, -1, -1)


@pytest.mark.parametrize(
    ("datatype", "shape", "reading"),
    [
        ("BYTES", (-1,), {}),
        ("FP64", (-1, 3, 8, 8), {}),
        ("FP32", (3, 8, 8), {}),
        ("FP32", (-1, 1, 28, 28), {}),  # greyscale
        ("FP32", (-1, 3, 8, 16), {}),
        ("FP32", (4, 3, 8, 8), {}),  # a batch of just four
        ("FP32", (-1, 3, 8, 8), {"image_size": 16}),
        ("UINT8", (-1, 8, 8, 3), {"input_range": InputRange.UNIT}),
    ],
)
def test_an_input_that_is_not_of_square_colour_images_is_refused(
    datatype: str, shape: tuple[int, ...], reading: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=f"x {datatype}"):
        read(datatype, *shape, **reading)


def test_a_model_of_several_inputs_or_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"0 inputs \(none\)"):
        image_input([], Reading())
