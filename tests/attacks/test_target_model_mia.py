from dataclasses import replace

import numpy as np
import pytest

from leakdrill.attacks import TargetModelMia
from leakdrill.contract.worlds import world
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit

QUICK = Fit(epochs=1, batch_size=16)
ATTACK = TargetModelMia(num_shadows=2, shadow_size=20, fit=QUICK, target_fit=QUICK)


def test_it_never_asks_the_source_model() -> None:
    view = world("memoriser", per_class=5).view
    alone = replace(view, oracles={"csmall/recognition": view.oracles["csmall/recognition"]})
    np.testing.assert_array_equal(ATTACK.run(alone).scores, ATTACK.run(view).scores)


def test_it_does_not_look_at_what_leaked() -> None:
    view = world("memoriser", per_class=5).view
    np.testing.assert_array_equal(ATTACK.run(replace(view, leaked=None)).scores, ATTACK.run(view).scores)


def test_how_csmall_transfers_changes_the_shadows() -> None:
    view = world("memoriser", per_class=5).view
    tuned = ATTACK.run(replace(view, transfer_method="fine_tune"))
    assert not np.array_equal(tuned.scores, ATTACK.run(view).scores)


@pytest.mark.parametrize("unknown", ["target_train", "transfer_method", "architecture"])
def test_what_it_must_know_of_csmall_is_named_when_missing(unknown: str) -> None:
    view = replace(world("memoriser", per_class=5).view, **{unknown: None})
    with pytest.raises(ScenarioError, match=r"grant adversary\.knows\.target_examples, transfer_method and arch"):
        ATTACK.run(view)


def test_an_api_it_was_not_given_is_named() -> None:
    view = replace(world("memoriser", per_class=5).view, oracles={})
    with pytest.raises(ScenarioError, match="no access to 'csmall/recognition'"):
        ATTACK.run(view)
