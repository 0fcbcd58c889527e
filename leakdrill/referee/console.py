"""Watching a drill: live progress bars in a terminal, plain lines elsewhere, or silence."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from leakdrill.referee.table import render
from leakdrill.results import Results
from leakdrill.scenario.steps import AttackStep, BreachStep, DefendStep, PlainStep, Step

QUIET_SECONDS = 2.0


class Observer(Protocol):
    """What a drill tells those who watch it."""

    def started(self, run_dir: Path, estimate: str) -> None:
        """A run begins in `run_dir`; `estimate` says in words how long it will take."""
        ...

    def step(self, index: int, total: int, description: str) -> None:
        """Step `index` (0-based) of `total` begins."""
        ...

    def progress(self, party: str, fraction: float, message: str) -> None:
        """How far `party` is with the step, from 0 to 1."""
        ...

    def note(self, text: str) -> None: ...

    def finished(self, results: Results) -> None: ...


class SilentObserver:
    def started(self, run_dir: Path, estimate: str) -> None:
        pass

    def step(self, index: int, total: int, description: str) -> None:
        pass

    def progress(self, party: str, fraction: float, message: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def finished(self, results: Results) -> None:
        pass


class PlainConsole:
    """Whole lines, for logs and pipes: of each party one in QUIET_SECONDS at most, and one when it has finished."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._last_said: dict[str, float] = {}

    def started(self, run_dir: Path, estimate: str) -> None:
        self._last_said.clear()
        self.note(f"{run_dir}\n{estimate}")

    def step(self, index: int, total: int, description: str) -> None:
        self._last_said.clear()
        self.note(f"[{index + 1}/{total}] {description}")

    def progress(self, party: str, fraction: float, message: str) -> None:
        now = self._clock()
        if fraction >= 1 or now - self._last_said.setdefault(party, now) >= QUIET_SECONDS:
            self._last_said[party] = now
            self.note(f"  {party} {fraction:4.0%} {message}".rstrip())

    def note(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def finished(self, results: Results) -> None:
        self._console.print()
        self._console.print(render(results))


class RichConsole:
    """A line for each step, with what it took, and below it a live bar for each party at work."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._bars: dict[str, TaskID] = {}
        self._step_start: float | None = None

    def started(self, run_dir: Path, estimate: str) -> None:
        self.note(f"{run_dir}\n{estimate}")

    def step(self, index: int, total: int, description: str) -> None:
        self._end_step()
        self._step_start = self._clock()
        self.note(f"[{index + 1}/{total}] {description}")

    def progress(self, party: str, fraction: float, message: str) -> None:
        if party not in self._bars:
            self._bars[party] = self._progress.add_task(party, total=1.0, message="")
        self._progress.update(self._bars[party], completed=fraction, message=message, visible=fraction < 1)

    def note(self, text: str) -> None:
        self._progress.console.print(Text(text), soft_wrap=True)

    def finished(self, results: Results) -> None:
        self._end_step()
        self._progress.console.print()
        self._progress.console.print(render(results))

    def _end_step(self) -> None:
        for bar in self._bars.values():
            self._progress.remove_task(bar)
        self._bars.clear()
        self._progress.refresh()  # else what is printed next is followed by the old bars once more
        if self._step_start is not None:
            self._progress.console.print(Text(f"      {self._clock() - self._step_start:.1f} s", style="dim"))
            self._step_start = None


@contextmanager
def observe(console: Console) -> Iterator[Observer]:
    """The observer that suits where `console` writes to; its live part is gone when the block is left, however."""
    if not console.is_terminal:
        yield PlainConsole(console)
        return
    message = TextColumn("{task.fields[message]}", markup=False, style="dim")
    columns = (
        "     ",
        TextColumn("{task.description:<9}"),
        BarColumn(24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        message,
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield RichConsole(progress)


def describe(step: Step) -> str:
    """One line for the person who watches."""
    match step:
        case BreachStep():
            return f"breach: {step.breach.artefact} leaks from {step.breach.at} ({step.breach.channel})"
        case DefendStep():
            kinds = ", ".join(defence.kind for defence in step.defend.defences) or "nothing"
            return f"defend: {step.defend.party} answers through {kinds} from now on"
        case PlainStep(step="revoke"):
            return "revoke: csmall shuts the leak, and everybody gets a new certificate"
        case AttackStep():
            return f"attack {step.attack.name}: {step.attack.kind}"
        case PlainStep(step="train_source"):
            return "cbig trains the source model"
        case PlainStep(step="load_source"):
            return "cbig loads a source model that is trained already"
        case PlainStep(step="release"):
            return "cbig hands its feature extractor to csmall"
        case PlainStep(step="load_target"):
            return "csmall loads a target model that is trained already"
        case _:
            return "csmall builds its target model"
