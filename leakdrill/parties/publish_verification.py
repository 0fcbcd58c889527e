"""Face verification as public APIs: two images, or two faces enrolled before, to a distance and a decision.

"verification" takes pairs of images. "enrolment" takes an image and gives a handle (leakdrill/parties/gallery.py), and
"verification_enrolled" takes two handles, so that all m(m-1)/2 pairs of m images cost m embeddings. A pair is counted
under "verification" whichever form it is asked in, an image under "enrolment".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from torch import nn

from leakdrill.data.examples import Inputs
from leakdrill.data.forms import Form
from leakdrill.defences import Guard
from leakdrill.defences.base import Keys
from leakdrill.defences.keyed import keys_of
from leakdrill.models.embedding import embed
from leakdrill.models.verification import Metric, distances
from leakdrill.network.wire import TensorSpec
from leakdrill.oracles.oracle import Output
from leakdrill.parties.batching import Answer, Rows
from leakdrill.parties.gallery import Faces, Gallery, face_type
from leakdrill.parties.inference import PublicModel, input_of


@dataclass(frozen=True)
class Verifier:
    """What decides whether two faces are one person's: `same` is "at most `threshold` apart"."""

    feature_extractor: nn.Module
    form: Form
    metric: Metric
    threshold: float
    secret: int  # what the keys of photos, and with them handles, are made with
    guard: Guard | None = None  # of distances; the decision is on the defended one

    def faces(self, images: Inputs) -> Faces:
        faces = np.empty(len(images), self._face_type)
        faces["key"] = keys_of(images, self.secret)
        faces["embedding"] = embed(self.feature_extractor, images)
        return faces

    def compare(self, first: Faces, second: Faces, wanted: frozenset[Output], questions: Keys | None = None) -> Answer:
        apart = distances(first["embedding"], second["embedding"], self.metric)
        if self.guard:
            keys = first["key"] + second["key"]  # wraps around; the same whichever of the two comes first
            apart = self.guard.defended(apart[:, np.newaxis], keys, questions)[:, 0]
        made: Answer = {"distance": apart, "same": (apart <= self.threshold).astype(np.int64)}
        return {output: made[output] for output in wanted}

    @cached_property
    def _face_type(self) -> np.dtype[np.void]:
        blank = np.zeros((1, *self.form.shape), self.form.dtype)
        return face_type(embed(self.feature_extractor, blank).shape[1])


def publish_verification(verifier: Verifier, outputs: Sequence[Output]) -> dict[str, PublicModel]:
    """The three models, by name; both forms of verification answer with `outputs`."""
    gallery = Gallery(verifier.secret)
    is_fresh = verifier.guard is not None and verifier.guard.is_fresh

    def compare_images(rows: Rows, wanted: frozenset[Output]) -> Answer:
        first, second, *questions = rows
        faces = verifier.faces(np.concatenate([first, second]))
        return verifier.compare(faces[: len(first)], faces[len(first) :], wanted, *questions)

    def compare_enrolled(rows: Rows, wanted: frozenset[Output]) -> Answer:
        first, second, *questions = rows
        return verifier.compare(first, second, wanted, *questions)

    def look(rows: Rows, wanted: frozenset[Output]) -> Answer:
        (images,) = rows
        return {"face": verifier.faces(images)}

    tails: dict[Output, tuple[int, ...]] = dict.fromkeys(outputs, ())
    image = input_of(verifier.form)
    handles = tuple(TensorSpec(name, "INT64", (-1,)) for name in ("first", "second"))
    return {
        model.name: model
        for model in (
            PublicModel(
                "verification",
                (replace(image, name="first"), replace(image, name="second")),
                tails,
                compare_images,
                is_numbered=is_fresh,
            ),
            PublicModel(
                "enrolment",
                (image,),
                {"face": ()},
                look,
                hand_out=lambda caller, answer: {"face": gallery.enrol(caller, answer["face"])},
            ),
            PublicModel(
                "verification_enrolled",
                handles,
                tails,
                compare_enrolled,
                account="verification",
                admit=lambda caller, rows: [gallery.faces(caller, row) for row in rows],
                is_numbered=is_fresh,
            ),
        )
    }
