import numpy as np
from torch import nn

from leakdrill.archs import build, cut
from leakdrill.archs.resnet_cifar import ResNet8
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.data.forms import ImageForm
from leakdrill.models.embedding import embed, normalised
from leakdrill.parties.publish import publish_features

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def extractor(at: str | None = None) -> nn.Sequential:
    return cut(build(SmallCnn(width=4, num_features=16), num_classes=3, seed=1), at)[0]


def test_an_embedding_has_the_direction_of_the_features_and_length_1() -> None:
    features = np.array([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]])
    wanted = np.array([[0.6, 0.8], [0.0, -1.0], [0.0, 0.0]])
    np.testing.assert_allclose(normalised(features).astype(np.float64), wanted, rtol=1e-6)


def test_an_embedding_depends_on_its_image_alone() -> None:
    whole = embed(extractor(), IMAGES)
    assert whole.shape == (5, 16)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, rtol=1e-6)
    assert (embed(extractor(), IMAGES[3:4]) == whole[3:4]).all()


def test_maps_of_an_early_cut_are_flattened() -> None:
    early = cut(build(ResNet8(width=4), num_classes=3), "block1")[0]
    assert embed(early, IMAGES).shape == (5, 4 * 16 * 16)
    assert embed(early, IMAGES[:0]).shape == (0, 4 * 16 * 16)


def test_the_features_api_describes_and_gives_the_embedding() -> None:
    model = publish_features(extractor(), ImageForm(16))
    assert (model.name, dict(model.outputs)) == ("features", {"embedding": (16,)})
    answer = model.predict([IMAGES], frozenset({"embedding"}))
    np.testing.assert_array_equal(answer["embedding"], embed(extractor(), IMAGES))
