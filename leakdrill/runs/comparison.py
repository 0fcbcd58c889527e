"""Two runs beside each other: what changed from OLD to NEW, and whether that is more than chance.

Where both dealt the same examples to the same sides (one `split_key`, one data set), attacks of the same name are
compared on the examples that both judged, resampled alike: what makes an example easy for both cancels. Otherwise the
examples are others, and the intervals are independent, and wider. Models are always compared by their counts, as if on
other examples. The intervals of attacks are widened for their number (Bonferroni), so that all hold at once with 95 %.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leakdrill.errors import InvalidInput
from leakdrill.metrics import Judged, independent_difference, paired_difference
from leakdrill.referee import verdicts
from leakdrill.referee.folds import abstained
from leakdrill.results import AttackResult, Interval, Results
from leakdrill.runs.reading import finished_drills
from leakdrill.spec import Spec

METRICS = ("auc", "accuracy")


class Change(Spec):
    """A rate in both runs, and NEW minus OLD."""

    old: Interval
    new: Interval
    difference: Interval


class AttackChange(Spec):
    name: str
    auc: Change
    accuracy: Change
    old_queries: int
    new_queries: int

    @property
    def is_worse(self) -> bool:
        """Whether it got stronger, beyond chance."""
        return self.auc.difference.low > 0


class ModelChange(Spec):
    name: str
    train_accuracy: Change
    test_accuracy: Change


class Comparison(Spec):
    old: str
    new: str
    is_paired: bool
    why: str  # in words
    attacks: tuple[AttackChange, ...]
    only_old: tuple[str, ...]  # attacks that NEW lacks
    only_new: tuple[str, ...]
    models: tuple[ModelChange, ...]
    old_defences: tuple[str, ...]  # kinds, in the order in which they act
    new_defences: tuple[str, ...]


class _Run(NamedTuple):
    folder: Path
    results: Results

    @property
    def attacks(self) -> dict[str, AttackResult]:
        return {attack.name: attack for attack in self.results.attacks}


def compare(old_dir: Path, new_dir: Path) -> Comparison:
    """Raises NotFound for a folder without a finished run, InvalidInput for runs that cannot be compared."""
    old, new = _run(old_dir), _run(new_dir)
    common = [name for name in old.attacks if name in new.attacks]
    if not common:
        raise InvalidInput(
            f"no attack is in both: {old_dir} has {_listed(old.attacks)}, {new_dir} has {_listed(new.attacks)}; wanted "
            "attacks of the same name"
        )
    for name in common:
        _check_alike(old.attacks[name], new.attacks[name])
    truth, why = _common_truth(old, new)
    return Comparison(
        old=str(old_dir),
        new=str(new_dir),
        is_paired=truth is not None,
        why=why,
        attacks=tuple(_attack_change(name, old, new, truth, len(common)) for name in common),
        only_old=tuple(name for name in old.attacks if name not in new.attacks),
        only_new=tuple(name for name in new.attacks if name not in old.attacks),
        models=tuple(_model_changes(old.results, new.results)),
        old_defences=tuple(defence.kind for defence in old.results.defences),
        new_defences=tuple(defence.kind for defence in new.results.defences),
    )


def _run(run_dir: Path) -> _Run:
    found = finished_drills(run_dir)
    (folder, results), *others = found
    if folder != run_dir:
        raise InvalidInput(
            f"{run_dir} is a grid of {1 + len(others)} finished cells: name one of them, such as {folder}, or read its "
            "results.csv"
        )
    if results.verdict == "broken":
        raise InvalidInput(f"{run_dir} broke before its end ({results.error}): there is nothing to rely on")
    return _Run(folder, results)


def _check_alike(old: AttackResult, new: AttackResult) -> None:
    for what in ("kind", "goal", "on", "unit"):
        was, became = getattr(old, what), getattr(new, what)
        if was != became:
            raise InvalidInput(
                f"attack {old.name!r} has {what} {was!r} in OLD and {became!r} in NEW: they cannot be compared; give "
                "different attacks different names"
            )


class _Truth(NamedTuple):
    is_member: NDArray[np.bool_]
    labels: NDArray[np.int64]


def _common_truth(old: _Run, new: _Run) -> tuple[_Truth | None, str]:
    """Who is a member in both, where it is the same, and why it is or is not."""
    digests = [run.results.environment.get("data_sha256") for run in (old, new)]
    if digests[0] is None or digests[0] != digests[1]:
        return None, (
            "independent intervals: other data, or another split, was dealt (a pinned split_key makes it the same)"
        )
    found = [_truth(run.folder) for run in (old, new)]
    if any(truth is None for truth in found):
        return None, "independent intervals: the same examples were dealt, but a run came without its truth or scores"
    a, b = found
    assert a is not None
    assert b is not None
    if not all(np.array_equal(was, became) for was, became in zip(a, b, strict=True)):
        return None, "independent intervals: the challenges are in different orders"
    return a, "paired intervals: the same examples were dealt to the same sides"


def _truth(run_dir: Path) -> _Truth | None:
    path = run_dir / "truth" / "challenge.npz"
    if not path.exists() or not (run_dir / "scores").is_dir():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return _Truth(arrays["is_member"], arrays["labels"])


def _attack_change(name: str, old: _Run, new: _Run, truth: _Truth | None, num_attacks: int) -> AttackChange:
    was, became = old.attacks[name], new.attacks[name]
    differ = _independently(was, became)
    if truth is not None and was.goal != "attribute":  # of which the truth is with the data set
        sides = [_judged(run, name, truth) for run in (old, new)]
        if all(side is not None for side in sides):
            differ = _on_common_units(*(side for side in sides if side is not None)) or differ
    changes = {
        metric: Change(
            old=getattr(was, metric), new=getattr(became, metric), difference=_widened(differ(metric), num_attacks)
        )
        for metric in METRICS
    }
    return AttackChange(
        name=name, **changes, old_queries=sum(was.queries.values()), new_queries=sum(became.queries.values())
    )


Differ = Callable[[str], Interval]


def _independently(was: AttackResult, became: AttackResult) -> Differ:
    return lambda metric: independent_difference(getattr(became, metric), getattr(was, metric))


def _on_common_units(was: "_Side", became: "_Side") -> Differ | None:
    """None where what both judged is of one kind only."""
    _, of_was, of_became = np.intersect1d(was.units, became.units, return_indices=True)
    if len(np.unique(was.judged.is_member[of_was])) < 2:
        return None
    a, b = became.judged.take(of_became), was.judged.take(of_was)

    def differ(metric: str) -> Interval:
        found = paired_difference(a, b, metric)
        assert found is not None, f"{metric} is defined for every challenge"
        return found

    return differ


class _Side(NamedTuple):
    judged: Judged
    units: NDArray[np.int64]  # positions in the challenge, or people


def _judged(run: _Run, name: str, truth: _Truth) -> _Side | None:
    """The attack as the referee judged it; None where its scores are gone."""
    said = [verdicts.load(path, {}) for path in _scores(run, name) if path.exists()]
    if not said:
        return None
    judged = Judged(np.stack([each.scores for each in said]), np.stack([each.decisions for each in said]), *truth)
    kept = np.flatnonzero(~abstained(said))
    if len(np.unique(truth.is_member[kept])) < 2:  # abstentions are then overlooked
        kept = np.arange(len(truth.is_member))
    judged = judged.take(kept)
    if run.attacks[name].unit == "identity":
        judged = judged.of_classes()
        return _Side(judged, judged.labels)
    return _Side(judged, kept)


def _scores(run: _Run, name: str) -> Iterator[Path]:
    for repeat in range(run.results.scenario.get("repeats", 1)):
        yield run.folder / "scores" / f"{name}-{repeat}.npz"


def _model_changes(old: Results, new: Results) -> Iterator[ModelChange]:
    for name, was in old.models.items():
        if became := new.models.get(name):
            train = _counted(was.train_accuracy, became.train_accuracy)
            yield ModelChange(
                name=name, train_accuracy=train, test_accuracy=_counted(was.test_accuracy, became.test_accuracy)
            )


def _counted(old: Interval, new: Interval) -> Change:
    plain = [Interval(value=each.value, low=each.low, high=each.high) for each in (old, new)]
    return Change(old=plain[0], new=plain[1], difference=independent_difference(new, old))


def _widened(found: Interval, num: int) -> Interval:
    """A 95 % interval as one of `num` that all hold with 95 %, by the normal distribution's quantiles."""
    normal = NormalDist()
    factor = normal.inv_cdf(1 - 0.025 / num) / normal.inv_cdf(1 - 0.025)
    value = found.value
    return Interval(value=value, low=value - factor * (value - found.low), high=value + factor * (found.high - value))


def _listed(attacks: Mapping[str, AttackResult]) -> str:
    return ", ".join(attacks) or "none"
