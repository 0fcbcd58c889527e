import io
import os
from itertools import islice

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from leakdrill.datasets import synthfaces
from leakdrill.datasets.synthfaces import SynthFaces
from leakdrill.faces.render import gender_of, render


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)))


def test_examples_are_numbered_identity_by_identity() -> None:
    source = SynthFaces(classes=3, per_class=4, seed=2).open()
    assert source.classes == ["id0000-of-2", "id0001-of-2", "id0002-of-2"]  # the people of another seed are others
    assert SynthFaces(classes=2, per_class=4).open().classes == ["id0000", "id0001"]
    assert source.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert source.groups.tolist() == list(range(12))
    assert source.attributes["gender"].tolist() == [gender_of(2, identity) for identity in range(3)]
    (file,) = source.encoded([6])
    assert np.array_equal(pixels(file), render(2, [(1, 2)])[0])


def test_a_photo_does_not_depend_on_the_size_of_the_data_set() -> None:
    small, large = SynthFaces(classes=2, per_class=3).open(), SynthFaces(classes=50, per_class=30).open()
    assert list(small.encoded([4])) == list(large.encoded([31]))


def test_many_photos_are_rendered_by_processes_as_few_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SynthFaces(classes=10, per_class=4, size=16).open()
    indices = list(reversed(range(40)))
    inline = list(source.encoded(indices))
    monkeypatch.setattr(synthfaces, "WORTH_WORKERS", 10)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert list(source.encoded(indices)) == inline


def test_files_of_a_data_set_larger_than_memory_come_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    source = SynthFaces(classes=1000, per_class=1000, size=16).open()
    files = source.encoded(range(100_000))
    assert len(list(islice(files, 3))) == 3


def test_size_is_that_of_the_image() -> None:
    (file,) = SynthFaces(classes=2, per_class=2, size=48).open().encoded([0])
    assert pixels(file).shape == (48, 48, 3)


@pytest.mark.parametrize(
    "wrong", [{"classes": 1}, {"per_class": 1}, {"size": 8}, {"size": 5000}, {"seed": -1}, {"colour": "red"}]
)
def test_what_cannot_be_rendered_is_refused(wrong: dict[str, object]) -> None:
    keys = {"classes": 2, "per_class": 2} | wrong
    with pytest.raises(ValidationError):
        SynthFaces.model_validate(keys)
