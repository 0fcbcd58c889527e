"""TransMIA and shadow students with networks that run the defences of the model under attack."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from leakdrill.attacks import StudentMia, TransMia
from leakdrill.contract.worlds import of_students, world
from leakdrill.data.examples import Examples
from leakdrill.defences import MemGuard, MemGuardStrongest, OutputNoise
from leakdrill.defences.known import KnownDefences
from leakdrill.defences.training import L2, LabelSmoothing
from leakdrill.models.fit import Fit
from leakdrill.shadows import (
    Beside,
    Draws,
    FromScratch,
    Shadows,
    Shown,
    TrainedWith,
    draw_shadow_sets,
    train_shadow_networks,
)

QUICK = Fit(epochs=1, batch_size=16)
BASELINE = TransMia(shadow="baseline", num_shadows=2, shadow_size=20, fit=QUICK)


def parts() -> tuple[Examples, Examples, Draws, FromScratch]:
    view = world("null", per_class=5).view
    train, test = view.shadow_pools()
    assert view.architecture is not None
    draws = draw_shadow_sets(train, test, 2, 20, seed=1)
    return train, test, draws, FromScratch(view.architecture, view.num_classes, QUICK)


def test_every_shadows_answers_pass_through_defences_of_its_own(tmp_path: Path) -> None:
    train, test, draws, recipe = parts()
    shown = Shown((MemGuard(fit=QUICK), MemGuardStrongest(margin=0.1)), Beside.of(test.take(np.arange(8))))
    defended = Shadows(recipe, train, test, draws, 3, shown)
    scores = train_shadow_networks(defended, 1, lambda fraction, message: None).scores
    assert scores.max(axis=1) == pytest.approx(0.35)
    undefended = train_shadow_networks(Shadows(recipe, train, test, draws, 3), 1, lambda fraction, message: None)
    assert (scores.argmax(axis=1) == undefended.scores.argmax(axis=1)).all()


def test_a_shadow_is_asked_as_often_as_the_victim() -> None:
    train, test, draws, recipe = parts()
    noise = (OutputNoise(eta=0.5, fresh=True),)
    plain, once, often = (
        Shadows(recipe, train, test, draws, 3, shown).answers(0)[0]
        for shown in (Shown(), Shown(noise, Beside.of(test)), Shown(noise, Beside.of(test), average=100))
    )
    assert np.abs(often - plain).mean() < 0.3 * np.abs(once - plain).mean()


def test_it_runs_with_what_it_knows_and_asks_as_often_as_it_says() -> None:
    made = world("memoriser", per_class=5)
    known = KnownDefences(training=(LabelSmoothing(),), prediction=(MemGuardStrongest(),))
    adaptive = BASELINE.model_copy(update={"defended_shadows": True, "average": 2})
    naive, expecting = (attack.run(replace(made.view, defences=known)) for attack in (BASELINE, adaptive))
    assert made.num_asked["cbig/source"] == 40 + 2 * 40
    assert not np.array_equal(naive.scores, expecting.scores)
    assert adaptive.needs - BASELINE.needs == {"defences"}


def test_students_are_defended_as_csmalls_model_is() -> None:
    naive = StudentMia(num_shadows=2, shadow_size=10, fit=QUICK, method="fine_tune")
    adaptive = naive.model_copy(update={"defended_shadows": True})
    view = replace(
        of_students(world("memoriser", per_class=5)).view, defences=KnownDefences(prediction=(MemGuardStrongest(),))
    )
    assert not np.array_equal(naive.run(view).scores, adaptive.run(view).scores)
    assert adaptive.needs - naive.needs == {"defences"}
    assert adaptive.adapts_to(MemGuardStrongest(), "prediction")


def test_it_adapts_to_what_its_shadows_imitate() -> None:
    def adapts(shadow: str, stage: str) -> bool:
        return TransMia(shadow=shadow, defended_shadows=True).adapts_to(L2(), stage)  # type: ignore[arg-type]

    assert adapts("baseline", "training")
    assert adapts("fine_tune", "prediction")
    assert not adapts("fine_tune", "training")  # cbig's model did not start from what leaked
    assert adapts("fine_tune", "release")
    assert not adapts("baseline", "release")
    with pytest.raises(ValidationError, match="shadow: freeze makes heads"):
        TransMia(shadow="freeze", defended_shadows=True)


def test_a_recipe_without_defences_is_known_by_what_it_was() -> None:
    *_, recipe = parts()
    assert "defences" not in recipe.made_of()
    assert replace(recipe, trained_with=TrainedWith((L2(),))).made_of() != recipe.made_of()
