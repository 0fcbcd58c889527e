import numpy as np
import pytest
import torch

from leakdrill.archs import FullyConnected, SmallCnn, build, cut, fitting
from leakdrill.archs.standardise import Standardise
from leakdrill.data.examples import Examples
from leakdrill.data.forms import ImageForm, RowForm
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.fidelity import degrade
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_model, predict
from leakdrill.models.transfer import adapt
from leakdrill.scenario.steps import Fidelity

ARCH = FullyConnected(hidden=(16,), num_features=4)


def people(num: int, seed: int = 0) -> Examples:
    """Age, whether they own a car, a constant, and income, by which they are labelled."""
    generator = np.random.default_rng(seed)
    income = generator.normal(30_000, 20_000, num)
    columns = [generator.normal(40, 10, num), generator.integers(0, 2, num), np.full(num, 7.0), income]
    return Examples(np.stack(columns, axis=1).astype(np.float32), (income > 30_000).astype(np.int64))


def test_the_papers_networks_have_one_or_two_hidden_layers_of_128_with_tanh() -> None:
    purchase = build(FullyConnected(hidden=(128,), num_features=600), num_classes=100)
    assert sum(weights.numel() for weights in purchase.parameters()) == 600 * 128 + 128 + 128 * 100 + 100
    location = build(FullyConnected(num_features=446), num_classes=30)
    assert [name for name, _ in location.named_children()] == ["standardise", "hidden1", "hidden2", "head"]
    assert cut(location.eval())[0](torch.full((1, 446), 1e6)).abs().max() <= 1


def test_columns_have_mean_0_and_deviation_1_but_for_bits_and_constants() -> None:
    layer, examples = Standardise(4), people(500)
    layer.fit(examples.inputs)
    age, car, constant, income = layer(torch.from_numpy(examples.inputs)).numpy().T
    for column in (age, income):
        assert column.mean() == pytest.approx(0, abs=1e-4)
        assert column.std() == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(car, examples.inputs[:, 1])
    np.testing.assert_array_equal(constant, 0)


def test_training_fits_the_scales_and_transfer_keeps_those_it_was_given() -> None:
    model, own, others = build(ARCH, num_classes=2), people(200), people(50, seed=1)
    others = Examples(others.inputs * 3, others.labels)
    fit_model(model, own, Fit(epochs=3), seed=0)
    assert (predict(model, own.inputs).argmax(axis=1) == own.labels).mean() > 0.9
    feature_extractor, head = cut(model)
    for method in ("freeze", "fine_tune"):
        adapted = adapt(feature_extractor, head, others, Fit(epochs=1), method, seed=0)
        assert torch.equal(adapted.standardise.scale, model.standardise.scale)


def test_scales_travel_with_a_leak_and_survive_a_coarse_or_noisy_one() -> None:
    model, examples = build(ARCH, num_classes=2), people(200)
    fit_model(model, examples, Fit(epochs=1), seed=0)
    leaked = Artefact.of("feature_extractor", ARCH, cut(model)[0], RowForm(4))
    rebuilt = Artefact.from_parts(leaked.to_parts()).module()
    np.testing.assert_array_equal(predict(rebuilt, examples.inputs), predict(cut(model)[0], examples.inputs))
    for fidelity in (Fidelity(bits=16), Fidelity(bits=8), Fidelity(noise=0.5)):
        predict(Artefact.from_parts(degrade(leaked, fidelity, seed=0).to_parts()).module(), examples.inputs)


def test_the_width_is_that_of_the_data() -> None:
    assert fitting(FullyConnected(), RowForm(446)) == FullyConnected(num_features=446)
    with pytest.raises(ScenarioError, match="num_features is 4, the data are rows of 5 features: leave it out"):
        fitting(ARCH, RowForm(5))
    with pytest.raises(ScenarioError, match="set the arch's num_features"):
        build(FullyConnected(), num_classes=2)


def test_a_network_of_the_other_form_is_refused_by_name() -> None:
    with pytest.raises(ScenarioError, match="small_cnn takes images, the data are rows of 5 features: choose fully"):
        fitting(SmallCnn(), RowForm(5))
    with pytest.raises(ScenarioError, match="fully_connected takes rows, the data are images of 16 pixels"):
        fitting(ARCH, ImageForm(16))


def test_rows_have_no_mirror_image() -> None:
    with pytest.raises(ScenarioError, match="flip, translate, shift and cutout are for images"):
        fit_model(build(ARCH, num_classes=2), people(20), Fit(epochs=1, flip=True), seed=0)
