import numpy as np
import pytest
import torch

from leakdrill.archs import SmallCnn, build, cut
from leakdrill.archs.head import Head
from leakdrill.data.forms import ImageForm
from leakdrill.errors import InvalidInput
from leakdrill.models.artefact import Artefact
from leakdrill.models.fidelity import degrade
from leakdrill.models.training import predict
from leakdrill.scenario.steps import Fidelity

ARCH = SmallCnn(width=4, num_features=8)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)


def head_of(model: torch.nn.Sequential) -> Head:
    head = model.get_submodule("head")
    assert isinstance(head, Head)
    return head


def by_hand() -> Head:
    head = Head(2, 2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
        head.bias.copy_(torch.tensor([1.0, -1.0]))
    return head


def test_a_head_is_linear_until_it_becomes_a_cosine_which_knows_no_lengths_and_no_bias() -> None:
    head, x = by_hand(), torch.tensor([[3.0, 4.0]])
    assert head(x).tolist() == [[7, 19]]
    head.become_cosine(10)
    assert head(x)[0].tolist() == pytest.approx([6, 8])
    assert head(100 * x)[0].tolist() == pytest.approx([6, 8])


def test_a_cosine_is_computed_in_full_precision_where_the_rest_is_not() -> None:
    head, x = by_hand(), torch.tensor([[3.0, 4.0]])
    head.become_cosine(10)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head(x.bfloat16()), head(x))


def test_a_linear_heads_weights_are_those_of_a_linear_layer() -> None:
    assert list(Head(2, 2).state_dict()) == ["weight", "bias"]


def test_weights_of_either_kind_load_into_a_head_of_the_other() -> None:
    x = torch.tensor([[3.0, 4.0]])
    cosine, linear = by_hand(), by_hand()
    cosine.become_cosine(10)
    expected = linear(x)
    turned = by_hand()
    turned.load_state_dict(cosine.state_dict())
    assert torch.equal(turned(x), cosine(x))
    turned.load_state_dict(linear.state_dict())
    assert torch.equal(turned(x), expected)


@pytest.mark.parametrize("bits", [32, 16])
def test_a_model_that_leaks_whole_predicts_as_it_did(bits: int) -> None:
    model = build(ARCH, 3)
    head_of(model).become_cosine(64)
    whole = Artefact.of_source_model(ARCH, model.eval(), ImageForm(8), 3, None)
    leaked = Artefact.from_parts(degrade(whole, Fidelity(bits=bits), seed=0).to_parts())
    assert predict(leaked.module(), IMAGES) == pytest.approx(predict(model, IMAGES), abs=0 if bits == 32 else 0.2)
    features = predict(leaked.feature_extractor().module(), IMAGES)
    assert features == pytest.approx(predict(cut(model)[0], IMAGES), abs=0 if bits == 32 else 0.02)


def test_a_scale_that_is_no_single_number_is_refused() -> None:
    model = build(ARCH, 3)
    head_of(model).become_cosine(64)
    whole = Artefact.of_source_model(ARCH, model, ImageForm(8), 3, None)
    forged = Artefact(whole.description, {**whole.weights, "head.cosine_scale": torch.ones(3)})
    with pytest.raises(InvalidInput, match="do not fit"):
        forged.module()
