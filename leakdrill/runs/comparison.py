"""Two runs beside each other: what changed from OLD to NEW, and whether that is more than chance.

Where both dealt the same examples to the same sides (one `split_key`, one data set), attacks of the same name are
compared on the examples that both judged, resampled alike: what makes an example easy for both cancels. Otherwise the
examples are others, and the intervals are independent, and wider. So they are for an attack of which a run lacks scores
and for one on an attribute, of which the folder has no truth. Models are always compared by their counts, as if on
other examples. The intervals of attacks are widened for their number (Bonferroni), so that all hold at once with 95 %.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.metrics import Judged, independent_difference, paired_difference
from leakdrill.referee.truth import Truth
from leakdrill.results import AttackResult, Interval, Results
from leakdrill.runs.reading import finished_drills
from leakdrill.runs.scored import Scored, read_scored, read_truth, scores_path
from leakdrill.spec import Spec


class Change(Spec):
    """A rate in both runs, and NEW minus OLD."""

    old: Interval
    new: Interval
    difference: Interval


class AttackChange(Spec):
    name: str
    auc: Change
    accuracy: Change
    is_paired: bool  # on the same examples; else its intervals are independent, and wider
    unpaired_because: str | None
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
    truth = _common_truth(old, new)
    return Comparison(
        old=str(old_dir),
        new=str(new_dir),
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


def _common_truth(old: _Run, new: _Run) -> Truth | str:
    """Who is a member in both, where it is the same; else why nothing can be paired."""
    digests = [run.results.environment.get("data_sha256") for run in (old, new)]
    if digests[0] is None or digests[0] != digests[1]:
        return "other data, or another split, was dealt (a pinned split_key makes it the same)"
    try:
        a, b = (read_truth(run.folder) for run in (old, new))
    except NotFound as error:
        return f"a run came without its truth: {error}"
    if not (np.array_equal(a.is_member, b.is_member) and np.array_equal(a.labels, b.labels)):
        return "the challenges are in different orders"
    return a


def _attack_change(name: str, old: _Run, new: _Run, truth: Truth | str, num_attacks: int) -> AttackChange:
    was, became = old.attacks[name], new.attacks[name]
    pair = _pair(name, old, new, truth)

    def change(metric: str) -> Change:
        before, after = getattr(was, metric), getattr(became, metric)
        difference = independent_difference(after, before) if isinstance(pair, str) else _paired(pair, metric)
        return Change(old=before, new=after, difference=_widened(difference, num_attacks))

    return AttackChange(
        name=name,
        auc=change("auc"),
        accuracy=change("accuracy"),
        is_paired=not isinstance(pair, str),
        unpaired_because=pair if isinstance(pair, str) else None,
        old_queries=sum(was.queries.values()),
        new_queries=sum(became.queries.values()),
    )


class _Pair(NamedTuple):
    """The attack in both runs, on what both judged, in one order."""

    old: Judged
    new: Judged


def _pair(name: str, old: _Run, new: _Run, truth: Truth | str) -> _Pair | str:
    """Or why there is none. Raises InvalidInput for scores that are damaged."""
    if isinstance(truth, str):
        return truth
    if old.attacks[name].goal == "attribute":
        return "the truth about an attribute is with the data set, not with a run"
    try:
        was, became = (_scored(run, name, truth) for run in (old, new))
    except NotFound as error:
        return f"a run came without all of its scores: {error}"
    _, of_was, of_became = np.intersect1d(was.units, became.units, return_indices=True)
    if len(np.unique(was.judged.is_member[of_was])) < 2:
        return "all that it has something to say of in both runs are of one kind"
    return _Pair(was.judged.take(of_was), became.judged.take(of_became))


def _scored(run: _Run, name: str, truth: Truth) -> Scored:
    """All repeats, as the values beside the difference are of all."""
    repeats = [scores_path(run.folder, name, repeat) for repeat in range(run.results.scenario.get("repeats", 1))]
    attack = run.attacks[name]
    scored = read_scored(repeats, truth, of_people=attack.unit == "identity")
    if attack.folds is None:
        return scored
    return scored._replace(judged=replace(scored.judged, design_effect=attack.folds.design_effect))


def _paired(pair: _Pair, metric: str) -> Interval:
    found = paired_difference(pair.new, pair.old, metric)
    assert found is not None, f"{metric} is defined for every challenge"
    return found


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
