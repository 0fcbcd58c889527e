import numpy as np
import pytest

from leakdrill.errors import NotFound
from leakdrill.parties.gallery import Faces, Gallery, face_type


def faces(count: int, start: int = 0) -> Faces:
    made = np.empty(count, face_type(3))
    made["key"] = np.arange(start, start + count)
    made["embedding"] = made["key"][:, np.newaxis] + [0.0, 0.25, 0.5]
    return made


def test_a_handle_gives_back_its_face_in_any_order_and_as_often_as_asked() -> None:
    gallery, own = Gallery(secret=1), faces(1000)
    handles = gallery.enrol("adversary", own)
    assert handles.dtype == np.int64
    assert (handles >= 0).all()
    order = np.random.default_rng(0).integers(0, 1000, 5000)
    assert (gallery.faces("adversary", handles[order]) == own[order]).all()


def test_a_photo_enrolled_again_has_its_handle_and_takes_no_room() -> None:
    gallery = Gallery(secret=1, max_faces=10)
    first = gallery.enrol("adversary", faces(10))
    for _ in range(3):
        assert (gallery.enrol("adversary", faces(10)) == first).all()
    assert (gallery.faces("adversary", first) == faces(10)).all()


def test_handles_are_of_one_caller_and_of_one_secret() -> None:
    gallery = Gallery(secret=1)
    handles = gallery.enrol("adversary", faces(5))
    assert not np.isin(gallery.enrol("referee", faces(5)), handles).any()
    assert not np.isin(Gallery(secret=2).enrol("adversary", faces(5)), handles).any()
    with pytest.raises(NotFound, match=r"no face \d+ of yours is enrolled here \(5 of 5 are unknown\): enrol"):
        gallery.faces("referee", handles)
    with pytest.raises(NotFound, match=r"no face 77 .*\(1 of 6"):
        gallery.faces("adversary", np.append(handles, 77))
    with pytest.raises(NotFound):
        gallery.faces("nobody", handles)


def test_the_oldest_faces_are_forgotten_and_can_be_enrolled_again() -> None:
    gallery = Gallery(secret=1, max_faces=400)
    handles = np.concatenate([gallery.enrol("adversary", faces(150, start)) for start in (0, 150, 300, 450)])
    assert (gallery.faces("adversary", handles[200:]) == faces(400, 200)).all()
    for number in (0, 199):
        with pytest.raises(NotFound):
            gallery.faces("adversary", handles[[number]])
    assert (gallery.enrol("adversary", faces(1)) == handles[0]).all()
    assert (gallery.faces("adversary", handles[:1]) == faces(1)).all()
    with pytest.raises(NotFound):
        gallery.faces("adversary", handles[[200]])
