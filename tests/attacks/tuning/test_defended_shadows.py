"""Attacks whose shadow models run the victim's defences: against a network that has learned its members by heart."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from leakdrill.archs import build
from leakdrill.attacks import Boundary, ConfidenceThreshold, ConfidenceVector, Lira, Oslo, Rmia, Translation
from leakdrill.attacks.base import Verdict
from leakdrill.attacks.tuning.defended import OnShadows, ShadowDefences
from leakdrill.attacks.tuning.halves import HalvesTrained
from leakdrill.attacks.tuning.shadow_tuned import ShadowModel, ShadowTuned
from leakdrill.contract.worlds import LARGER, NUM_CLASSES, LocalOracle, World, images, world
from leakdrill.defences import MemGuard, MemGuardStrongest, OutputNoise, Rounding, Temperature, guard
from leakdrill.defences.base import Defence, Defend, Owner
from leakdrill.defences.known import KnownDefences
from leakdrill.defences.training import EarlyStopping, LabelSmoothing, Transfer
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_model, predict, softmax
from leakdrill.shadows import Beside
from leakdrill.shadows.guarding import num_held_out

FIT = Fit(epochs=20, batch_size=16, learning_rate=0.05)
ADAPTIVE = {"defended_shadows": True, "fit": FIT}
QUICK = Fit(epochs=2, batch_size=16)


@cache
def network() -> nn.Sequential:
    made = world("null", per_class=15)
    learned = build(LARGER, NUM_CLASSES, seed=3)
    fit_model(learned, made.view.challenge.take(np.flatnonzero(made.is_member)), FIT, seed=4)
    return learned


def behind(defences: Sequence[Defence], tmp_path: Path, **changes: Any) -> World:
    """The world whose source is that network behind these defences, and whose adversary knows them."""
    made = world("null", per_class=15)
    generator = np.random.default_rng(8)
    own = [softmax(predict(network(), images(generator, 10).inputs)).astype(np.float64) for _ in range(2)]
    defended = guard(defences, Owner(lambda: (own[0], own[1]), {}, seed=1, cache=ModelCache(tmp_path / "cbig")))
    oracle = LocalOracle("cbig/source", NUM_CLASSES, lambda asked: defended(softmax(predict(network(), asked)), asked))
    pools = images(generator, 20), images(generator, 20)
    known = KnownDefences.model_validate({"prediction": [each.model_dump() for each in defences]})
    granted = {"architecture": LARGER, "shadow_train": pools[0], "shadow_test": pools[1], "defences": known}
    view = replace(made.view, oracles={"cbig/source": oracle}, **(granted | changes))
    return World(view, made.is_member)


def accuracy(verdict: Verdict, is_member: NDArray[np.bool_]) -> float:
    return float((verdict.decisions == is_member).mean())


@pytest.mark.parametrize(
    ("attack", "defence"),
    [
        (ConfidenceThreshold(statistic="log_odds", **ADAPTIVE), Temperature(temperature=10)),
        (ConfidenceVector(inputs="leading", networks="one", **ADAPTIVE), Temperature(temperature=10)),
        (Lira(mode="offline", num_shadows=4, **ADAPTIVE), MemGuardStrongest()),
        (Rmia(mode="offline", num_shadows=4, **ADAPTIVE), MemGuardStrongest()),
    ],
    ids=lambda spec: spec.kind,
)
def test_who_trains_defended_shadows_sees_through_what_confuses_the_others(
    attack: OnShadows, defence: Defence, tmp_path: Path
) -> None:
    """All defended scores are below a threshold that was tuned on others; the order, or at least the label, is left."""
    made = behind([defence], tmp_path, cache=ModelCache(tmp_path / "shadows"))
    naive = attack.model_copy(update={"defended_shadows": False})
    assert accuracy(naive.run(made.view), made.is_member) < 0.6
    assert accuracy(attack.run(made.view), made.is_member) > 0.65


def test_shadows_under_the_strongest_form_teach_a_label_blind_attack_nothing(tmp_path: Path) -> None:
    made = behind([MemGuardStrongest()], tmp_path)
    blind = ConfidenceThreshold(statistic="max_confidence", **ADAPTIVE).run(made.view)
    assert (blind.notes["shadow_auc"], blind.notes["different_scores"]) == (0.5, 1)
    aware = ConfidenceThreshold(statistic="log_odds", **ADAPTIVE).run(made.view)
    assert aware.notes["shadow_auc"] > 0.6


def test_without_a_defence_there_is_nothing_to_adapt_to(tmp_path: Path) -> None:
    made = behind([], tmp_path, cache=ModelCache(tmp_path / "shadows"))
    attack = ConfidenceThreshold(**ADAPTIVE)
    naive = attack.model_copy(update={"defended_shadows": False})
    assert attack.run(made.view).scores.tobytes() == naive.run(made.view).scores.tobytes()


@pytest.mark.parametrize("attack", [Boundary, Lira, Oslo, ConfidenceThreshold], ids=lambda attack: attack.__name__)
def test_it_needs_to_know_the_defences_and_is_told_so(attack: type[OnShadows]) -> None:
    assert attack(defended_shadows=True).needs - attack().needs == {"defences"}
    with pytest.raises(ScenarioError, match=r"unknown defences: grant adversary\.knows\.defences"):
        attack(defended_shadows=True).run(world("null", per_class=5).view)


def plan(attack: ShadowTuned, made: World, defences: Sequence[Defence]) -> Any:
    """Its one shadow, defended at prediction time by whatever is given, whether a scenario could name it or not."""
    planned = attack.plan_shadow(made.view)
    known = KnownDefences.model_construct(training=(), prediction=tuple(defences))
    _, test = made.view.shadow_pools()
    apart = np.arange(num_held_out(len(test))) if known.need_held_out else np.arange(0)
    return (
        replace(planned, defences=ShadowDefences(known, apart, Beside.of(test.take(apart)), None))
        .train_models()
        .models[0]
    )


def test_a_shadows_labels_are_those_of_its_defended_scores(tmp_path: Path) -> None:
    made = behind([], tmp_path, cache=ModelCache(tmp_path / "shadows"))
    attack = Translation(fit=QUICK)
    plain = plan(attack, made, [])
    rounded, noisy = (plan(attack, made, [each]) for each in (Rounding(decimals=1), OutputNoise(eta=3)))
    inputs = noisy.examples.inputs
    assert (noisy.predict_label(inputs) == noisy.scores().argmax(axis=1)).all()
    assert (noisy.predict_label(inputs) != plain.predict_label(inputs)).any()
    assert (rounded.predict_label(inputs.astype(np.float64)) == rounded.scores().argmax(axis=1)).all()
    kept = plan(attack, made, [Temperature()])
    assert (kept.predict_label(inputs) == plain.predict_label(inputs)).all()


class Recorder(Defence):
    """Keeps what it was fitted on (unpublished)."""

    kind: Literal["recorder"] = "recorder"
    keeps_argmax = True
    is_fitted = True

    def fitted(self, owner: Owner) -> Defend:
        FITTED_ON[:] = owner.answers()
        return lambda scores, keys: scores


FITTED_ON: list[NDArray[np.float64]] = []


def test_a_shadows_defence_is_fitted_on_its_own_members_and_on_others_that_no_attack_is_tuned_on(
    tmp_path: Path,
) -> None:
    made = behind([], tmp_path)
    shadow = plan(ConfidenceThreshold(fit=FIT), made, [Recorder()])
    members, others = FITTED_ON
    assert (len(members), len(others)) == (80, 16)
    assert shadow.is_member.sum() == 64  # as many as are left of the others
    of_tuned = softmax(predict(shadow.network, shadow.examples.inputs)).astype(np.float64)
    rows = {row.tobytes() for row in of_tuned[~shadow.is_member]}
    assert not rows & {row.tobytes() for row in others}
    assert {row.tobytes() for row in of_tuned[shadow.is_member]} <= {row.tobytes() for row in members}


def test_what_is_fitted_is_kept_and_known_by_all_that_made_it(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "shadows")

    def num_kept() -> int:
        return len([each for each in (tmp_path / "shadows").iterdir() if not each.name.startswith(".")])

    made = behind([], tmp_path, cache=cache)
    for attack in (ConfidenceThreshold(fit=QUICK), ConfidenceVector(fit=QUICK)):
        plan(attack, made, [MemGuard(fit=QUICK)])
        assert num_kept() == 2  # the shadow and its membership network
    plan(attack, made, [MemGuard(fit=FIT)])
    assert num_kept() == 3
    plan(ConfidenceThreshold(fit=FIT), made, [MemGuard(fit=QUICK)])
    assert num_kept() == 5


def trained(made: World, attack: ShadowTuned, *training: TrainingDefence, **changes: Any) -> ShadowModel:
    known = KnownDefences(training=training)
    view = replace(made.view, defences=known, **changes)
    return attack.plan_shadow(view).train_models().models[0]


def test_a_shadow_is_trained_as_its_owner_would_have_and_known_by_it(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "shadows")
    made = behind([], tmp_path, cache=cache)
    attack = ConfidenceThreshold(**ADAPTIVE)
    plain, smoothed = trained(made, attack), trained(made, attack, LabelSmoothing(share=0.8))
    of_plain, of_smoothed = (shadow.scores()[shadow.is_member].max(axis=1).mean() for shadow in (plain, smoothed))
    assert of_plain > of_smoothed + 0.2
    naive = trained(made, attack.model_copy(update={"defended_shadows": False}), LabelSmoothing(share=0.8))
    assert naive.scores().tobytes() == plain.scores().tobytes()
    assert trained(made, attack, LabelSmoothing(share=0.8)).scores().tobytes() == smoothed.scores().tobytes()


def test_a_defence_that_takes_other_data_has_that_of_the_adversary(tmp_path: Path) -> None:
    """Early stopping by patience chooses on examples that no attack is then tuned on."""
    made = behind([], tmp_path)
    attack = ConfidenceThreshold(defended_shadows=True, fit=QUICK)
    stopped = trained(made, attack, EarlyStopping(patience=1))
    assert stopped.is_member.sum() == 64
    with pytest.raises(ScenarioError, match="needs public examples"):
        trained(made, attack, Transfer())
    public = images(np.random.default_rng(9), 10)
    transferred = trained(made, attack, Transfer(fit=QUICK), public=public)
    assert transferred.scores().tobytes() != stopped.scores().tobytes()


@pytest.mark.parametrize("attack", [Lira(), Oslo()], ids=lambda attack: attack.kind)
def test_halves_are_trained_with_the_defences_too(attack: HalvesTrained, tmp_path: Path) -> None:
    view = replace(behind([], tmp_path).view, defences=KnownDefences(training=(LabelSmoothing(),)))
    naive, defended = (attack.model_copy(update={"defended_shadows": each}).plan(view)[0] for each in (False, True))
    assert defended.recipe.trained_with.defences == (LabelSmoothing(),)
    assert naive.made_of(0) != defended.made_of(0)
    assert (naive.is_in == defended.is_in).all()
