"""Geometry with an answer by hand: where a head seen from the front, turned or nodding shows its features."""

from collections.abc import Callable

import numpy as np
import pytest

from leakdrill.faces.brush import inside
from leakdrill.faces.scene import HEAD_DEPTH, Scene
from leakdrill.faces.traits import Person, Photo, draw, throw

SIZE = 128
MakeScene = Callable[..., Scene]


@pytest.fixture
def scene() -> MakeScene:
    def make(**pose: float) -> Scene:
        rng = np.random.default_rng(0)
        person = draw(Person, [throw(Person, rng)], [0])
        photo = draw(Photo, [throw(Photo, rng)], [0])
        neutral = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "shift_x": 0.0, "shift_y": 0.0, "zoom": 0.7} | pose
        photo = photo._replace(**{name: np.full((1, 1, 1), value, np.float32) for name, value in neutral.items()})
        return Scene(person._replace(jaw=np.zeros((1, 1, 1), np.float32)), photo, SIZE, [rng])

    return make


def at(scene: Scene, plane: np.ndarray, u: float, v: float) -> float:
    """The value of the plane at the pixel nearest to (u, v) of the upright plane."""
    distance = np.hypot(scene.u - u, scene.v - v)
    return float(plane.ravel()[distance.argmin()])


def test_a_head_from_the_front_is_seen_as_it_is(scene: MakeScene) -> None:
    front = scene()
    assert at(front, front.x, 0.2, 0.1) == pytest.approx(0.2, abs=0.02)
    assert at(front, front.y, 0.2, 0.1) == pytest.approx(0.1, abs=0.02)
    assert at(front, front.depth, 0, 0) == pytest.approx(HEAD_DEPTH, abs=0.01)
    width = float(front.person.face_width.item())
    assert at(front, front.rim, width, 0) == pytest.approx(1, abs=0.06)
    assert at(front, front.rim, 0, 1) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("yaw", [-0.4, 0.3])
def test_the_tip_of_a_turned_head_is_where_its_depth_takes_it(scene: MakeScene, yaw: float) -> None:
    turned = scene(yaw=yaw)
    u, v = (value.item() for value in turned.locate(0.0, np.zeros((1, 1, 1), np.float32)))
    assert u == pytest.approx(HEAD_DEPTH * np.sin(yaw), abs=1e-3)
    assert v == pytest.approx(0, abs=1e-6)
    assert at(turned, turned.x, u, v) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("pose", [{"yaw": 0.3}, {"pitch": -0.2}, {"roll": 0.2, "yaw": -0.2, "shift_x": 0.1}])
def test_where_a_point_appears_and_what_appears_there_agree(scene: MakeScene, pose: dict[str, float]) -> None:
    posed = scene(**pose)
    for x, y in [(0.3, 0.0), (-0.2, 0.5), (0.0, -0.4)]:
        patch = posed.patch(x, np.full((1, 1, 1), y, np.float32), 0.1, 0.1)
        distance = np.hypot(patch.dx, patch.dy)
        assert distance.min() < posed.pixel.item()
        assert distance.max() > 0.1


def test_a_patch_cut_and_pasted_changes_only_its_window(scene: MakeScene) -> None:
    front = scene()
    front.canvas[:] = 0
    patch = front.area(*(np.full((1, 1, 1), value, np.float32) for value in (0.1, 0.2)), 0.2, 0.1)
    patch.paste(front.canvas, patch.cut(front.canvas) + 1)
    height, width = patch.size
    assert front.canvas.sum() == 3 * height * width
    ((row, column),) = patch.corners
    assert (front.canvas[:, 0, row : row + height, column : column + width] == 1).all()


def test_a_patch_out_of_the_picture_stays_within_it(scene: MakeScene) -> None:
    patch = scene(shift_x=-0.9).patch(-0.5, np.zeros((1, 1, 1), np.float32), 0.1, 0.1)
    assert patch.dx.shape == (1, *patch.size)


def test_single_scenes_share_the_canvas() -> None:
    generators = [np.random.default_rng(seed) for seed in range(3)]
    person = draw(Person, [throw(Person, rng) for rng in generators], [0, 1, 0])
    photo = draw(Photo, [throw(Photo, rng) for rng in generators], [0, 1, 0])
    scene = Scene(person, photo, 16, generators)
    scene.canvas[:] = 0
    for single in scene.each(np.array([0, 1, 1])[:, None, None]):
        single.canvas += single.person.face_width
    assert np.allclose(scene.canvas[:, 0], 0)
    assert np.allclose(scene.canvas[0, 2], person.face_width[2])


def test_an_edge_covers_half_of_the_pixel_it_crosses() -> None:
    assert inside(np.array([-1.0, -0.25, 0.0, 0.25, 1.0]), 1.0).tolist() == [1, 0.75, 0.5, 0.25, 0]
