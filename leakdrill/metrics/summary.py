"""Everything a report says of one attack, reduced from its scores and decisions."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from leakdrill.metrics.intervals import interval, point
from leakdrill.metrics.judged import Judged
from leakdrill.metrics.resampling import Resamples
from leakdrill.metrics.roc import FPRS, is_resolved, tpr_at_fpr
from leakdrill.metrics.statistics import RATES, Floats, mean_over_repeats, ratio, statistic
from leakdrill.results import AttackResult, FoldsResult, Interval, Macro, Spread, WithinQueries


def attack_result(
    judged: Judged,
    *,
    name: str,
    kind: str,
    goal: str,
    on: str,
    queries: Mapping[str, int],
    cost: float = 0.0,
    notes: Mapping[str, Any],
    seconds: float,
    examples: Judged | None = None,
    num_excluded: int = 0,
    folds: FoldsResult | None = None,
    within: Mapping[int, Judged] = MappingProxyType({}),
    adaptive_to: Sequence[str] = (),
) -> AttackResult:
    """The attack's line in results.json. Headline values are means over repeats.

    Where `judged` is about identities, `examples` is the same attack judged by photo. `within`: the attack as it would
    have been with so many queries per example, about the same examples or identities.
    """
    resamples = Resamples.draw(judged)

    def defined(metric: str, judged: Judged = judged) -> Interval:
        found = interval(judged, metric, resamples)
        assert found is not None, f"{metric} is defined for every challenge"
        return found

    curve = tuple(
        WithinQueries(queries=queries, auc=defined("auc", then), accuracy=defined("accuracy", then))
        for queries, then in sorted(within.items())
    )

    return AttackResult(
        name=name,
        kind=kind,
        goal=goal,
        on=on,
        num_members=judged.num_members,
        num_non_members=judged.num_non_members,
        unit="example" if examples is None else "identity",
        auc=defined("auc"),
        example_auc=None if examples is None else point(examples, "auc"),
        accuracy=defined("accuracy"),
        precision=interval(judged, "precision", resamples),
        recall=defined("recall"),
        f1=defined("f1"),
        macro=macro(judged),
        tpr_at_fpr=tpr_at_fpr(judged),
        over_repeats=over_repeats(judged),
        queries=dict(queries),
        cost=cost,
        curve=curve,
        num_excluded=num_excluded,
        folds=folds,
        adaptive_to=tuple(adaptive_to),
        notes=dict(notes),
        seconds=seconds,
    )


def macro(judged: Judged) -> Macro:
    """Accuracy, precision and recall of each class, then averaged, as TransMIA's figures do; means over repeats."""
    means = {metric: float(mean_over_repeats(rates[None])[0]) for metric, rates in _class_means(judged).items()}
    num_classes = len(np.unique(judged.labels))
    num_with_positives = [len(np.unique(judged.labels[decided])) for decided in judged.decisions]
    return Macro(
        accuracy=means["accuracy"],
        precision=None if np.isnan(means["precision"]) else means["precision"],
        recall=means["recall"],
        num_classes=num_classes,
        num_without_positives=num_classes - float(np.mean(num_with_positives)),
    )


def over_repeats(judged: Judged) -> dict[str, Spread]:
    """Mean and standard deviation (ddof 1) of every metric over the repeats that define it; empty without repeats."""
    fprs = [f"tpr@{fpr}" for fpr in FPRS if is_resolved(fpr, judged.num_non_members)]
    itself = Resamples.identity(judged)
    values = {metric: statistic(judged, metric, itself)[0] for metric in ("auc", *RATES, *fprs)}
    values |= {f"macro_{metric}": rates for metric, rates in _class_means(judged).items()}
    defined = {metric: rates[~np.isnan(rates)] for metric, rates in values.items()}
    return {
        metric: Spread(mean=float(rates.mean()), std=float(rates.std(ddof=1)), num_repeats=len(rates))
        for metric, rates in defined.items()
        if len(rates) > 1
    }


def _class_means(judged: Judged) -> dict[str, Floats]:
    """Means over classes (R,) of the decisions' accuracy, precision and recall; a class without any is left out."""
    classes, index = np.unique(judged.labels, return_inverse=True)
    in_class = np.eye(len(classes))[index]  # (N, C)
    positives = judged.decisions @ in_class  # (R, C)
    hits = (judged.decisions & judged.is_member) @ in_class
    correct = (judged.decisions == judged.is_member) @ in_class
    sizes = np.broadcast_to(in_class.sum(axis=0), hits.shape)
    members = np.broadcast_to(judged.is_member @ in_class, hits.shape)
    rates = {"accuracy": (correct, sizes), "precision": (hits, positives), "recall": (hits, members)}
    return {metric: mean_over_repeats(ratio(above, below)) for metric, (above, below) in rates.items()}
