"""Contract of every registered architecture."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from leakdrill.archs import ARCHS, ArchSpec, FullyConnected, build, cut
from leakdrill.archs.initialise import initialise
from leakdrill.errors import ScenarioError
from leakdrill.models.training import TILE, predict

#: Narrow, to be quick; the architectures not named here have nothing to set.
SMALL: dict[str, dict[str, int]] = {
    "small_cnn": {"width": 8},
    "resnet8": {"width": 8},
    "resnet20": {"width": 8},
    "fully_connected": {"num_features": 20},
}


LARGE = "inception_resnet_v1"  # takes larger images, and its time: it has a test of its own


@pytest.fixture(params=[kind for kind in ARCHS if kind != LARGE])
def arch(request: pytest.FixtureRequest) -> ArchSpec:
    return small(request.param)


def small(kind: str) -> ArchSpec:
    spec: ArchSpec = TypeAdapter(ArchSpec).validate_python({"kind": kind, **SMALL.get(kind, {})})
    return spec


def images(num: int, size: int = 32) -> torch.Tensor:
    return torch.rand(num, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def inputs(arch: ArchSpec, num: int) -> torch.Tensor:
    return images(num, 20).mean(dim=(1, 2)) if isinstance(arch, FullyConnected) else images(num)


def test_the_last_block_is_a_linear_head_on_flat_features(arch: ArchSpec) -> None:
    model = build(arch, num_classes=7).eval()
    name, head = list(model.named_children())[-1]
    feature_extractor, _ = cut(model)
    assert name == "head"
    assert isinstance(head, nn.Linear)
    assert feature_extractor(inputs(arch, 2)).shape == (2, head.in_features)
    assert model(inputs(arch, 2)).shape == (2, 7)


@pytest.mark.parametrize("size", [16, 33, 64])
@pytest.mark.parametrize("kind", sorted(ARCHS.keys() - {"fully_connected", LARGE}))
def test_any_image_size_works(kind: str, size: int) -> None:
    arch = small(kind)
    assert build(arch, num_classes=4).eval()(images(2, size)).shape == (2, 4)


def test_weights_follow_from_the_seed_alone_and_leave_the_global_generator_alone(arch: ArchSpec) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (build(arch, num_classes=4, seed=seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])
    assert all(torch.isfinite(tensor).all() for tensor in one.values())


def test_first_weights_neither_explode_nor_vanish(arch: ArchSpec) -> None:
    """Batch norm in training mode would hide it, so look at the convolutions: He et al.'s variance is 2 / fan_out."""
    for module in build(arch, num_classes=4).modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 1000:
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.weight.var().item() == pytest.approx(2 / fan_out, rel=0.2)


def test_head_after_feature_extractor_is_the_model_wherever_it_is_cut(arch: ArchSpec) -> None:
    model = build(arch, num_classes=4).eval()
    names = [name for name, _ in model.named_children()]
    for at in [None, *names[:-1]]:
        feature_extractor, head = cut(model, at)
        kept = [name for part in (feature_extractor, head) for name, _ in part.named_children()]
        assert kept == names
        assert torch.equal(head(feature_extractor(inputs(arch, 2))), model(inputs(arch, 2)))


@pytest.mark.parametrize("at", ["block99", "head"])
def test_a_cut_that_leaves_no_head_or_is_nowhere_names_the_blocks(at: str) -> None:
    with pytest.raises(ScenarioError, match=rf"'{at}'; wanted one of stem, block1, block2, block3, pool$"):
        cut(build(small("resnet8"), num_classes=4), at)


def test_predictions_do_not_depend_on_batching_or_on_the_place_in_the_tile(arch: ArchSpec) -> None:
    generator = np.random.default_rng(0)
    model = build(arch, num_classes=10, seed=1)
    size = 16 if arch.kind == "resnet18" else 32  # for speed
    shape = (20,) if isinstance(arch, FullyConnected) else (size, size, 3)
    examples = generator.integers(0, 256, (TILE + 6, *shape), dtype=np.uint8)
    if isinstance(arch, FullyConnected):
        examples = generator.normal(size=examples.shape).astype(np.float32)
    order = generator.permutation(len(examples))
    whole = predict(model, examples)
    for row in (5, TILE - 1, TILE):
        assert np.array_equal(whole[row], predict(model, examples[row : row + 1])[0])
    in_thirds = [predict(model, third) for third in np.array_split(examples, 3)]
    assert np.array_equal(whole, np.concatenate(in_thirds))
    feature_extractor, _ = cut(model)
    for part in (model, feature_extractor):
        assert np.array_equal(predict(part, examples)[order], predict(part, examples[order]))


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValidationError,
        match="'small_cnn', 'paper_cnn', 'resnet8', 'resnet20', 'resnet18', 'inception_resnet_v1', 'fully_connected'",
    ):
        TypeAdapter(ArchSpec).validate_python({"kind": "resnet7"})


def test_resnets_have_the_depth_in_their_name() -> None:
    for kind, depth in (("resnet8", 8), ("resnet20", 20), ("resnet18", 18)):
        layers = [module for module in build(small(kind), num_classes=4).modules() if isinstance(module, nn.Conv2d)]
        on_the_path = [layer for layer in layers if layer.kernel_size != (1, 1)]  # the others are in shortcuts
        assert len(on_the_path) + 1 == depth  # and the head


def test_a_stem_of_stride_two_halves_every_map() -> None:
    full, halved = (
        build(TypeAdapter(ArchSpec).validate_python({"kind": "resnet8", "stem_stride": stride}), num_classes=4)
        for stride in (1, 2)
    )
    assert cut(full.eval(), "block1")[0](images(1)).shape == (1, 16, 32, 32)
    assert cut(halved.eval(), "block1")[0](images(1)).shape == (1, 16, 16, 16)


def test_the_second_and_third_stage_halve_the_maps_and_double_the_channels() -> None:
    model = build(small("resnet20"), num_classes=4).eval()
    for at, shape in (
        ("block3", (8, 32, 32)),
        ("block4", (16, 16, 16)),
        ("block6", (16, 16, 16)),
        ("block9", (32, 8, 8)),
    ):
        assert cut(model, at)[0](images(1)).shape[1:] == shape


def test_resnet18_computes_what_torchvisions_computes() -> None:
    from torchvision.models import resnet18

    ours = build(small("resnet18"), num_classes=4).eval()
    theirs = resnet18(num_classes=4).eval()
    names = {"stem.": "", "head.": "fc."}
    renamed = {}
    for name, tensor in ours.state_dict().items():
        prefix = next((prefix for prefix in names if name.startswith(prefix)), "")
        renamed[names.get(prefix, "") + name.removeprefix(prefix)] = tensor
    theirs.load_state_dict(renamed)
    assert torch.allclose(ours(images(2)), theirs(images(2)), atol=1e-5)


def test_the_papers_cnn_has_the_papers_number_of_parameters_and_averages_nothing_at_32_pixels() -> None:
    model = build(small("paper_cnn"), num_classes=10).eval()
    assert sum(parameters.numel() for parameters in model.parameters()) == 1_250_858  # "1.2 million"
    before, after = (cut(model, at)[0](images(2)) for at in ("conv2", "grid"))
    assert torch.allclose(before.flatten(1), after)


def test_the_papers_cnn_says_how_small_an_image_can_be() -> None:
    model = build(small("paper_cnn"), num_classes=4)
    assert model(images(2, 10)).shape == (2, 4)
    with pytest.raises(ScenarioError, match="at least 10 x 10 pixels, got 9 x 9"):
        model(images(2, 9))


def test_a_layer_without_a_rule_for_its_first_weights_is_an_error() -> None:
    with pytest.raises(TypeError, match="PReLU"):
        initialise(nn.Sequential(nn.PReLU()), torch.Generator())
