"""What every data set must do: a new one is tested the moment it is registered."""

import io
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from leakdrill.data.forms import RowForm
from leakdrill.datasets import DATASETS, DatasetSpec
from leakdrill.datasets.source import ExampleSource
from leakdrill.datasets.table import Table, TableSpec
from tests.datasets.tables import written


def example_folder(root: Path) -> None:
    for name, count in {"Ada": 3, "Bob": 2}.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (4, 4), (50 * number, len(name), ord(name[0]))).save(
                root / name / f"{name}_{number:04d}.png"
            )


@pytest.fixture(params=DATASETS)
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """A scenario's keys for a small instance of each data set; those that need files find some."""
    if issubclass(DATASETS[request.param], TableSpec):
        return written(request.param, tmp_path)
    fields = DATASETS[request.param].model_fields
    if "root" in fields:
        example_folder(tmp_path)
    sides = {side: tmp_path / side for side in ("members", "non_members") if side in fields}
    for side in sides.values():
        for name in ("Ada", "Bob"):
            (side / name).mkdir(parents=True)
            Image.new("RGB", (4, 4), (len(side.name), 0, ord(name[0]))).save(side / name / "1.png")
    small = {"root": tmp_path, "classes": 2, "per_class": 2, **sides}
    return {"set": request.param} | {key: value for key, value in small.items() if key in fields}


def opened(keys: dict[str, Any]) -> ExampleSource:
    source: ExampleSource = TypeAdapter(DatasetSpec).validate_python(keys).open()
    return source


def test_the_registry_and_the_union_agree() -> None:
    assert list(DATASETS.values()) == list(get_args(get_args(DatasetSpec)[0]))
    for name, spec in DATASETS.items():
        assert get_args(spec.model_fields["set"].annotation) == (name,)
        assert (spec.__doc__ or "").strip().splitlines()[0].endswith(".")


def test_labels_groups_and_attributes_have_their_shapes(keys: dict[str, Any]) -> None:
    source = opened(keys)
    assert len(set(source.classes)) == len(source.classes) >= 2
    assert source.labels.dtype == source.groups.dtype == np.int64
    assert source.labels.shape == source.groups.shape
    assert set(source.labels.tolist()) == set(range(len(source.classes)))
    for values in source.attributes.values():
        assert values.dtype == np.int64
        assert values.shape == (len(source.classes),)


def test_files_are_images_or_rows_in_the_order_asked_for_and_the_same_each_time(keys: dict[str, Any]) -> None:
    source = opened(keys)
    (first,), (second,) = source.encoded([0]), source.encoded([1])
    assert first != second
    assert list(source.encoded([1, 0, 1])) == [second, first, second]
    assert list(opened(keys).encoded([0, 1])) == [first, second]
    if isinstance(source, Table):
        assert RowForm(source.num_features).decode(first).shape == (source.num_features,)
    else:
        assert Image.open(io.BytesIO(first)).format in {"PNG", "JPEG"}


def test_files_come_as_a_stream(keys: dict[str, Any]) -> None:
    """A data set can be larger than memory: what `encoded` will not be asked for costs nothing."""
    files = opened(keys).encoded([0] * 100_000)
    assert next(files) == next(files)


def test_unknown_keys_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="typo"):
        opened(keys | {"typo": 1})
