from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from leakdrill.archs import build
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.data.forms import ImageForm
from leakdrill.defences import Guard, MemGuardStrongest, OutputNoise, guard
from leakdrill.defences.base import Defence
from leakdrill.models.training import predict, softmax
from leakdrill.oracles.oracle import Output
from leakdrill.parties.publish import publish
from tests.defences.answers import owner

NUM_CLASSES, IMAGE_SIZE = 5, 8
ALL: list[Output] = ["logits", "scores", "label"]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return build(SmallCnn(width=8), NUM_CLASSES)


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (300, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)


def answers(
    model: nn.Module, images: NDArray[np.uint8], outputs: list[Output], made: Guard | None
) -> dict[Output, NDArray[np.generic]]:
    api = publish("source", model, NUM_CLASSES, ImageForm(IMAGE_SIZE), outputs, made)
    return dict(api.predict([images], frozenset(outputs)))


def fitted(folder: Path, *defences: Defence) -> Guard:
    return guard(defences, owner(folder, NUM_CLASSES))


def test_without_a_defence_scores_are_the_softmax_and_the_label_the_largest_logit(
    model: nn.Module, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    logits = predict(model, images)
    for made in (None, fitted(tmp_path)):
        given = answers(model, images, ALL, made)
        assert given["scores"].tobytes() == softmax(logits).tobytes()
        assert (given["label"] == logits.argmax(axis=1)).all()


def test_a_defence_that_keeps_the_label_leaves_it_bit_for_bit_whatever_else_is_asked_for(
    model: nn.Module, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    made = fitted(tmp_path, MemGuardStrongest())
    plain = answers(model, images, ["label"], None)["label"]
    assert answers(model, images, ["label"], made)["label"].tobytes() == plain.tobytes()
    both = answers(model, images, ["scores", "label"], made)
    assert both["label"].tobytes() == plain.tobytes()
    assert (both["scores"].argmax(axis=1) == plain).all()
    assert len(np.unique(np.sort(both["scores"], axis=1), axis=0)) == 1


def test_under_a_defence_that_may_change_it_the_label_is_that_of_the_scores_also_when_asked_for_alone(
    model: nn.Module, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    made = fitted(tmp_path, OutputNoise(eta=3))
    alone = answers(model, images, ["label"], made)["label"]
    assert (alone == answers(model, images, ["scores"], made)["scores"].argmax(axis=1)).all()
    assert (alone != answers(model, images, ["label"], None)["label"]).any()
