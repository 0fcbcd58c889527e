import numpy as np
import pytest

from leakdrill.faces.chance import Chance, Choice, Dice, Normal, Uniform
from leakdrill.faces.features import BEARD_LOOKS
from leakdrill.faces.hair import CUTS
from leakdrill.faces.scene import MAX_TILT, MAX_ZOOM
from leakdrill.faces.surroundings import BACKDROP_LOOKS, GRID, NECKLINES
from leakdrill.faces.traits import (
    BACKDROPS,
    BEARDS,
    COLLARS,
    HAIRSTYLES,
    MAX_BLUR,
    Person,
    Photo,
    draw,
    throw,
)

N = 4000
MALE = (np.arange(N) % 2).astype(np.float32)


@pytest.fixture(scope="module")
def dice() -> Dice:
    rng = np.random.default_rng(5)
    return Dice(rng.random(N, dtype=np.float32), rng.standard_normal(N, dtype=np.float32), MALE)


def test_a_distribution_has_its_mean_for_each_gender(dice: Dice) -> None:
    women, men = MALE == 0, MALE == 1
    normal = Normal(1.0, 3.0, 0.5).draw(dice)
    assert normal[women].mean() == pytest.approx(1.0, abs=0.05)
    assert normal[men].mean() == pytest.approx(3.0, abs=0.05)
    chance = Chance(0.1, 0.6).draw(dice)
    assert chance[women].mean() == pytest.approx(0.1, abs=0.03)
    assert chance[men].mean() == pytest.approx(0.6, abs=0.04)
    uniform = Uniform(-2.0, 4.0).draw(dice)
    assert uniform.mean() == pytest.approx(1.0, abs=0.15)
    assert uniform.min() >= -2
    assert uniform.max() <= 4


def test_a_choice_follows_its_weights_and_looks_names_up(dice: Dice) -> None:
    choice = Choice({"a": (3, 0), "b": (1, 1)})
    index = choice.draw(dice)
    assert (index[MALE == 0] == 0).mean() == pytest.approx(0.75, abs=0.04)
    assert (index[MALE == 1] == 1).all()
    first, second = choice.look_up(index[:, None, None], {"b": (5.0, 6.0), "a": (7.0, 8.0)})
    assert np.array_equal(first.ravel(), np.where(index == 0, 7, 5))
    assert np.array_equal(second.ravel(), np.where(index == 0, 8, 6))


@pytest.mark.parametrize(
    ("choice", "looks"),
    [(HAIRSTYLES, CUTS), (BEARDS, BEARD_LOOKS), (BACKDROPS, BACKDROP_LOOKS), (COLLARS, NECKLINES)],
)
def test_every_name_that_can_be_drawn_has_a_look(choice: Choice, looks: dict[str, object]) -> None:
    assert set(choice.names) == set(looks)


def test_every_backdrop_fits_its_grid() -> None:
    assert max(look.cells for look in BACKDROP_LOOKS.values()) <= GRID


def test_drawn_photos_stay_within_what_windows_and_blur_allow_for() -> None:
    generators = [np.random.default_rng(seed) for seed in range(500)]
    photo = draw(Photo, [throw(Photo, rng) for rng in generators], [0] * 500)
    assert photo.zoom.max() < MAX_ZOOM
    assert np.sin(np.abs(photo.roll).max()) < MAX_TILT
    assert photo.blur.max() < MAX_BLUR


def test_a_person_is_drawn_alike_alone_and_in_company() -> None:
    throws = [throw(Person, np.random.default_rng(seed)) for seed in range(5)]
    together = draw(Person, throws, [0, 1, 0, 1, 0])
    for k, luck in enumerate(throws):
        alone = draw(Person, [luck], [k % 2])
        assert all(np.array_equal(one[0], many[k]) for one, many in zip(alone, together, strict=True))


def test_women_have_no_beards_and_men_often_short_hair() -> None:
    throws = [throw(Person, np.random.default_rng(seed)) for seed in range(400)]
    women, men = draw(Person, throws, [0] * 400), draw(Person, throws, [1] * 400)
    assert not women.beard.any()
    assert 0.4 < (men.beard > 0).mean() < 0.65
    assert men.hairstyle.mean() < women.hairstyle.mean()
