import pytest
import torch

from leakdrill.archs import ResNet8, build, cut
from leakdrill.data.forms import ImageForm
from leakdrill.errors import InvalidInput
from leakdrill.models.artefact import CHUNK_BYTES, Artefact

ARCH = ResNet8(width=8)


def g_s() -> Artefact:
    feature_extractor, _ = cut(build(ARCH, num_classes=5, seed=3))
    return Artefact.of("feature_extractor", ARCH, feature_extractor, form=ImageForm(32))


def test_an_artefact_survives_the_journey_bit_for_bit() -> None:
    sent = g_s()
    received = Artefact.from_parts(list(sent.to_parts()))
    assert received.description == sent.description
    assert received.weights.keys() == sent.weights.keys()
    assert all(torch.equal(received.weights[name], sent.weights[name]) for name in sent.weights)


def test_the_rebuilt_blocks_compute_what_the_original_computes() -> None:
    model = build(ARCH, num_classes=5, seed=3).eval()
    feature_extractor, _ = cut(model)
    images = torch.rand(2, 3, 32, 32)
    rebuilt = Artefact.of("feature_extractor", ARCH, feature_extractor, ImageForm(32)).module()
    assert torch.equal(rebuilt(images), feature_extractor(images))


@pytest.mark.parametrize("at", [None, "block2"])
def test_a_whole_model_computes_what_the_original_computes_and_holds_its_feature_extractor(at: str | None) -> None:
    model = build(ARCH, num_classes=5, seed=3).eval()
    sent = Artefact.of_source_model(ARCH, model, ImageForm(32), num_classes=5, at=at)
    whole = Artefact.from_parts(list(sent.to_parts()))
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(whole.module()(images), model(images))
    part = whole.feature_extractor()
    assert torch.equal(part.module()(images), cut(model, at)[0](images))
    assert part.feature_extractor() is part
    assert (part.description.name, part.description.num_classes) == ("feature_extractor", None)


def test_it_travels_in_chunks_after_its_description() -> None:
    description, *chunks = g_s().to_parts()
    assert isinstance(description, str)
    assert all(isinstance(chunk, bytes) and len(chunk) <= CHUNK_BYTES for chunk in chunks)


def test_bytes_that_are_no_safetensors_are_refused() -> None:
    description, *_ = g_s().to_parts()
    with pytest.raises(InvalidInput, match="not a safetensors file"):
        Artefact.from_parts([description, b"\x80\x04pickle me"])


def test_a_stream_without_description_is_refused() -> None:
    with pytest.raises(InvalidInput, match="starts with its description"):
        Artefact.from_parts([b"weights first"])


def test_weights_that_do_not_fit_the_description_are_refused() -> None:
    artefact = g_s()
    other = artefact.description.model_copy(update={"arch": ResNet8(width=16)})
    with pytest.raises(InvalidInput, match="do not fit"):
        Artefact(other, artefact.weights).module()


def test_blocks_that_the_architecture_lacks_are_refused() -> None:
    artefact = g_s()
    other = artefact.description.model_copy(update={"blocks": ["stem", "block7"]})
    with pytest.raises(InvalidInput, match="not the first blocks"):
        Artefact(other, artefact.weights).module()
