"""The two forms of an example, decoded. Images: tests/parties/test_store.py, with the store that keeps them."""

import numpy as np
import pytest

from leakdrill.data.forms import ImageForm, RowForm
from leakdrill.errors import InvalidInput
from leakdrill.parties.messages import form_of, split_header


def test_a_row_travels_as_its_bytes() -> None:
    row = np.array([1.5, -2, 0], "<f4")
    np.testing.assert_array_equal(RowForm(3).decode(row.tobytes()), row)


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a row of 8 bytes, wanted 12 for 3 features of 4 bytes"):
        RowForm(3).decode(bytes(8))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(InvalidInput, match="a row with 1 NaN or infinite features, wanted none"):
        RowForm(2).decode(np.array([0, value], "<f4").tobytes())


@pytest.mark.parametrize("form", [ImageForm(16), RowForm(446)])
def test_a_form_is_the_same_after_the_wire(form: ImageForm | RowForm) -> None:
    assert form_of(split_header("challenge", form, 3, "digest")) == form


@pytest.mark.parametrize(("name", "number"), [("image_size", 0), ("image_size", 1025), ("num_features", 1 << 30)])
def test_an_impossible_form_is_refused(name: str, number: int) -> None:
    header = split_header("challenge", ImageForm(16), 3, "digest")
    setattr(header, name, number)
    with pytest.raises(InvalidInput, match=rf"{number}( features)?, wanted 1 to"):
        form_of(header)
