"""transfer: what of a model comes from public examples, and what from members."""

import pytest
from pydantic import ValidationError

from leakdrill.defences.training import Transfer
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.scenario.schema import Scenario
from tests.defences.training.fits import FIT, PUBLIC, fitted, images, weights
from tests.small import SMALL

TRANSFER = Transfer(fit=Fit(epochs=1, batch_size=8, learning_rate=0.05, precision="float32"))


def test_the_frozen_body_is_the_same_whoever_the_members_are_and_the_head_is_not() -> None:
    (one, account), (other, _) = fitted([TRANSFER]), fitted([TRANSFER], train=images(40, seed=9))
    assert weights(one[:-1]) == weights(other[:-1])
    assert weights(one[-1:]) != weights(other[-1:])
    assert 0 <= account.notes["transfer"]["public_accuracy"] <= 1


def test_other_public_examples_make_another_body() -> None:
    other = images(30, seed=8)
    assert (other.labels != PUBLIC.labels).any()
    assert weights(fitted([TRANSFER])[0][:-1]) != weights(fitted([TRANSFER], public=other)[0][:-1])


def test_fine_tuning_all_changes_the_body() -> None:
    whole = TRANSFER.model_copy(update={"learns": "all"})
    assert weights(fitted([TRANSFER])[0][:-1]) != weights(fitted([whole])[0][:-1])


def test_a_public_head_is_where_learning_starts() -> None:
    still = FIT.model_copy(update={"learning_rate": 1e-12, "weight_decay": 0})
    public = TRANSFER.model_copy(update={"head": "public"})
    (fresh, _), (warm, account) = fitted([TRANSFER], still), fitted([public], still)
    assert weights(fresh[-1:]) != weights(warm[-1:])
    _, again = fitted([public], still, train=PUBLIC)
    assert account.notes == again.notes


def test_without_public_examples_it_is_refused_where_it_is_written_and_before_training() -> None:
    with pytest.raises(ScenarioError, match="source_public"):
        fitted([TRANSFER], public=None)
    source_model = SMALL["cbig"]["source_model"] | {"defences": [{"kind": "transfer"}]}
    with pytest.raises(ValidationError, match="source_public"):
        Scenario.model_validate(SMALL | {"cbig": {"source_model": source_model}})
