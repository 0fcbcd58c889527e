import subprocess
import sys

import numpy as np
import pytest

from leakdrill.faces.render import BATCH_PIXELS, gender_of, render

SEED = 11
PHOTOS = [(identity, photo) for identity in range(6) for photo in range(6)]


def test_the_same_numbers_give_the_same_bytes_in_another_process() -> None:
    here = render(SEED, PHOTOS[:3]).tobytes().hex()
    command = f"from leakdrill.faces.render import render; print(render({SEED}, {PHOTOS[:3]}).tobytes().hex())"
    there = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_a_photo_depends_neither_on_the_others_nor_on_their_order() -> None:
    together = render(SEED, PHOTOS)
    shuffled = np.random.default_rng(0).permutation(len(PHOTOS))
    assert np.array_equal(render(SEED, [PHOTOS[k] for k in shuffled]), together[shuffled])
    for k in range(0, len(PHOTOS), 5):
        assert np.array_equal(render(SEED, [PHOTOS[k]])[0], together[k])


def test_another_seed_identity_or_photo_is_another_image() -> None:
    images = [render(SEED, [(0, 0), (0, 1), (1, 0)]), render(SEED + 1, [(0, 0)])]
    assert len({image.tobytes() for batch in images for image in batch}) == 4


@pytest.mark.parametrize("size", [16, 33, 64, 200])
def test_any_size_shows_the_same_scene(size: int) -> None:
    photos = PHOTOS[::9]
    images = render(SEED, photos, size)
    assert images.shape == (len(photos), size, size, 3)
    assert images.dtype == np.uint8
    # Halves and thirds of the picture have the brightness they have at 64 pixels.
    assert np.abs(blocks(images) - blocks(render(SEED, photos))).mean() < 6


def blocks(images: np.ndarray) -> np.ndarray:
    """Mean level (n, 4, 4) of the cells of a 4 x 4 grid."""
    size = images.shape[1]
    edges = np.linspace(0, size, 5).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(images.mean(3), edges, axis=1), edges, axis=2)
    counts = np.diff([*edges, size])
    means: np.ndarray = sums / np.outer(counts, counts)
    return means


def test_a_large_photo_does_not_wait_for_others() -> None:
    assert BATCH_PIXELS < 512**2


def test_photos_of_one_person_are_closer_than_photos_of_two() -> None:
    images = render(SEED, [(identity, photo) for identity in range(20) for photo in range(8)])
    faces = images.reshape(20, 8, 64, 64, 3)[:, :, 16:56, 16:48].reshape(160, -1).astype(float)
    faces -= faces.mean(1, keepdims=True)  # so that exposure does not decide
    squares = np.square(faces).sum(1)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * faces @ faces.T, 0))
    same = np.kron(np.eye(20), np.ones((8, 8))).astype(bool)
    within = distance[same & ~np.eye(160, dtype=bool)].mean()
    assert within < 0.95 * distance[~same].mean()


def test_photos_of_one_person_differ() -> None:
    images = render(SEED, [(3, photo) for photo in range(8)]).astype(float)
    distances = [np.abs(a - b).mean() for k, a in enumerate(images) for b in images[:k]]
    assert min(distances) > 10


def test_any_population_has_as_many_women_as_men() -> None:
    genders = [gender_of(SEED, identity) for identity in range(100)]
    assert sum(genders) == 50
    assert genders[::2].count(1) not in (0, 50)  # which of a pair is the man is drawn


def test_gender_shows_in_a_linear_projection_of_photos_of_other_people() -> None:
    genders = np.array([gender_of(SEED, identity) for identity in range(160)])
    images = render(SEED, [(identity, photo) for identity in range(160) for photo in range(2)], size=16)
    features = images.reshape(320, -1) / 255.0 - 0.5
    target = np.repeat(genders, 2) * 2 - 1
    train, test = slice(0, 240), slice(240, 320)
    gram = features[train] @ features[train].T
    weights = features[train].T @ np.linalg.solve(gram + 20 * np.eye(240), target[train])
    assert (np.sign(features[test] @ weights) == target[test]).mean() > 0.65


def test_rendering_needs_no_torch() -> None:
    check = "import sys, leakdrill.faces.workers; sys.exit('torch' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
