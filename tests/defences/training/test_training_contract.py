"""What every defence at training time owes. A registered one without a case here fails the first test."""

import numpy as np
import pytest
import torch

from leakdrill.archs import build, cut
from leakdrill.defences.training import (
    L1,
    L2,
    TRAINING_DEFENCES,
    AdversarialRegularisation,
    Augmentation,
    DpSgd,
    Dropout,
    EarlyStopping,
    LabelSmoothing,
    Transfer,
)
from leakdrill.defences.training.base import TrainingDefence
from leakdrill.errors import ScenarioError
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_model, predict
from tests.defences.training.fits import ARCH, FIT, HELD_OUT, NUM_CLASSES, TRAIN, fitted, weights

PUBLIC_FIT = Fit(epochs=2, batch_size=8, learning_rate=0.05, precision="float32")
CASES: dict[str, TrainingDefence] = {
    "l2": L2(),
    "l1": L1(),
    "dropout": Dropout(),
    "label_smoothing": LabelSmoothing(),
    "early_stopping": EarlyStopping(epochs=2),
    "early_stopping_by_patience": EarlyStopping(patience=1),
    "augmentation": Augmentation(flip=True, shift=2, cutout=3),
    "adversarial_regularisation": AdversarialRegularisation(warm_up=1),
    "transfer": Transfer(fit=PUBLIC_FIT),
    "transfer_head": Transfer(head="public", fit=PUBLIC_FIT),
    "transfer_all": Transfer(learns="all", fit=PUBLIC_FIT),
    "dp_sgd": DpSgd(noise_multiplier=1, delta=1e-3, accountant="rdp"),
    "dp_sgd_multiplicity": DpSgd(noise_multiplier=1, delta=1e-3, accountant="rdp", augmentation_multiplicity=2),
}
FITS = {"dp_sgd_multiplicity": FIT.model_copy(update={"flip": True})}  # for FIT, where there is none here
#: Settings that switch a defence off.
OFF = [
    L2(strength=0),
    L1(strength=0),
    Dropout(rate=0),
    LabelSmoothing(share=0),
    EarlyStopping(epochs=FIT.epochs),
    Augmentation(flip=False, shift=0),
    AdversarialRegularisation(strength=0),
]

every_defence = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def undefended() -> dict[str, bytes]:
    model = build(ARCH, NUM_CLASSES, seed=5)
    fit_model(model, TRAIN, FIT, seed=7)
    return weights(model)


def test_every_defence_has_a_case() -> None:
    assert {defence.kind for defence in CASES.values()} == set(TRAINING_DEFENCES)


@every_defence
def test_a_defence_changes_the_fit_and_leaves_a_model_of_the_same_blocks_that_can_be_cut(
    name: str, undefended: dict[str, bytes]
) -> None:
    model, _ = fitted([CASES[name]], FITS.get(name, FIT))
    blank = build(ARCH, NUM_CLASSES)
    assert weights(model) != undefended
    assert not model.training
    assert [*model.state_dict()] == [*blank.state_dict()]
    blank.load_state_dict(model.state_dict())  # as one who received it would
    assert (predict(blank, HELD_OUT.inputs) == predict(model, HELD_OUT.inputs)).all()
    feature_extractor, head = cut(model)
    assert len(feature_extractor) == len(blank) - 1
    assert not any(hasattr(parameter, "grad_sample") for parameter in head.parameters())


@every_defence
def test_a_defended_fit_repeats_itself_bit_for_bit_and_touches_no_global_generator(name: str) -> None:
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()
    (first, account), (second, again) = (fitted([CASES[name]], FITS.get(name, FIT)) for _ in range(2))
    assert weights(first) == weights(second)
    assert account == again
    assert (torch.random.get_rng_state() == before[0]).all()
    assert np.random.get_state()[1].tolist() == before[1]


@pytest.mark.parametrize("defence", OFF, ids=repr)
def test_a_defence_that_is_off_leaves_the_very_bits(defence: TrainingDefence, undefended: dict[str, bytes]) -> None:
    model, account = fitted([defence])
    assert weights(model) == undefended
    assert account.best_epoch == FIT.epochs


def test_no_defence_at_all_chooses_the_same_epoch_and_bits_as_the_plain_fit() -> None:
    model = build(ARCH, NUM_CLASSES, seed=5)
    epoch = fit_model(model, TRAIN, FIT, seed=7, validation=HELD_OUT)
    same, account = fitted([], keep="best")
    assert weights(same) == weights(model)
    assert account.best_epoch == epoch
    assert account.notes == {}


@every_defence
def test_a_defence_survives_its_own_json(name: str) -> None:
    defence = CASES[name]
    assert TRAINING_DEFENCES[defence.kind].model_validate_json(defence.model_dump_json()) == defence


def test_most_defences_go_together() -> None:
    many = [
        CASES[name]
        for name in ("transfer", "dropout", "l1", "l2", "label_smoothing", "augmentation", "dp_sgd", "early_stopping")
    ]
    model, account = fitted(many)
    again, _ = fitted(many[::-1])  # in whatever order they are listed
    assert weights(model) == weights(again)
    assert account.best_epoch == 2
    assert account.notes["dp_sgd"]["num_steps"] == 2 * len(TRAIN) / FIT.batch_size


def test_early_stopping_counts_its_epochs_and_by_patience_keeps_the_best() -> None:
    assert fitted([EarlyStopping(epochs=1)])[1].best_epoch == 1
    seen: list[str] = []
    _, account = fitted(
        [EarlyStopping(patience=2)],
        FIT.model_copy(update={"epochs": 40}),
        progress=lambda fraction, message: seen.append(message),
    )
    assert len(seen) == account.best_epoch + 2 < 40


@pytest.mark.parametrize("defence", [EarlyStopping(patience=1), AdversarialRegularisation(warm_up=1)], ids=repr)
def test_what_needs_held_out_examples_says_so(defence: TrainingDefence) -> None:
    with pytest.raises(ScenarioError, match="held-out examples"):
        fitted([defence], validation=None)


@pytest.mark.parametrize(
    ("defences", "why"),
    [
        ([EarlyStopping(epochs=4)], "after 4 epochs of a fit that has 3"),
        ([EarlyStopping(patience=3)], "never stops a fit that has 3"),
        ([AdversarialRegularisation(warm_up=3)], "training has 3"),
        ([AdversarialRegularisation(warm_up=2), EarlyStopping(epochs=2)], "training has 2"),
        ([DpSgd(noise_multiplier=1, delta=1e-3, augmentation_multiplicity=2)], "all copies are the same"),
    ],
    ids=lambda value: None if isinstance(value, str) else "+".join(defence.kind for defence in value),
)
def test_a_defence_that_would_never_act_is_refused(defences: list[TrainingDefence], why: str) -> None:
    with pytest.raises(ScenarioError, match=why):
        fitted(defences)
