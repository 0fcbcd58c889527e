"""Enrolled faces: what a face service keeps of a photo sent once, so that it can be compared again and again by handle.

Real services have it: Azure's Face API detects a face and gives an id, and verifies two ids. A handle is a keyed hash
of the photo and of who sent it: the same photo enrolled again has the same handle, nobody can tell another's, and
another's would not help, since everybody is looked up among their own. Faces are kept in memory alone.
"""

import hashlib
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import NotFound
from leakdrill.seeds import derive

MAX_FACES = 1 << 16  # of one caller, the oldest forgotten first: 128 MiB at 512 dimensions
FIRST_ROWS = 256

Faces = NDArray[Any]  # (N,) of `face_type`


def face_type(length: int) -> np.dtype[Any]:
    """A face as the service sees it: `key` of its photo (leakdrill.defences.keyed), and its `embedding` (length,)."""
    return np.dtype([("key", np.uint64), ("embedding", np.float32, (length,))])


class Gallery:
    """The faces that each caller has enrolled. Thread-safe."""

    def __init__(self, secret: int, max_faces: int = MAX_FACES) -> None:
        self._secret = secret
        self._max_faces = max_faces
        self._shelves: dict[str, _Shelf] = {}
        self._lock = threading.Lock()

    def enrol(self, caller: str, faces: Faces) -> NDArray[np.int64]:
        """Their handles (N,), all positive."""
        key = derive(self._secret, "handles", caller).to_bytes(8, "big")
        digests = [hashlib.blake2b(face.tobytes(), digest_size=8, key=key).digest() for face in faces["key"]]
        handles = (np.frombuffer(b"".join(digests), np.uint64) >> np.uint64(1)).astype(np.int64)
        with self._lock:
            shelf = self._shelves.setdefault(caller, _Shelf(faces.dtype, self._max_faces))
            for handle, face in zip(handles.tolist(), faces, strict=True):
                shelf.put(handle, face)
        return handles

    def faces(self, caller: str, handles: NDArray[np.int64]) -> Faces:
        """Those that `caller` enrolled under `handles`. Raises NotFound for one that is not kept."""
        with self._lock:
            shelf = self._shelves.get(caller)
            places = [shelf.places.get(handle, -1) if shelf else -1 for handle in handles.tolist()]
            if shelf is not None and -1 not in places:
                return shelf.rows[places]
        unknown = places.index(-1)
        raise NotFound(
            f"no face {handles[unknown]} of yours is enrolled here ({places.count(-1)} of {len(places)} are unknown): "
            f"enrol the image again; the last {self._max_faces} are kept, until the service starts anew"
        )


class _Shelf:
    """One caller's faces in a ring that grows up to `max_faces`."""

    def __init__(self, dtype: np.dtype[Any], max_faces: int) -> None:
        self.rows: Faces = np.empty(min(FIRST_ROWS, max_faces), dtype)
        self.places: dict[int, int] = {}  # handle -> row
        self._handles: list[int] = []  # by row
        self._max_faces = max_faces
        self._oldest = 0  # row, once the ring is full

    def put(self, handle: int, face: Any) -> None:
        if handle in self.places:
            return
        place = len(self._handles)
        if place == self._max_faces:
            place, self._oldest = self._oldest, (self._oldest + 1) % self._max_faces
            del self.places[self._handles[place]]
            self._handles[place] = handle
        else:
            self._handles.append(handle)
        if place == len(self.rows):
            self.rows = np.concatenate([self.rows, np.empty(min(place, self._max_faces - place), self.rows.dtype)])
        self.rows[place] = face
        self.places[handle] = place
