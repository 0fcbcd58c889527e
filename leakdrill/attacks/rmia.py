"""RMIA: the robust attack (Zarifzadeh, Liu and Shokri 2024, "Low-Cost High-Power Membership Inference Attacks")."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.confidences.statistics import Floats
from leakdrill.attacks.tuning.in_and_out import Evidence, Gathered, ShadowHalves
from leakdrill.labelonly.cut import separation

STEPS = np.arange(11) / 10  # among which a is tuned, as in the authors' code


class Rmia(ShadowHalves):
    """In if the victim grew surer of it than of most of the population (Zarifzadeh et al. 2024).

    For any x, Pr(x | f) / Pr(x) says how much surer the victim f is of the true label than models at large are. The
    score is the share of the population's examples z, on which no model was trained, that x beats by a factor of gamma.
    Online, Pr(x) is the mean over shadows, half of which were trained on x. Offline it is made up from those that were
    not, ((1 + a) Pr(x)_out + (1 - a)) / 2, with a tuned by attacking each shadow with the help of the others. So is the
    threshold.

    The score grows with x's own ratio and with nothing else. That ratio also breaks the ties between examples that beat
    as many z: at a low FPR, where members beat them all, the share alone says nothing.

    Where we depart: Pr(x | f) is the softmax's confidence, and each x is asked about once, as in the authors' present
    code. In the code of the paper's experiments it is a Taylor softmax with a soft margin (order 4, margin 0.6), of
    logits at a temperature of 2, Pr(x) is a mean without the highest and the lowest fifth of the shadows, and of 18
    copies of x, mirrored and shifted, a majority must beat z. There, Pr(z) online is the mean over shadows half of
    which saw z; here, none of them did, which moves the scores of all x alike. And a is tuned on all shadows in turn,
    where theirs takes one.
    """

    kind: Literal["rmia"] = "rmia"
    gamma: float = Field(2.0, ge=1, description="by what factor x must beat z; the paper's number")
    a: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field("auto", description="offline: see above")
    population: int = Field(2500, ge=1, description="own examples asked about, at most")

    @property
    def num_population(self) -> int:
        return self.population

    def most_queries(self, num_examples: int) -> int:
        return (num_examples + self.population) * self.average

    def judge(self, gathered: Gathered) -> tuple[Floats, Floats, NDArray[np.bool_], dict[str, Any]]:
        a, tried = self._tuned(gathered)
        rehearsed = [
            (dominated(log_ratio(own, a), log_ratio(population, a), self.gamma), is_member)
            for own, population, is_member in gathered.rehearsals()
        ]
        scores, truth = (np.concatenate(parts) for parts in zip(*rehearsed, strict=True))
        of_population = log_ratio(gathered.population, a)
        of_challenge = dominated(log_ratio(gathered.challenge, a), of_population, self.gamma)
        notes = {"population": len(of_population)} | ({"a": a, "shadow_auc_by_a": tried} if a is not None else {})
        return of_challenge, scores, truth, notes

    def _tuned(self, gathered: Gathered) -> tuple[float | None, dict[str, float]]:
        """The a that tells shadows' members best, the smallest of equals; None online, where none is needed."""
        if self.mode == "online":
            return None, {}
        if self.a != "auto":
            return self.a, {}
        aucs = {float(a): _rehearsed_auc(gathered, float(a)) for a in STEPS}
        best = max(aucs, key=lambda a: aucs[a])
        return best, {str(a): round(auc, 4) for a, auc in aucs.items()}


def log_ratio(evidence: Evidence, a: float | None) -> Floats:
    """log Pr(x | f) / Pr(x), (N,); a: None when Pr(x) is the mean of all shadows."""
    log_p = -np.logaddexp(0, -evidence.observed[:, 0])
    shadows = evidence.shadows if a is None else evidence.unseen
    mean = _sigmoid(shadows[:, :, 0]).mean(axis=0)
    return np.asarray(log_p - np.log(mean if a is None else ((1 + a) * mean + (1 - a)) / 2))


def dominated(log_ratios: Floats, of_population: Floats, gamma: float) -> Floats:
    """For each x (N,), the share of the population (Z,) whose ratio times gamma is below its own, ties broken by that.

    Between 0 and 1: (the number of z + a share of one that grows with x's ratio) / (Z + 1).
    """
    beaten = np.searchsorted(np.sort(of_population) + np.log(gamma), log_ratios, side="left")
    return np.asarray((beaten + 0.5 + np.arctan(log_ratios) / np.pi) / (len(of_population) + 1))


def _rehearsed_auc(gathered: Gathered, a: float) -> float:
    rehearsed = [(log_ratio(own, a), is_member) for own, _, is_member in gathered.rehearsals()]
    ratios, is_member = (np.concatenate(parts) for parts in zip(*rehearsed, strict=True))
    return separation(ratios[is_member], ratios[~is_member])


def _sigmoid(log_odds: Floats) -> Floats:
    """At least the smallest positive number, so that its logarithm is finite."""
    return np.exp(-np.logaddexp(0, -log_odds))
