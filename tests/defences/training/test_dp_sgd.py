"""dp_sgd: one step by hand, the accountant's figures, and what it refuses."""

import builtins
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from opacus.accountants import PRVAccountant, create_accountant
from opacus.accountants.analysis.prv import PoissonSubsampledGaussianPRV
from torch import Tensor
from torch.nn.functional import cross_entropy

from leakdrill.archs import ArchSpec, build
from leakdrill.archs.fully_connected import FullyConnected
from leakdrill.archs.paper_cnn import PaperCnn
from leakdrill.archs.resnet_cifar import ResNet8
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.archs.standardise import Standardise
from leakdrill.data.examples import Examples
from leakdrill.defences.training import DpSgd, TrainingDefenceSpec, Transfer, fit_defended
from leakdrill.defences.training.accounting import epsilon_of, prv_points
from leakdrill.defences.training.private_descent import CHUNK
from leakdrill.errors import ScenarioError
from leakdrill.models.augment import draw_change
from leakdrill.models.fit import Fit
from leakdrill.models.training import as_batch
from leakdrill.scenario.schema import SourceModel
from leakdrill.seeds import derive, numpy_generator, torch_generator
from tests.defences.training.fits import ARCH, NUM_CLASSES, TRAIN, fitted

#: One step: every example is drawn with probability three quarters.
ONE_STEP = Fit(
    epochs=1, batch_size=30, learning_rate=0.5, momentum=0, weight_decay=0, schedule="constant", flip=True, shift=2
)
NOISE, CLIP = 0.7, 2.5


def by_hand(copies: int) -> tuple[list[Tensor], list[float]]:
    """The parameters after ONE_STEP, example by example, and the norms of the gradients before they were clipped."""
    model = build(ARCH, NUM_CLASSES, seed=5).train()
    seed = derive(7, "dp_sgd")
    sampling, noise = numpy_generator(seed, "sampling"), torch_generator(seed, "noise")
    drawn = np.flatnonzero(sampling.random(len(TRAIN)) < 0.75)
    assert 0 < len(drawn) < len(TRAIN)
    labels = torch.from_numpy(TRAIN.labels)
    passes = [
        changed(rows, copies, sampling) for rows in np.split(drawn, range(CHUNK // copies, len(drawn), CHUNK // copies))
    ]
    batch = torch.cat(passes).reshape(len(drawn), copies, 3, 12, 12)

    parameters = [*model.parameters()]
    sums, norms = [torch.zeros_like(parameter) for parameter in parameters], []
    for row, examples in zip(drawn, batch, strict=True):
        loss = cross_entropy(model(examples), labels[[row]].repeat(copies))
        gradient = torch.autograd.grad(loss, parameters)
        norm = torch.cat([part.flatten() for part in gradient]).norm().item()
        norms.append(norm)
        for total, part in zip(sums, gradient, strict=True):
            total += part * min(1, CLIP / norm)
    with torch.no_grad():
        for parameter, total in zip(parameters, sums, strict=True):
            noised = total + torch.normal(0, NOISE * CLIP, parameter.shape, generator=noise)
            parameter -= ONE_STEP.learning_rate * noised / ONE_STEP.batch_size
    return parameters, norms


def changed(rows: NDArray[np.int64], copies: int, generator: np.random.Generator) -> Tensor:
    """(B * K, 3, H, W): the changed copies that one pass sees."""
    inputs = np.repeat(rows, copies)
    change = draw_change(ONE_STEP, np.zeros(len(inputs), np.int64), generator)
    assert change is not None
    return as_batch(change.apply(TRAIN.inputs[inputs]))


@pytest.mark.parametrize("copies", [1, 3])
def test_a_step_is_the_one_made_by_hand_clipped_summed_and_noised(copies: int) -> None:
    defence = DpSgd(
        noise_multiplier=NOISE, max_grad_norm=CLIP, delta=1e-3, augmentation_multiplicity=copies, accountant="rdp"
    )
    model, account = fitted([defence], ONE_STEP)
    wanted, norms = by_hand(copies)
    assert min(norms) < CLIP < max(norms)  # some gradients are clipped, and some are not
    for parameter, by_us in zip(wanted, model.parameters(), strict=True):
        assert torch.allclose(parameter, by_us, atol=1e-5)
    assert account.notes["dp_sgd"]["sample_rate"] == 0.75
    assert account.notes["dp_sgd"]["num_steps"] == 1


def test_a_step_that_draws_nobody_still_adds_its_noise() -> None:
    fit = Fit(epochs=1, batch_size=1, learning_rate=0.5, momentum=0, weight_decay=0, schedule="constant")
    seeds = [seed for seed in range(50) if not draws(seed)]
    model = build(ARCH, NUM_CLASSES, seed=5)
    before = [parameter.clone() for parameter in model.parameters()]
    few = Examples(TRAIN.inputs[:2], TRAIN.labels[:2])
    defence = DpSgd(noise_multiplier=1, delta=1e-3, accountant="rdp")
    fit_defended(model, few, fit, [defence], seeds[0])
    assert all((one != other).any() for one, other in zip(before, model.parameters(), strict=True))


def draws(seed: int) -> bool:
    """Whether either of two steps takes either of two examples."""
    generator = numpy_generator(derive(seed, "dp_sgd"), "sampling")
    return bool((np.concatenate([generator.random(2), generator.random(2)]) < 0.5).any())


@pytest.mark.parametrize("accountant", ["rdp", "prv"])
def test_the_epsilon_is_opacuss_own_for_the_same_steps(accountant: Any) -> None:
    counter = create_accountant(mechanism=accountant)
    for _ in range(30):
        counter.step(noise_multiplier=1.5, sample_rate=0.2)
    assert epsilon_of(1.5, 1e-5, 0.2, 30, accountant) == pytest.approx(counter.get_epsilon(delta=1e-5), rel=1e-9)


def test_prv_is_reckoned_to_take_as_many_points_as_opacus_makes_it() -> None:
    domain = PRVAccountant()._get_domain(
        prvs=[PoissonSubsampledGaussianPRV(0.05, 1.0)],
        num_self_compositions=[400],
        eps_error=0.01,
        delta_error=1e-8,
    )
    assert prv_points(1.0, 1e-5, 0.05, 400) == pytest.approx(domain.size, rel=0.01)


@pytest.mark.parametrize(
    "spending", [{"noise_multiplier": 0.01}, {"epsilon": 1e5, "augmentation_multiplicity": 2}], ids=repr
)
def test_what_prv_cannot_count_is_refused_before_training(spending: dict[str, Any]) -> None:
    epochs: list[float] = []
    with pytest.raises(ScenarioError, match="accountant: rdp"):
        fitted([DpSgd(delta=1e-3, **spending)], ONE_STEP, progress=lambda fraction, _: epochs.append(fraction))
    assert not epochs
    assert epsilon_of(0.01, 1e-5, 0.05, 400, "rdp") > 1e6


def test_what_is_reported_is_what_was_asked_for() -> None:
    _, account = fitted([DpSgd(epsilon=5, delta=1e-3, accountant="rdp")])
    assert 4.98 < account.notes["dp_sgd"]["epsilon"] <= 5


def test_an_epsilon_out_of_reach_and_a_delta_that_promises_nothing_are_refused_before_training() -> None:
    with pytest.raises(ScenarioError, match="cannot reach epsilon"):
        fitted([DpSgd(epsilon=1e-2, accountant="rdp")])
    with pytest.raises(ScenarioError, match="lower delta"):
        fitted([DpSgd(noise_multiplier=1, delta=0.1)])


def test_scales_come_from_held_out_rows_and_never_from_the_training_examples() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    train, others = Examples(rows, np.arange(20) % 3), Examples(rows[:10] + 5, np.arange(10) % 3)
    arch, fit = FullyConnected(num_features=4, hidden=(4,)), Fit(epochs=1, batch_size=10)
    defence = DpSgd(noise_multiplier=1, delta=1e-3, accountant="rdp")
    model = build(arch, 3)
    fit_defended(model, train, fit, [defence], 1, others)
    standardise = model[0]
    assert isinstance(standardise, Standardise)
    expected = Standardise(4)
    expected.fit(others.inputs)
    assert (standardise.shift == expected.shift).all()
    with pytest.raises(ScenarioError, match="held-out"):
        fit_defended(build(arch, 3), train, fit, [defence], 1)


@pytest.mark.parametrize("spending", [{"epsilon": 3}, {"noise_multiplier": 1}], ids=repr)
def test_without_opacus_the_error_says_what_to_install_before_anything_starts(
    spending: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def without_opacus(name: str, *args: Any, **others: Any) -> Any:
        if name.partition(".")[0] == "opacus":
            raise ModuleNotFoundError(name)
        return found(name, *args, **others)

    monkeypatch.setattr(builtins, "__import__", without_opacus)
    with pytest.raises(ScenarioError, match=r"leakdrill\[dp\]"):
        DpSgd(delta=1e-3, accountant="rdp", **spending).check(len(TRAIN))


DP: dict[str, Any] = {"kind": "dp_sgd", "epsilon": 8}


def source_model(arch: ArchSpec, defences: list[Any], **fit: Any) -> SourceModel:
    return SourceModel.model_validate({"arch": arch, "fit": fit, "defences": defences})


@pytest.mark.parametrize(
    ("arch", "defences", "fit", "why"),
    [
        (ResNet8(), [DP], {}, "batch normalisation"),
        (SmallCnn(), [DP, {"kind": "transfer", "learns": "all"}], {}, "batch normalisation"),
        (PaperCnn(), [DP, DP], {}, "2 times"),
        (PaperCnn(), [DP, {"kind": "adversarial_regularisation"}], {}, "leave one of the two out"),
        (PaperCnn(), [DP], {"loss": "cosface"}, "loss: softmax"),
        (PaperCnn(), [DP], {"translate": 1}, "augmentation_multiplicity"),
        (PaperCnn(), [{"kind": "dp_sgd", "epsilon": 1, "noise_multiplier": 1}], {}, "set one of the two"),
        (PaperCnn(), [{"kind": "early_stopping", "epochs": 2, "patience": 2}], {}, "set one of the two"),
    ],
)
def test_contradictions_are_refused_where_they_are_written(
    arch: ArchSpec, defences: list[Any], fit: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        source_model(arch, defences, **fit)


def test_batch_normalisation_is_no_obstacle_where_it_is_frozen() -> None:
    frozen: list[TrainingDefenceSpec] = [DpSgd(epsilon=8), Transfer()]
    assert source_model(ResNet8(), frozen).defences == frozen
