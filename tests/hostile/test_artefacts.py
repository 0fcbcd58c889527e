"""Artefacts as a hostile cbig or csmall may send them: refused as InvalidInput, in little memory."""

import itertools
import json
import struct
import tracemalloc
from typing import Any

import pytest
import torch
from safetensors.torch import save

from leakdrill.archs import ResNet8, build, cut
from leakdrill.data.forms import ImageForm
from leakdrill.errors import InvalidInput
from leakdrill.models import artefact
from leakdrill.models.artefact import CHUNK_BYTES, Artefact

ARCH = ResNet8(width=8)
MIB = 1 << 20


def g_s() -> Artefact:
    feature_extractor, _ = cut(build(ARCH, num_classes=5, seed=3))
    return Artefact.of("feature_extractor", ARCH, feature_extractor, form=ImageForm(32))


GENUINE = g_s()
DESCRIPTION = GENUINE.description.model_dump_json()


def tensor(dtype: str = "F32", shape: tuple[int, ...] = (1,), offsets: tuple[int, int] = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def crafted(header: Any, num_bytes: int = 4) -> bytes:
    """A safetensors file of `header` (JSON, or as it stands) and so many bytes of data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(num_bytes)


TWICE = json.dumps({"a": tensor()}).encode()[:-1] + b', "a": ' + json.dumps(tensor()).encode() + b"}"
FILES = {
    "nothing": b"",
    "a header longer than memory": struct.pack("<Q", 2**63) + b"{}",
    "a header longer than the file": struct.pack("<Q", 99 * MIB) + b"{}",
    "a header that is a list": crafted([1]),
    "a header nested 100,000 deep": crafted(b"[" * 100_000),
    "a header that is no text": crafted(b"\xff\xff"),
    "overlapping offsets": crafted({"a": tensor(), "b": tensor()}),
    "offsets outside the file": crafted({"a": tensor(offsets=(0, 4000))}),
    "offsets that leave a hole": crafted({"a": tensor(), "b": tensor(offsets=(8, 12))}, 12),
    "offsets in the wrong order": crafted({"a": tensor(offsets=(4, 0))}),
    "data that no tensor covers": crafted({"a": tensor()}, 400),
    "2^40 elements": crafted({"a": tensor(shape=(2**40,))}),
    "2^124 elements": crafted({"a": tensor(shape=(2**62, 2**62))}),
    "a negative shape": crafted({"a": tensor(shape=(-1,))}),
    "a type that there is not": crafted({"a": tensor(dtype="F33")}),
    "a type that PyTorch lacks": crafted({"a": tensor(dtype="F4", shape=(8,))}),
    "complex numbers": crafted({"a": tensor(dtype="C64", offsets=(0, 8))}, 8),
    "truth values": crafted({"a": tensor(dtype="BOOL", offsets=(0, 1))}, 1),
    "NaN": save({"a": torch.tensor([1.0, torch.nan])}),
    "infinity": save({"a": torch.tensor([torch.inf]).half()}),
}


@pytest.mark.parametrize("what", FILES)
def test_a_crafted_file_is_refused_without_the_memory_that_it_asks_for(what: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput):
            Artefact.from_parts([DESCRIPTION, FILES[what]])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * MIB


@pytest.mark.parametrize(
    "file",
    [crafted(TWICE), crafted({"a": tensor(shape=(2**40, 0), offsets=(0, 0))}, 0), crafted({}, 0)],
    ids=["a name twice", "an empty tensor of 2^40 rows", "no tensor"],
)
def test_a_file_that_can_be_read_and_has_other_tensors_fits_no_blocks(file: bytes) -> None:
    with pytest.raises(InvalidInput, match="do not fit the described blocks"):
        Artefact.from_parts([DESCRIPTION, file]).module()


@pytest.mark.parametrize(
    "description",
    [
        "",
        "{",
        "null",
        "[" * 100_000,
        '{"name": "x"}',
        DESCRIPTION.replace('"width":8', '"width":1000000'),
        DESCRIPTION.replace('"resnet8"', '"os.system"'),
        DESCRIPTION[:-1] + ', "extra": 1}',
    ],
    ids=range(8),
)
def test_a_description_that_describes_nothing_is_refused(description: str) -> None:
    with pytest.raises(InvalidInput, match="an artefact's description is malformed"):
        Artefact.from_parts([description, *list(GENUINE.to_parts())[1:]])


def test_a_second_description_is_refused() -> None:
    with pytest.raises(InvalidInput, match="one description, got another"):
        Artefact.from_parts([*GENUINE.to_parts(), DESCRIPTION])


def test_a_stream_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefact, "MAX_BYTES", 8 * MIB)
    parts = itertools.chain([DESCRIPTION], itertools.repeat(bytes(CHUNK_BYTES), times=100))
    with pytest.raises(InvalidInput, match="more than 8388608 bytes"):
        Artefact.from_parts(parts)
    assert len(list(parts)) == 91, "it reads one chunk too many, and no further"


def test_coarse_weights_are_still_an_artefact() -> None:
    halves = {name: each.half() if each.is_floating_point() else each for name, each in GENUINE.weights.items()}
    received = Artefact.from_parts(Artefact(GENUINE.description, halves).to_parts())
    assert received.module()(torch.zeros(1, 3, 32, 32)).isfinite().all()
