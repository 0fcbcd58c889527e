"""Small worlds in which attacks are tried: a view of tiny images, and oracles whose secrets are known.

Those of people, and of what is true of them, are in leakdrill.contract.people.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leakdrill.archs import build, cut
from leakdrill.archs.small_cnn import SmallCnn
from leakdrill.attacks.base import View
from leakdrill.data.examples import Examples
from leakdrill.data.forms import ImageForm
from leakdrill.errors import BudgetExhausted, NotFound
from leakdrill.models.artefact import Artefact
from leakdrill.models.fit import Fit
from leakdrill.models.training import fit_model
from leakdrill.oracles.oracle import Output

NUM_CLASSES = 4
NUM_TARGET_CLASSES = 3
NAT = 50.0  # grey levels, over all pixels, that cost a nat; two images of noise are about 1,400 apart
ARCH = SmallCnn(width=4, num_features=16)
LARGER = SmallCnn(width=8, num_features=64)  # comes to know its training images by heart

#: Scores (N, C) of images (N, H, W, 3), which for the oracles here depend on each image alone.
Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class LocalOracle:
    """A model in this process, which counts what it is asked and stops at its budget."""

    def __init__(
        self,
        name: str,
        num_classes: int,
        answer: Answer,
        budget: int | None = None,
        outputs: frozenset[Output] = frozenset({"scores", "label"}),
    ) -> None:
        self.name = name
        self.num_classes = num_classes
        self.outputs = outputs
        self.num_asked = 0
        self._answer = answer
        self._budget = budget

    def query(self, inputs: NDArray[np.uint8], output: Output = "scores") -> NDArray[np.float32]:
        if output not in self.outputs:
            raise NotFound(f"{self.name} does not return {output}")
        self.num_asked += len(inputs)
        if self._budget is not None and self.num_asked > self._budget:
            raise BudgetExhausted(f"asked for {self.num_asked} of {self._budget}")
        answers = self._answer(inputs)
        return answers.argmax(axis=1).astype(np.float32) if output == "label" else answers


@dataclass(frozen=True)
class World:
    """A view, and the truth that the view does not hold."""

    view: View
    is_member: NDArray[np.bool_]

    @property
    def num_asked(self) -> dict[str, int]:
        asked = {**self.view.oracles, **self.view.pairs}
        return {name: oracle.num_asked for name, oracle in asked.items()}  # type: ignore[attr-defined]

    def permuted(self, order: NDArray[np.int64]) -> "World":
        view = replace(self.view, challenge=self.view.challenge.take(order))
        return World(view, self.is_member[order])


def world(source: Literal["memoriser", "null"], per_class: int = 50, budget: int | None = None) -> World:
    """Noise images of NUM_CLASSES classes, half of the challenge members of a source that is one of two extremes.

    memoriser: sure of the label of every member, unsure of everything else. null: answers without regard to membership.
    """
    generator = np.random.default_rng(20)
    members, others = images(generator, per_class), images(generator, per_class)
    challenge, is_member = shuffled(members, others, generator)
    pools = images(generator, 15), images(generator, 15)
    known = {image.tobytes() for image in members.inputs} if source == "memoriser" else set()
    truth = {
        image.tobytes(): int(label)
        for part in (challenge, *pools)
        for image, label in zip(part.inputs, part.labels, strict=True)
    }
    view = View(
        challenge=challenge,
        num_classes=NUM_CLASSES,
        oracles={
            "cbig/source": LocalOracle(
                "cbig/source", NUM_CLASSES, _source(known, truth, challenge.inputs.shape[1:]), budget
            ),
            "csmall/recognition": LocalOracle("csmall/recognition", NUM_TARGET_CLASSES, _noise, budget),
        },
        seed=5,
        shadow_seed=6,
        shadow_train=pools[0],
        shadow_test=pools[1],
        architecture=ARCH,
        target_train=images(generator, 5, NUM_TARGET_CLASSES),
        transfer_method="freeze",
        leaked=leaked(),
    )
    return World(view, is_member)


def of_students(made: World) -> World:
    """The same game about csmall's own data: its model is the one that knows, or does not."""
    source = made.view.oracle("cbig/source")
    source.name = "csmall/recognition"
    teacher_train = images(np.random.default_rng(23), 10, NUM_CLASSES + 1)
    view = replace(
        made.view, oracles={source.name: source}, victim_name="csmall/recognition", teacher_train=teacher_train
    )
    return replace(made, view=view)


def world_of_weights(source: Literal["memoriser", "null"], per_class: int = 50, budget: int | None = None) -> World:
    """`world`, and a network that has leaked whole.

    memoriser: it was fitted on the members. null: on images that are not in the challenge.
    """
    made = world(source, per_class, budget)
    return World(replace(made.view, leaked=_whole_model(source, per_class)), made.is_member)


@cache
def _whole_model(source: Literal["memoriser", "null"], per_class: int) -> Artefact:
    made = world(source, per_class)
    members = made.view.challenge.take(np.flatnonzero(made.is_member))
    fitted_on = members if source == "memoriser" else images(np.random.default_rng(22), per_class)
    network = build(LARGER, NUM_CLASSES, seed=3)
    fit_model(network, fitted_on, Fit(epochs=20, batch_size=16, learning_rate=0.05), seed=4)
    return Artefact.of_source_model(LARGER, network, ImageForm(8), NUM_CLASSES, None)


@cache
def leaked(at: str | None = None) -> Artefact:
    """g_s, or its first blocks up to `at`, with random weights: features that tell images apart are all it takes."""
    feature_extractor, _ = cut(build(ARCH, NUM_CLASSES, seed=3), at)
    return Artefact.of("feature_extractor", ARCH, feature_extractor, form=ImageForm(8))


def images(generator: np.random.Generator, per_class: int, num_classes: int = NUM_CLASSES) -> Examples:
    labels = np.repeat(np.arange(num_classes), per_class)
    return Examples(generator.integers(0, 256, (len(labels), 8, 8, 3), dtype=np.uint8), labels)


def shuffled(members: Examples, others: Examples, generator: np.random.Generator) -> tuple[Examples, NDArray[np.bool_]]:
    both = Examples(np.concatenate([members.inputs, others.inputs]), np.concatenate([members.labels, others.labels]))
    order = generator.permutation(len(both))
    return both.take(order), order < len(members)


def _source(known: set[bytes], truth: dict[bytes, int], shape: tuple[int, ...]) -> Answer:
    """Noise about everything, plus 6 nats for the label of what is known, and 1 for that of anything else.

    Any other image is taken for the nearest of these, less a nat for every NAT it is away: so what is known keeps its
    label in a larger neighbourhood, and every label ends somewhere. What is known is known in four other places, too.
    """
    plain = np.stack([np.frombuffer(image, np.uint8).reshape(shape) for image in truth])
    is_known, of_plain = np.array([image in known for image in truth]), np.array(list(truth.values()))
    moved = [_moved(plain[is_known], *by) for by in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    remembered = np.concatenate([plain, *moved])
    noise = _noise(remembered, NUM_CLASSES)
    nats = np.concatenate([np.where(is_known, 6.0, 1.0), np.full(4 * is_known.sum(), 6.0)])
    labels = np.concatenate([of_plain, np.tile(of_plain[is_known], 4)])
    images = remembered.reshape(len(remembered), -1).astype(np.float32)
    squares = np.square(images).sum(axis=1)

    def answer(inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked = inputs.reshape(len(inputs), -1).astype(np.float32)
        nearest = (squares - 2 * asked @ images.T).argmin(axis=1)
        distances = np.linalg.norm(asked - images[nearest], axis=1)
        scores = noise[nearest].copy()
        scores[np.arange(len(inputs)), labels[nearest]] *= np.exp(nats[nearest] - distances / NAT)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)

    return answer


def _moved(images: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    """By a pixel; the edge that is left behind stays as it was."""
    moved = np.roll(images, (down, right), axis=(1, 2))
    if down:
        edge = 0 if down > 0 else -1
        moved[:, edge] = images[:, edge]
    else:
        edge = 0 if right > 0 else -1
        moved[:, :, edge] = images[:, :, edge]
    return moved


def _noise(inputs: NDArray[np.uint8], num_classes: int = NUM_TARGET_CLASSES) -> NDArray[np.float32]:
    """Scores drawn from each image's own bytes."""
    drawn = [np.random.default_rng(list(image.tobytes()[:16])).dirichlet(np.ones(num_classes)) for image in inputs]
    return np.array(drawn, dtype=np.float32).reshape(len(inputs), num_classes)
