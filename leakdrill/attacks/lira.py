"""LiRA: the likelihood ratio attack (Carlini et al. 2022, "Membership Inference Attacks From First Principles")."""

from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from leakdrill.attacks.confidences.statistics import Floats
from leakdrill.attacks.tuning.in_and_out import Evidence, Gathered, ShadowHalves
from leakdrill.errors import ScenarioError

FEW_SHADOWS = 64  # with fewer, one variance for all examples does better than one of each (section VI)
LEAST_DEVIATION = 0.01  # of one example, as a share of that of all
#: (mirrored, down, right), in the order in which queries are spent on them.
COPIES = [
    (mirrored, down, right)
    for down, right in [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
    for mirrored in (False, True)
]


class Lira(ShadowHalves):
    """In if shadows that saw it speak more like the victim than others (Carlini et al. 2022, section IV).

    Online (algorithm 1) the score is the log of the ratio of two normal densities at the victim's log-odds: that of
    shadows trained on the example over that of the others. As in the authors' code, their centres are medians, and with
    few shadows both have the deviation of all examples in all shadows that saw them. Offline (algorithm 2) it is how
    many deviations the victim is above the others' centre, which orders examples as Pr[Z < phi] does, without its ties
    at 1. (The authors' code scores by the density there, by which one that is too unsure is suspicious, too.)

    With `augmentations` each example is asked about in so many copies: as it is, mirrored, and both of these shifted by
    a pixel in eight directions. What they say is averaged, as in the authors' code. The threshold is tuned by attacking
    each shadow with the help of the others.
    """

    kind: Literal["lira"] = "lira"
    augmentations: int = Field(1, ge=1, le=len(COPIES), description="queries per example")
    variance: Literal["auto", "shared", "per_example"] = Field("auto", description="auto: shared below 64 shadows")

    @model_validator(mode="after")
    def _enough_for_variances(self) -> Self:
        if not self.has_shared_variance and self.num_shadows < 6:
            raise ValueError(
                "variance: per_example needs num_shadows of 6 or more: with a pair set aside, 2 in and 2 out are left, "
                f"got {self.num_shadows}"
            )
        return self

    @property
    def takes_rows(self) -> bool:
        return self.augmentations == 1

    def most_queries(self, num_examples: int) -> int:
        return num_examples * self.augmentations * self.average

    def queries_about(self, inputs: NDArray[Any]) -> Iterator[NDArray[Any]]:
        if self.augmentations > 1 and inputs.ndim != 4:
            raise ScenarioError(
                f"{self.name}: augmentations: {self.augmentations} mirrors and shifts images (N, H, W, 3), got "
                f"vectors {inputs.shape}: set augmentations: 1"
            )
        yield inputs
        for mirrored, down, right in COPIES[1 : self.augmentations]:
            yield _moved(inputs[:, :, ::-1] if mirrored else inputs, down, right)

    @property
    def has_shared_variance(self) -> bool:
        return self.variance == "shared" or (self.variance == "auto" and self.num_shadows < FEW_SHADOWS)

    def judge(self, gathered: Gathered) -> tuple[Floats, Floats, NDArray[np.bool_], dict[str, Any]]:
        rehearsed = [(self._score(evidence), is_member) for evidence, _, is_member in gathered.rehearsals()]
        scores, truth = (np.concatenate(parts) for parts in zip(*rehearsed, strict=True))
        return self._score(gathered.challenge), scores, truth, {"shared_variance": self.has_shared_variance}

    def _score(self, evidence: Evidence) -> Floats:
        if self.mode == "offline":
            return deviations_above(evidence.observed, evidence.unseen, self.has_shared_variance)
        return log_likelihood_ratio(evidence.observed, evidence.seen, evidence.unseen, self.has_shared_variance)


def log_likelihood_ratio(observed: Floats, seen: Floats, unseen: Floats, shared_variance: bool) -> Floats:
    """(N,), in nats, the mean over queries; observed (N, Q), seen (S, N, Q), unseen (T, N, Q)."""
    of_seen = _deviations(seen, shared_variance)
    of_unseen = of_seen if shared_variance else _deviations(unseen, shared_variance)
    as_seen = _log_density(observed, np.median(seen, axis=0), of_seen)
    as_unseen = _log_density(observed, np.median(unseen, axis=0), of_unseen)
    return np.asarray((as_seen - as_unseen).mean(axis=1))


def deviations_above(observed: Floats, unseen: Floats, shared_variance: bool) -> Floats:
    """(N,): by how many standard deviations of `unseen` (T, N, Q) `observed` (N, Q) is above its median, on average."""
    above = (observed - np.median(unseen, axis=0)) / _deviations(unseen, shared_variance)
    return np.asarray(above.mean(axis=1))


def _deviations(group: Floats, shared: bool) -> Floats:
    """Standard deviations of shadows' log-odds (S, N, Q): of all together (1, 1), or of each example and query (N, Q).

    Where all shadows are the same about an example, its own is a small share of that of all. Raises ScenarioError when
    all are the same about everything.
    """
    of_all = group.std()
    if of_all == 0:
        raise ScenarioError(
            "the shadow models are as sure of one example as of any other: give their fit more epochs, or use logits"
        )
    return np.full((1, 1), of_all) if shared else np.maximum(group.std(axis=0), LEAST_DEVIATION * of_all)


def _log_density(at: Floats, centre: Floats, deviation: Floats) -> Floats:
    """Of a normal distribution, but for the constant."""
    return np.asarray(-(((at - centre) / deviation) ** 2) / 2 - np.log(deviation))


def _moved(images: NDArray[Any], down: int, right: int) -> NDArray[Any]:
    """Images (N, H, W, 3) moved by a pixel; what comes in from outside mirrors the edge, as in the authors' code."""
    height, width = images.shape[1:3]
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    moved: NDArray[Any] = padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
    return moved
