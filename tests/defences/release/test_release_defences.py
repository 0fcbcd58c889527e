"""What is particular to each release defence, with answers by hand."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from leakdrill.archs import FullyConnected, ResNet8, build, cut
from leakdrill.data.forms import ImageForm, RowForm
from leakdrill.defences.release import Releaser, obfuscate
from leakdrill.defences.release.base import weighted_blocks
from leakdrill.defences.release.distillation import Distillation
from leakdrill.defences.release.pruning import Pruning
from leakdrill.defences.release.quantisation import Quantisation
from leakdrill.defences.release.reinitialised_blocks import ReinitialisedBlocks
from leakdrill.defences.release.weight_noise import WeightNoise
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.fit import Fit
from leakdrill.models.training import predict
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.threat import check_threat, threat_table
from tests.small import SMALL

KERNEL, NORM = "block2.residual.0.weight", "block2.residual.1.running_var"


@pytest.fixture(scope="module")
def g_s() -> Artefact:
    shallow, _ = cut(build(ResNet8(width=4, stem_stride=2), num_classes=5, seed=3))
    return Artefact.of("feature_extractor", ResNet8(width=4, stem_stride=2), shallow, ImageForm(16))


@pytest.fixture
def cbig(tmp_path: Path) -> Releaser:
    public = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
    return Releaser(lambda: public, {}, 5, ModelCache(tmp_path), lambda fraction, message: None)


def test_noise_has_the_stated_size_on_kernels_and_leaves_batch_norm_alone(g_s: Artefact, cbig: Releaser) -> None:
    noisy = obfuscate([WeightNoise(deviations=0.5)], g_s, cbig).weights
    kernel = g_s.weights[KERNEL]
    assert float((noisy[KERNEL] - kernel).std() / kernel.std()) == pytest.approx(0.5, rel=0.1)
    assert torch.equal(noisy[NORM], g_s.weights[NORM])


def test_two_bits_leave_three_values_and_eight_at_most_255(g_s: Artefact, cbig: Releaser) -> None:
    for bits, most in ((2, 3), (8, 255)):
        kernel = obfuscate([Quantisation(bits=bits)], g_s, cbig).weights[KERNEL]
        assert len(kernel.unique()) <= most
        assert kernel.abs().max() == pytest.approx(float(g_s.weights[KERNEL].abs().max()))


def test_pruning_keeps_the_largest_weights_of_each_kernel_or_of_all(g_s: Artefact, cbig: Releaser) -> None:
    kernel = g_s.weights[KERNEL]
    pruned = obfuscate([Pruning(fraction=0.75)], g_s, cbig).weights[KERNEL]
    kept = pruned != 0
    assert int(kept.sum()) == kernel.numel() // 4
    assert torch.equal(pruned[kept], kernel[kept])
    assert kernel[kept].abs().min() >= kernel[~kept].abs().max()
    together = obfuscate([Pruning(fraction=0.75, scope="global")], g_s, cbig).weights
    kernels = [name for name, tensor in together.items() if tensor.ndim >= 2]
    share = [float((together[name] == 0).float().mean()) for name in kernels]
    assert max(share) - min(share) > 0.1
    total = sum(together[name].numel() for name in kernels)
    assert sum(int((together[name] == 0).sum()) for name in kernels) == int(0.75 * total)


def test_pruning_that_would_leave_nothing_is_refused(g_s: Artefact, cbig: Releaser) -> None:
    with pytest.raises(ValidationError, match="a pruning of 1 leaves no weight to release"):
        Pruning(fraction=1)
    with pytest.raises(ScenarioError, match=r"pruning of 0\.9999 leaves nothing of .*weight: lower it"):
        obfuscate([Pruning(fraction=0.9999, scope="global")], g_s, cbig)


def test_the_last_blocks_with_weights_are_fresh_and_the_others_untouched(g_s: Artefact, cbig: Releaser) -> None:
    assert weighted_blocks(g_s) == ["stem", "block1", "block2", "block3"]  # and the pool has none
    left = obfuscate([ReinitialisedBlocks(blocks=2)], g_s, cbig).weights
    kernels = {name for name, tensor in left.items() if tensor.ndim >= 2}
    changed = {name.partition(".")[0] for name in kernels if not torch.equal(left[name], g_s.weights[name])}
    unchanged = {name.partition(".")[0] for name in kernels if torch.equal(left[name], g_s.weights[name])}
    assert (changed, unchanged) == ({"block2", "block3"}, {"stem", "block1"})


def test_a_student_gives_more_and_more_what_g_s_gives(g_s: Artefact, cbig: Releaser) -> None:
    asked = np.random.default_rng(1).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
    wanted = predict(g_s.module(), asked)
    distances = []
    for epochs in (1, 12):
        fit = Fit(epochs=epochs, batch_size=16, learning_rate=0.1, flip=True)
        given = predict(obfuscate([Distillation(fit=fit)], g_s, cbig).module(), asked)
        distances.append(float(np.square(given - wanted).mean() / wanted.var()))
    assert distances[1] < 0.5 * distances[0]


def test_a_student_for_rows_takes_their_scales_from_the_public_ones(cbig: Releaser) -> None:
    arch = FullyConnected(num_features=6, hidden=(8,))
    shallow, _ = cut(build(arch, num_classes=2, seed=1))
    teacher = Artefact.of("feature_extractor", arch, shallow, RowForm(6))
    rows = np.random.default_rng(0).normal(40, 3, (30, 6)).astype(np.float32)
    student = obfuscate([Distillation(fit=Fit(epochs=1))], teacher, Releaser(lambda: rows, {}, 1, cbig.cache, print))
    assert int(student.weights["standardise.num_fitted"]) == 30
    assert student.weights["standardise.scale"] == pytest.approx(1 / rows.std(axis=0), rel=1e-3)


def defended(*defences: Mapping[str, object], **cbig: object) -> Scenario:
    return Scenario.model_validate(SMALL | {"cbig": {**SMALL["cbig"], **cbig, "release_defences": list(defences)}})


def test_what_the_scenario_cannot_do_is_refused_before_anything_is_trained() -> None:
    check_threat(defended({"kind": "reinitialised_blocks", "blocks": 4}))
    with pytest.raises(ScenarioError, match="of 5 blocks, but what is released has 4 with weights: stem, block1"):
        check_threat(defended({"kind": "reinitialised_blocks", "blocks": 5}))
    check_threat(defended({"kind": "reinitialised_blocks", "blocks": 5}, releases="source_model"))  # and its head
    with pytest.raises(ValidationError, match="has distillation, which needs examples that are public"):
        defended({"kind": "distillation"})
    with pytest.raises(ValidationError, match="leave out the fit's loss and precision"):
        Distillation(fit=Fit(loss="arcface"))


def test_the_table_says_what_g_s_is_obfuscated_by() -> None:
    table = threat_table(defended({"kind": "quantisation"}, {"kind": "pruning"}))
    held = [line for line in table.holdings["csmall"] if "g_s" in line]
    assert held == ["feature extractor g_s, obfuscated by quantisation, pruning, after release, by contract"]
    assert "source_public" not in table.holdings["cbig"]
