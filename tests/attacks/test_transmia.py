from dataclasses import replace

import numpy as np
import pytest

from leakdrill.archs import ResNet8
from leakdrill.attacks import TransMia
from leakdrill.attacks.base import View
from leakdrill.contract.worlds import ARCH, leaked, world
from leakdrill.errors import NotReady, ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.shadows import HeadFit

QUICK = Fit(epochs=1, batch_size=16)
SMALL = {"num_shadows": 3, "shadow_size": 20, "fit": QUICK, "attack_model": "entropy"}


def view(**changes: object) -> View:
    return replace(world("memoriser", per_class=5).view, **changes)


def test_defaults_are_those_of_section_5_2() -> None:
    attack = TransMia()
    assert (attack.shadow, attack.attack_model, attack.num_shadows, attack.shadow_size) == ("freeze", "dnn", 100, 1000)


@pytest.mark.parametrize(
    ("attack", "needs"),
    [
        (TransMia(shadow="baseline"), {"architecture"}),
        (TransMia(shadow="baseline", arch=ARCH), set()),
        (TransMia(shadow="freeze"), {"feature_extractor"}),
        (TransMia(shadow="fine_tune"), {"feature_extractor", "architecture"}),
        (TransMia(shadow="fine_tune", arch=ARCH), {"feature_extractor"}),
    ],
)
def test_it_needs_the_leak_only_when_it_uses_it(attack: TransMia, needs: set[str]) -> None:
    assert attack.needs == {"shadow_examples", "cbig/source:scores"} | needs


def test_the_baseline_does_not_look_at_what_leaked() -> None:
    attack = TransMia(shadow="baseline", **SMALL)
    np.testing.assert_array_equal(attack.run(view()).scores, attack.run(view(leaked=None)).scores)


@pytest.mark.parametrize("shadow", ["freeze", "fine_tune"])
def test_an_attack_before_its_breach_is_too_early_and_asks_nothing(shadow: str) -> None:
    here = world("memoriser")
    with pytest.raises(NotReady, match="put a breach before this attack"):
        TransMia(shadow=shadow, **SMALL).run(replace(here.view, leaked=None))
    assert here.num_asked["cbig/source"] == 0


@pytest.mark.parametrize("at", ["conv1", "conv2"])
@pytest.mark.parametrize("shadow", ["freeze", "fine_tune"])
def test_after_a_partial_leak_the_rest_comes_from_the_architecture(shadow: str, at: str) -> None:
    attack = TransMia(shadow=shadow, **SMALL)
    verdict = attack.run(view(leaked=leaked(at)))
    assert np.isfinite(verdict.scores).all()
    assert "head_steps" not in verdict.notes  # networks, not heads


def test_a_partial_leak_without_the_architecture_says_what_to_grant() -> None:
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.architecture, or set the attack's arch"):
        TransMia(**SMALL).run(view(leaked=leaked("conv1"), architecture=None))


@pytest.mark.parametrize("shadow", ["freeze", "fine_tune"])
def test_when_all_of_g_s_leaked_the_architecture_is_not_needed(shadow: str) -> None:
    assert np.isfinite(TransMia(shadow=shadow, **SMALL).run(view(architecture=None)).scores).all()


def test_an_assumed_architecture_stands_in_for_one_that_is_not_known() -> None:
    known = TransMia(**SMALL).run(view(leaked=leaked("conv1")))
    assumed = TransMia(**SMALL, arch=ARCH).run(view(leaked=leaked("conv1"), architecture=None))
    np.testing.assert_array_equal(assumed.scores, known.scores)


def test_the_baseline_may_assume_another_architecture() -> None:
    attack = TransMia(shadow="baseline", **SMALL, arch=ResNet8(width=4))
    assert np.isfinite(attack.run(view(architecture=None)).scores).all()


def test_networks_need_some_architecture() -> None:
    with pytest.raises(ScenarioError, match=r"baseline: grant adversary\.knows\.architecture"):
        TransMia(shadow="baseline", **SMALL).run(view(architecture=None))


def test_the_chosen_length_of_head_training_is_noted() -> None:
    notes = TransMia(num_shadows=5, shadow_size=20, attack_model="entropy").run(view()).notes
    distances = notes["distance_to_source_by_steps"]
    assert distances[str(notes["head_steps"])] == min(distances.values())


def test_classes_that_the_shadows_did_not_meet_are_counted() -> None:
    notes = TransMia(num_shadows=1, shadow_size=2, attack_model="entropy", head=HeadFit(steps=1)).run(view()).notes
    assert notes["classes_without_own_attack_model"] >= 2


def test_the_estimate_counts_networks_only() -> None:
    assert TransMia(shadow="freeze").training_passes(5000) == 0
    attack = TransMia(shadow="baseline", num_shadows=7, shadow_size=30, fit=Fit(epochs=4))
    assert attack.training_passes(5000) == 7 * 30 * 4


def test_shadow_sets_beyond_the_pool_are_refused_before_anything_is_asked() -> None:
    here = world("memoriser")
    with pytest.raises(ScenarioError, match="shadow_size 61 exceeds the 60 shadow_train examples"):
        TransMia(num_shadows=2, shadow_size=61).run(here.view)
    assert here.num_asked["cbig/source"] == 0


def test_an_adversary_without_examples_is_told_what_to_grant() -> None:
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.shadow_examples"):
        TransMia().run(view(shadow_train=None))
