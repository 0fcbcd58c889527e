"""YOQO: one query per example, made to be labelled one way by models that saw the example and another by the rest."""

import logging
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from leakdrill.attacks.base import Verdict
from leakdrill.attacks.confidences.true_label import num_tied
from leakdrill.attacks.tuning.one_query import Images, Known, OneQuery, Rehearsal, balanced_accuracy, score_order
from leakdrill.labelonly.improvement_area import Objective, craft

log = logging.getLogger(__name__)

WEIGHTS = {"online": 2.0, "offline": 5.0}  # README of the authors' code
MAX_STEPS = 51  # of the authors' code, which stops after its counter has passed 50


class Yoqo(OneQuery):
    """In if the victim gives the example's label to one crafted query (Wu et al. 2024).

    Online, gradient descent looks, from the example on, for an image that shadow models trained on the example still
    call by its label, and the others by another. Offline there are only the others, and the squared distance to the
    example in place of the former. Constants are those of the authors' code (see
    leakdrill/labelonly/improvement_area.py).

    Where we depart: queries are 8-bit images. The paper trains shadows for each example; here all share those that
    LiRA and RMIA use, online in about half of which it is. One label gives no order, so examples with the same answer
    are ordered by how little the models that were not trained on them know them. (The margin by which the query
    separates the shadows is no better than none: it was made to be large. Both were seen on a challenge, not on
    shadows: see `Known.strangeness`.)

    In the notes, `rehearsed_accuracy` is the balanced accuracy of the same attack on one of the shadows, with fewer
    models to help than against the victim: online a pair fewer, offline fewer than half of them. Crafted images fit the
    models they were made with better than any other, so it says more than those models' own labels, but it is no
    forecast: on one synthetic challenge it was 0.68 online, where the attack then had 0.75, and 0.91 offline for 0.73.
    Nothing is tuned by it.
    """

    kind: Literal["yoqo"] = "yoqo"
    weight: float | None = Field(
        None, ge=0, description="online of the models not trained on it, offline of the distance; default: 2 and 5"
    )
    enough: float = Field(1 / 12, ge=0, description="nats of the mean loss at which a query is good enough")
    max_steps: int = Field(MAX_STEPS, ge=1, le=10_000)

    def judge(self, rehearsal: Rehearsal, known: Known, is_kept: Callable[[Images], NDArray[np.bool_]]) -> Verdict:
        made = self._craft(known)
        decisions = is_kept(made)
        rehearsed = balanced_accuracy(rehearsal.is_kept(self._craft(rehearsal.known)), rehearsal.is_member)
        log.info("%s: right about %.0f%% of what one of its shadows was trained on", self.name, 100 * rehearsed)
        scores = score_order(decisions[np.newaxis], known.strangeness()) - 1
        moved = np.abs(made.astype(np.float32) - known.examples.inputs).mean()
        notes = {
            "rehearsed_accuracy": round(rehearsed, 4),
            "mean_levels_moved": round(float(moved), 3),
            "tied_scores": num_tied(scores),
        }
        return Verdict(scores, decisions, notes)

    def _craft(self, known: Known) -> Images:
        weight = WEIGHTS[self.mode] if self.weight is None else self.weight
        objective = Objective(self.mode == "online", weight, self.enough, self.max_steps)
        examples = known.examples
        return craft(known.models, known.is_in, examples.inputs, examples.labels, objective, known.progress)
