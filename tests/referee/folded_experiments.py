"""Attacks in folds on made-up people, many times over: how often do their intervals cover what they should?

`python tests/referee/folded_experiments.py` measures what leakdrill/referee/folds.py says of it, in some minutes.
"""

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from leakdrill.attacks.base import Folding, Verdict
from leakdrill.attacks.people.supervised import Classifier, learn
from leakdrill.data.forms import RowForm
from leakdrill.data.splits import Split
from leakdrill.metrics import Judged, interval
from leakdrill.metrics.resampling import Resamples
from leakdrill.referee.folds import design_effect, make_folds, pooled

NUM_INPUTS, NUM_FOLDS, NUM_RESAMPLES = 10, 5, 300


class Coverage(NamedTuple):
    """Of 95 % intervals of the AUC, in fractions of the experiments; with a design effect of 1, and with its own."""

    as_if_independent: float
    widened: float
    mean_auc: float


def coverage(kind: Classifier, num_people: int, share: float, effect: float, num: int, seed: int = 0) -> Coverage:
    """Of `num` experiments with `num_people` members and as many others, whose mean differs by `effect`.

    `share`: of the people beside those who are judged in a fold, how many are labelled. To cover is the mean AUC of all
    experiments, or one half without an effect.
    """
    generator = np.random.default_rng(seed)
    judged = [_judged(generator, kind, num_people, share, effect, str(trial)) for trial in range(num)]
    found = [[_interval(one, trial) for trial, one in enumerate(judged)] for judged in (_plain(judged), judged)]
    mean = float(np.mean([each.value for each in found[0]]))
    target = mean if effect else 0.5
    plain, widened = (float(np.mean([each.low <= target <= each.high for each in some])) for some in found)
    return Coverage(plain, widened, mean)


def _plain(judged: list[Judged]) -> list[Judged]:
    return [replace(one, design_effect=1.0) for one in judged]


def _interval(judged: Judged, seed: int) -> Any:
    return interval(judged, "auc", Resamples.draw(judged, NUM_RESAMPLES, seed))


def _judged(
    generator: np.random.Generator, kind: Classifier, num_people: int, share: float, effect: float, key: str
) -> Judged:
    people = np.arange(2 * num_people)
    is_member = people < num_people
    inputs = generator.normal(size=(2 * num_people, NUM_INPUTS))
    inputs[is_member, 0] += effect
    source: Any = SimpleNamespace(labels=people)
    challenge = Split(source, people, people, RowForm(NUM_INPUTS))
    beside = 2 * (num_people - -(-num_people // NUM_FOLDS))
    granted = max(2, int(share * beside))
    folds = make_folds(Folding(NUM_FOLDS), challenge, is_member, np.ones(len(people), bool), granted, key)
    verdicts = []
    for fold in folds:
        told = np.concatenate([fold.splits[f"labelled_{kind}"].indices for kind in ("members", "non_members")])
        scores = learn(kind, inputs[told], is_member[told], inputs[fold.positions], seed=0)
        verdicts.append(Verdict(scores, scores > 0))
    said = pooled(verdicts, folds, len(people))
    return Judged(said.scores[None], said.decisions[None], is_member, people, design_effect(folds))


if __name__ == "__main__":
    for case in (
        ("logistic", 50, 1.0, 0.0),
        ("logistic", 50, 0.25, 0.0),
        ("qda", 50, 1.0, 0.0),
        ("svm", 50, 1.0, 0.0),
        ("logistic", 50, 1.0, 0.5),
        ("logistic", 50, 1.0, 1.0),
        ("logistic", 50, 0.25, 1.0),
        ("qda", 50, 1.0, 1.0),
    ):
        sys.stdout.write(f"{case}: {coverage(*case, num=400)}\n")  # type: ignore[arg-type]
