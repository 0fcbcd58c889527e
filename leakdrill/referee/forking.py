"""A run forked: a new folder that has what a run has found before some step, and plays on from there, perhaps changed.

What is before that step is not played again: the verdicts of its attacks are copied, and what they asked stays spent.
Models are known by the hash of all that made them, so the parties of the new run start with those of the old, and
make only what is not among them. Members are the same.
"""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakdrill.errors import InvalidInput, NotFound
from leakdrill.referee.journal import FORKED, STEP_DONE, Journal, read
from leakdrill.referee.local import PARTIES
from leakdrill.referee.truth import save_scenario, save_split_key
from leakdrill.runs.reading import CELLS, recorded_scenario, recorded_split_key
from leakdrill.runs.scored import scores_path
from leakdrill.runs.state import JOURNAL
from leakdrill.runs.sweep import SWEEP
from leakdrill.scenario.anchors import anchored
from leakdrill.scenario.finding import find_step
from leakdrill.scenario.loading import validate
from leakdrill.scenario.overrides import apply_overrides, as_written, parse_overrides
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, name_of

#: The steps that a section of the scenario is first of any consequence to; one that is not here counts from the start.
_FIRST_MATTERS: dict[str, tuple[str, ...]] = {
    "cbig": ("train_source", "load_source"),
    "csmall": ("release", "adapt", "load_target"),
    "adversary": ("breach", "attack"),
    "repeats": ("attack",),
}
_ONLY_JUDGED = frozenset({"question", "expect", "guess", "grid", "smoke"})


@dataclass(frozen=True)
class Fork:
    """`start` is the index of the first step that is played; the length of the timeline where none need be."""

    run_dir: Path  # the run that it comes from
    scenario: Scenario
    start: int
    because: str  # in words

    def __str__(self) -> str:
        timeline = self.scenario.timeline
        kept, missing = self._found()
        played = (
            f"from step {self.start + 1} of {len(timeline)}, {name_of(timeline[self.start])}, on"
            if self.start < len(timeline)
            else "nothing, and judges again"
        )
        return f"a fork of {self.run_dir}: plays {played} ({self.because}); attacks kept: {len(kept)}" + (
            f"; that run did not finish, and this one plays first: {', '.join(missing)}" if missing else ""
        )

    def _found(self) -> tuple[list[str], list[str]]:
        """Of the attacks before the start, those that the run has finished, and those that it has not."""
        done = _done(self.run_dir)
        names = [step.attack.name for step in self.scenario.timeline[: self.start] if isinstance(step, AttackStep)]
        repeats = range(self.scenario.repeats)
        kept = [name for name in names if all(f"attack {name} {repeat}" in done for repeat in repeats)]
        return kept, [name for name in names if name not in kept]


def plan_fork(run_dir: Path, start: str | None, settings: Sequence[str]) -> Fork:
    """`start` as leakdrill.scenario.finding has it; without it, the first step that the settings change.

    Raises InvalidInput for a sweep, for an unknown step, and for settings that make a sweep of it or change what is
    before `start`.
    """
    recorded = recorded_scenario(run_dir)
    if recorded.grid:
        raise InvalidInput(f"{run_dir} is a sweep: name one of its cells, such as {run_dir / CELLS}/NAME")
    overrides = anchored(parse_overrides(settings), Path())
    scenario = validate(apply_overrides(as_written(recorded), overrides, origin="--set"), origin="--set")
    if scenario.grid:
        raise InvalidInput("--set grid would make a sweep of it, and a fork is one drill: fork once for each cell")
    changed = first_change(recorded, scenario)
    if start is None:
        return Fork(run_dir, scenario, changed, f"the first that {' '.join(overrides)} can change")
    wanted = find_step(scenario.timeline, start)
    if changed < wanted:
        raise InvalidInput(
            f"--set {' '.join(overrides)} changes what comes out of step {changed + 1}, "
            f"{name_of(scenario.timeline[changed])}, which is before --from {start}: leave --from out to play from "
            "there"
        )
    return Fork(run_dir, scenario, wanted, "as --from says")


def first_change(old: Scenario, new: Scenario) -> int:
    """The index of the first step that may come out differently; the timeline's length where none can."""
    names = [name for name in Scenario.model_fields if getattr(old, name) != getattr(new, name)]
    return min((_first_of(name, old, new) for name in names), default=len(new.timeline))


def _first_of(section: str, old: Scenario, new: Scenario) -> int:
    if section in _ONLY_JUDGED:
        return len(new.timeline)
    if section == "timeline":
        pairs = zip(old.timeline, new.timeline, strict=False)
        same = next((index for index, (then, now) in enumerate(pairs) if then != now), None)
        return min(len(old.timeline), len(new.timeline)) if same is None else same
    matters = _FIRST_MATTERS.get(section, ())
    return next((index for index, step in enumerate(new.timeline) if step.step in matters), 0)


def beside(run_dir: Path, what: str) -> Path:
    """A folder next to a run, or to the sweep that it is a cell of, whose folder is its own."""
    here = run_dir.resolve()
    sweep = _sweep_of(here)
    return sweep.with_name(f"{sweep.name}-{here.name}-{what}") if sweep else here.with_name(f"{here.name}-{what}")


def make_fork(fork: Fork, out: Path) -> None:
    """Write the new run's folder, to be played by Drill.resume. Its scenario comes last: until then it is no run.

    Raises NotFound for a run without a journal.
    """
    done = _done(fork.run_dir)
    out.mkdir(parents=True, exist_ok=True)
    save_split_key(out / "truth", fork.scenario.split_key or recorded_split_key(fork.run_dir))
    kept = [step.attack for step in fork.scenario.timeline[: fork.start] if isinstance(step, AttackStep)]
    journal, spent = Journal(out / JOURNAL), Counter[str]()
    journal.drill_id()
    (out / "scores").mkdir(exist_ok=True)
    for attack in kept:
        for repeat in range(fork.scenario.repeats):
            if fields := done.get(f"attack {attack.name} {repeat}"):
                shutil.copy(scores_path(fork.run_dir, attack.name, repeat), scores_path(out, attack.name, repeat))
                journal.append(STEP_DONE, **fields)
                spent.update(fields["queries"] if attack.folding is None else {})  # a fold has a budget of its own
    journal.append(FORKED, origin=str(fork.run_dir), number=fork.start + 1, spent=dict(spent))
    for party in PARTIES:
        if (models := _models_of(fork.run_dir, party)) is not None:
            _share(models, out / "parties" / party / "home" / "models")
    save_scenario(out, fork.scenario)


def _done(run_dir: Path) -> dict[str, dict[str, Any]]:
    """What a run's journal says of each repeat of an attack that it has finished, by its key."""
    if not (run_dir / JOURNAL).is_file():
        raise NotFound(f"{run_dir} has no {JOURNAL}, which says what it has found: play it with leakdrill run")
    return {entry.fields["key"]: entry.fields for entry in read(run_dir / JOURNAL) if entry.event == STEP_DONE}


def _models_of(run_dir: Path, party: str) -> Path | None:
    """Those of local parties; others keep theirs where they are. Cells of a sweep have them together."""
    own, sweep = run_dir / "parties" / party / "home" / "models", _sweep_of(run_dir.resolve())
    places = (own, sweep / "models" / party) if sweep else (own,)
    return next((place for place in places if place.is_dir()), None)


def _sweep_of(run_dir: Path) -> Path | None:
    """Of which it is a cell."""
    folder = run_dir.parent.parent
    return folder if run_dir.parent.name == CELLS and (folder / SWEEP).is_file() else None


def _share(models: Path, where: Path) -> None:
    """The same files under another name, where the disk can: a model is written once, whole, and never changed."""
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(models, where, copy_function=_link, ignore=shutil.ignore_patterns(".locks", "unfinished-*"))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that has no links
        shutil.copy2(source, target)
