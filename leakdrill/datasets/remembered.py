"""A data set whose files are kept once read, as far as a fixed allowance goes.

The referee needs a file up to four times: for its split's digest, to deal it, and both again for the challenge. With a
rendered data set that would be most of the work of a deal. Beyond the allowance files are read again: memory stays
bounded whatever the size of the data set.
"""

from collections.abc import Iterator, Sequence

from leakdrill.datasets.source import ExampleSource
from leakdrill.datasets.table import Table

MAX_BYTES = 256 << 20  # some 30,000 photos of 64x64


def remembered(source: ExampleSource) -> ExampleSource:
    """`source` with its files kept; a table, which is in memory as it is, comes back itself."""
    return source if isinstance(source, Table) else Remembered(source)


class Remembered:
    """`source`, with up to `max_bytes` of its files in memory: the first ones that were asked for."""

    def __init__(self, source: ExampleSource, max_bytes: int = MAX_BYTES) -> None:
        self.classes = source.classes
        self.labels = source.labels
        self.groups = source.groups
        self.attributes = source.attributes
        self.is_inside = getattr(source, "is_inside", None)  # of an own model's members
        self.path_of = getattr(source, "path_of", None)  # of files
        self._source = source
        self._room = max_bytes
        self._files: dict[int, bytes] = {}

    def encoded(self, indices: Sequence[int]) -> Iterator[bytes]:
        unknown = set(indices) - self._files.keys()
        fresh = self._source.encoded([index for index in indices if index in unknown])
        for index in indices:
            yield self._remember(index, next(fresh)) if index in unknown else self._files[index]

    def _remember(self, index: int, file: bytes) -> bytes:
        if index not in self._files and len(file) <= self._room:
            self._files[index] = file
            self._room -= len(file)
        return file
