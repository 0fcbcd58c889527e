import io

import numpy as np
import pytest
from PIL import Image

from leakdrill.faces import png


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (64, 64)])
def test_what_is_written_is_read_back(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png.write(image))) as read:
        assert read.format == "PNG"
        assert np.array_equal(np.asarray(read), image)


def test_a_smooth_picture_is_compressed() -> None:
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None], (64, 64, 3))
    assert len(png.write(np.ascontiguousarray(ramp))) < 64 * 64 * 3 / 4
