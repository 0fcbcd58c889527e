from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from leakdrill.archs import build, cut
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.attacks.carlini_wagner import CarliniWagner
from leakdrill.attacks.confidences.score_regression import fit_score_regression
from leakdrill.data.examples import Examples
from leakdrill.data.forms import ImageForm
from leakdrill.defences.membership import fit_membership
from leakdrill.defences.purification import fit_purifier
from leakdrill.defences.release import Distillation, Releaser
from leakdrill.defences.training import AdversarialRegularisation, DpSgd, Dropout, TrainingDefence, fit_defended
from leakdrill.errors import ScenarioError
from leakdrill.labelonly.improvement_area import Objective, craft
from leakdrill.labelonly.transferred import perturb
from leakdrill.models import device
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import evaluate, fit_model, predict
from leakdrill.models.transfer import adapt
from leakdrill.parties.publish import publish
from leakdrill.shadows import HeadFit, train_heads
from tests.second_device import NAME as SECOND
from tests.second_device import chosen

FORM = ImageForm(8)
ARCH = SmallCnn(width=4, num_features=16)
FIT = Fit(epochs=1, batch_size=16, precision="float32")

Floats = NDArray[np.generic]
Work = Callable[[Path], Floats]


def examples(count: int = 40) -> Examples:
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (count, *FORM.shape)).astype(np.uint8)
    return Examples(images, generator.integers(0, 3, count))


PHOTOS = examples().inputs
SCORES = np.random.default_rng(4).dirichlet(np.ones(3), 30)


def network() -> nn.Sequential:
    return build(ARCH, 3, seed=1)


def fitted(model: nn.Sequential, **settings: object) -> Floats:
    fit_model(model, examples(), FIT.model_copy(update=settings), 5, validation=examples(20))
    return predict(model, PHOTOS)


def transferred(method: str, **settings: object) -> Floats:
    return predict(adapt(*cut(network()), examples(), FIT.model_copy(update=settings), method, 5), PHOTOS)  # type: ignore[arg-type]


def defended(*defences: TrainingDefence) -> Floats:
    model = network()
    fit_defended(model, examples(), FIT, defences, 5, examples(20))
    return predict(model, PHOTOS)


def heads(_: Path) -> Floats:
    features, labels = torch.arange(120.0).reshape(40, 3) / 120, torch.from_numpy(examples().labels)
    draws = np.array([np.arange(20), np.arange(20, 40)])
    (made,) = train_heads(features, labels, draws, 3, HeadFit(), (10,), seed=5)
    return made.scores(features, draws)


def distilled(directory: Path) -> Floats:
    teacher = Artefact.of("feature_extractor", ARCH, cut(network())[0], FORM)
    releaser = Releaser(lambda: PHOTOS, {}, 5, ModelCache(directory), lambda fraction, message: None)
    return predict(Distillation(fit=FIT).obfuscated(teacher, releaser).module(), PHOTOS)


def regressed(_: Path) -> Floats:
    some = examples(), np.linspace(0, 1, 40)
    model, _ = fit_score_regression(ARCH, 3, some, some, epochs=2, seed=5, progress=lambda fraction, message: None)
    return model.deviations_above(*some)


def crafted(_: Path) -> Floats:
    is_in, objective = np.array([[True] * 4, [False] * 4]), Objective(online=True, weight=1, enough=0, max_steps=2)
    return craft([network(), network()], is_in, PHOTOS[:4], examples().labels[:4], objective)


def perturbed(_: Path) -> Floats:
    models, everywhere = [network(), network()], np.ones((2, 4), np.bool_)
    return perturb(models, everywhere, everywhere, PHOTOS[:4], examples().labels[:4], [0.1], 2, 2).images


def distances(_: Path) -> Floats:
    return CarliniWagner(iterations=3, steps_of_c=2)._distances(network(), examples(8), lambda fraction, message: None)


def answered(_: Path) -> Floats:
    return publish("source", network(), 3, FORM, ["scores"]).predict([PHOTOS], frozenset({"scores"}))["scores"]


WORKS: dict[str, Work] = {
    "a fit": lambda _: fitted(network()),
    "a fit with a margin": lambda _: fitted(network(), loss="cosface"),
    "a frozen transfer": lambda _: transferred("freeze"),
    "a frozen transfer of moved images": lambda _: transferred("freeze", shift=1),
    "a fine-tuned transfer": lambda _: transferred("fine_tune"),
    "dropout": lambda _: defended(Dropout()),
    "adversarial regularisation": lambda _: defended(AdversarialRegularisation(warm_up=0)),
    "heads on frozen features": heads,
    "distillation": distilled,
    "a membership network": lambda _: fit_membership(SCORES, SCORES[:20], FIT, 5)["0.weight"].numpy(),
    "a purifier": lambda _: fit_purifier(SCORES, FIT, 5)["0.weight"].numpy(),
    "a regression of scores": regressed,
    "crafted images": crafted,
    "perturbed images": perturbed,
    "distances to the boundary": distances,
    "a public model": answered,
}


def skip_if_missing(name: str) -> None:
    if name != SECOND and not any(here.startswith(name) for here in device.present()):
        pytest.skip(f"this machine has no {name}")


@pytest.mark.parametrize("name", ["cuda", "mps", SECOND])
@pytest.mark.parametrize("work", WORKS)
def test_a_device_gives_what_the_cpu_gives(
    work: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_if_missing(name)
    if name == SECOND and "margin" in work:
        pytest.skip("autocast knows no such device")
    expected = WORKS[work](tmp_path / "cpu")
    with chosen(name, monkeypatch):
        got = WORKS[work](tmp_path / name)
    np.testing.assert_allclose(got, expected, rtol=0 if name == SECOND else 0.02, atol=0 if name == SECOND else 0.02)


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_private_descent_draws_its_noise_on_the_device(name: str) -> None:
    skip_if_missing(name)
    device.choose(name)
    try:
        assert np.isfinite(defended(DpSgd(noise_multiplier=1.0))).all()
    finally:
        device.choose("cpu")


def test_the_second_device_notices_what_was_not_brought_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with chosen(SECOND, monkeypatch), pytest.raises(RuntimeError, match="same device"):
        torch.ones(2).to(SECOND) + torch.ones(2)


def test_a_network_is_back_on_the_cpu_after_work_and_one_that_was_there_before_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with chosen(SECOND, monkeypatch):
        model = network()
        with device.at_work(model, lower="nothing"):
            evaluate(model, examples())
            assert device.is_there(model)
        assert not device.is_there(model)


def test_a_device_that_is_missing_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ScenarioError, match=r"cbig\.device is cuda:99, but this process has only .*cpu"):
        device.choose("cuda:99", "cbig.device")
    assert str(device.current()) == "cpu"


def test_auto_is_the_first_device_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "present", lambda: ["cpu"])
    device.choose("auto")
    assert str(device.current()) == "cpu"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 18.13 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
        MemoryError(),
    ],
)
def test_want_of_memory_names_the_setting_to_lower(error: BaseException) -> None:
    with (
        pytest.raises(ScenarioError, match="out of memory on cpu: lower the fit's batch_size, now 16"),
        device.at_work(network(), lower=f"the fit's batch_size, now {FIT.batch_size}"),
    ):
        raise error


def test_any_other_error_of_a_computation_is_left_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), device.at_work(network(), lower="nothing"):
        raise RuntimeError("shapes do not match")


def test_a_model_that_was_made_elsewhere_is_not_taken_for_one_made_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, made = ModelCache(tmp_path), ({"weight": torch.ones(1)}, {})
    cache.get_or_make({"key": 1}, lambda: made)
    with chosen(SECOND, monkeypatch):
        _, _, was_kept = cache.get_or_make({"key": 1}, lambda: made)
    assert not was_kept
