"""What the adversary sees of each example it was dealt: how it came, how it is encoded, what it shows."""

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tap
from google.protobuf.unknown_fields import UnknownFieldSet
from numpy.typing import NDArray
from PIL import Image

from leakdrill.data.forms import ImageForm
from leakdrill.datasets.source import ExampleSource
from leakdrill.pb.party_pb2 import ProvisionRequest

HEAD_BYTES, TAIL_BYTES = 64, 16
SIDE = 8  # pixels, at which images are compared

Columns = dict[str, NDArray[np.float64]]  # each (N,), by name: one value for each example of the challenge


@dataclass(frozen=True)
class Dealt:
    """One example as it came."""

    file: bytes
    label: int
    message: int  # its number in the stream
    place: int  # in its message
    message_size: int  # examples
    message_bytes: int
    arrival_ms: float  # since the stream began
    gap_ms: float  # since the message before
    unknown_fields: int


def dealt(split: str) -> list[Dealt]:
    """The examples of a split, in the order in which they came."""
    for call in reversed(tap.DEALT_BEFORE + tap.CALLS):
        if call.method == tap.PROVISION and _header(call).split == split:
            return list(_examples(call))
    return []


def _header(call: tap.Call) -> ProvisionRequest:
    return ProvisionRequest.FromString(call.messages[0][1]).header


def _examples(call: tap.Call) -> list[Dealt]:
    found, before = [], call.messages[0][0]
    for number, (at, raw) in enumerate(call.messages[1:]):
        batch = ProvisionRequest.FromString(raw).batch
        for place, example in enumerate(batch.examples):
            arrival, gap = (at - call.started) / 1e6, (at - before) / 1e6
            unknown = len(UnknownFieldSet(example)) + len(UnknownFieldSet(batch))
            size = len(batch.examples)
            found.append(Dealt(example.file, example.label, number, place, size, len(raw), arrival, gap, unknown))
        before = at
    return found


def how_they_came(examples: Sequence[Dealt]) -> Columns:
    position = np.arange(len(examples))
    names = ("label", "message", "place", "message_size", "message_bytes", "arrival_ms", "gap_ms", "unknown_fields")
    columns = {name: np.array([getattr(example, name) for example in examples], float) for name in names}
    gaps = columns["gap_ms"]
    return columns | {
        "position": position.astype(float),
        "position mod 2": position % 2.0,
        "position mod 4": position % 4.0,
        "gap of an example": gaps / columns["message_size"],
        "next gap": np.append(gaps[1:], 0.0),
        "wait": np.diff(columns["arrival_ms"], prepend=0.0),
    }


def how_they_are_encoded(examples: Sequence[Dealt]) -> Columns:
    """Bytes, chunks and tables of the files, whatever their format."""
    files = [example.file for example in examples]
    columns = {"file_bytes": np.array([len(file) for file in files], float)}
    heads = np.array([list(file[:HEAD_BYTES].ljust(HEAD_BYTES, b"\0")) for file in files], float)
    tails = np.array([list(file[-TAIL_BYTES:].rjust(TAIL_BYTES, b"\0")) for file in files], float)
    columns |= {f"byte {index}": heads[:, index] for index in range(HEAD_BYTES)}
    columns |= {f"byte -{TAIL_BYTES - index}": tails[:, index] for index in range(TAIL_BYTES)}
    facts = np.array([_facts(file) for file in files], float)
    names = ("width", "height", "bands", "is_jpeg", "infos", "exif", "quantisation", "hash")
    return columns | {name: facts[:, index] for index, name in enumerate(names)}


def _facts(file: bytes) -> tuple[float, ...]:
    image = Image.open(io.BytesIO(file))
    tables = getattr(image, "quantization", {})
    return (
        image.width,
        image.height,
        len(image.getbands()),
        image.format == "JPEG",
        len(image.info),
        len(image.getexif()),
        sum(sum(table) for table in tables.values()),
        hashlib.sha256(file).digest()[0],
    )


def grey(files: Sequence[bytes], size: int = SIDE) -> NDArray[np.float64]:
    """(N, size * size), each image as grey levels in 0 to 255."""
    return np.stack([ImageForm(size).decode(file).mean(axis=2).ravel() for file in files])


def what_they_show(images: NDArray[np.float64]) -> Columns:
    """Of grey images (N, SIDE * SIDE): block means, contrast, roughness."""
    square = images.reshape(-1, SIDE, SIDE)
    blocks = square.reshape(-1, 4, SIDE // 4, 4, SIDE // 4).mean(axis=(2, 4)).reshape(len(images), -1)
    columns = {f"block {index}": blocks[:, index] for index in range(blocks.shape[1])}
    roughness = np.abs(np.diff(square, axis=1)).mean(axis=(1, 2))
    return columns | {"mean": images.mean(axis=1), "contrast": images.std(axis=1), "roughness": roughness}


def where_they_stand(images: NDArray[np.float64], public: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place (N,) of each image in the public data set, by the nearest: encodings may blur it."""
    cross = images @ public.T
    return np.asarray(((public**2).sum(axis=1) - 2 * cross).argmin(axis=1))


def their_neighbours(examples: Sequence[Dealt], places: NDArray[np.int64], public: ExampleSource) -> Columns:
    """What the rest of the deal says: copies in the shadow pools, neighbours in the public data set, own encoding."""
    columns: Columns = {"index": places.astype(float), "index mod 2": places % 2.0}
    own_files = [*public.encoded(places.tolist())]
    columns["as we would encode it"] = np.array(
        [example.file == own for example, own in zip(examples, own_files, strict=True)], float
    )
    columns["bytes more than ours"] = np.array(
        [len(example.file) - len(own) for example, own in zip(examples, own_files, strict=True)], float
    )
    challenge = Counter(places.tolist())
    columns["copies"] = np.array([challenge[place] for place in places.tolist()], float)
    columns["next is dealt"] = np.array([challenge[place + 1] + challenge[place - 1] for place in places.tolist()])
    return columns


def near_a_pool(name: str, images: NDArray[np.float64], pool: NDArray[np.float64]) -> Columns:
    """The distance to the nearest image of a shadow pool, and whether it is a copy."""
    squares = (images**2).sum(axis=1)[:, None] + (pool**2).sum(axis=1) - 2 * images @ pool.T
    nearest = np.sqrt(np.maximum(squares.min(axis=1), 0))
    return {f"distance to {name}": nearest, f"copy in {name}": (nearest < 1).astype(float)}
