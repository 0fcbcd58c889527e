"""What shadow models start from, and what is built, by what the adversary knows and what the attack assumes."""

from dataclasses import replace

import pytest

from leakdrill.archs import SmallCnn
from leakdrill.attacks import StudentMia
from leakdrill.attacks.base import View
from leakdrill.attacks.tuning.recipe import shadow_recipe
from leakdrill.contract.worlds import ARCH, of_students, world
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.shadows import FromScratch, Transferred

FIT = Fit(epochs=1, batch_size=16)
ASSUMED = SmallCnn(width=6, num_features=16)


def students() -> View:
    return of_students(world("memoriser", per_class=5)).view


def test_on_csmalls_data_shadows_are_transferred_as_its_model_was() -> None:
    recipe = shadow_recipe(students(), FIT, None, "lira")
    assert isinstance(recipe, Transferred)
    assert (recipe.method, recipe.arch, recipe.num_classes, recipe.fit) == ("freeze", ARCH, 4, FIT)


@pytest.mark.parametrize("change", [{"leaked": None}, {"transfer_method": None}, {"victim_name": "cbig/source"}])
def test_without_a_leak_or_its_use_they_are_trained_from_scratch(change: dict[str, object]) -> None:
    assert shadow_recipe(replace(students(), **change), FIT, None, "lira") == FromScratch(ARCH, 4, FIT)


def test_an_architecture_that_the_attack_assumes_comes_before_the_one_it_knows() -> None:
    assert shadow_recipe(replace(students(), leaked=None), FIT, ASSUMED, "lira") == FromScratch(ASSUMED, 4, FIT)
    unknown = replace(students(), architecture=None)
    transferred = shadow_recipe(unknown, FIT, ARCH, "lira")
    assert isinstance(transferred, Transferred)
    assert transferred.arch == ARCH
    with pytest.raises(ScenarioError, match="lira: grant adversary"):
        shadow_recipe(replace(unknown, leaked=None), FIT, None, "lira")


def test_students_of_a_leaked_teacher_are_of_the_architecture_that_the_attack_assumes() -> None:
    _, known = StudentMia()._teacher(students())
    _, assumed = StudentMia(arch=ASSUMED)._teacher(replace(students(), architecture=None))
    assert (known, assumed) == (ARCH, ASSUMED)
