"""A drill: plays the scenario's timeline against the parties, keeps the truth, and has it judged.

What is played on is set by leakdrill/referee/stage.py, the steps are in steps.py, and whether one is played at all is
up to pacing.py.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from leakdrill.errors import LeakdrillError, ScenarioError
from leakdrill.player.submissions import held, played_by
from leakdrill.referee import clause
from leakdrill.referee.attacking import begun_attacks
from leakdrill.referee.console import Observer, SilentObserver, describe
from leakdrill.referee.environment import environment
from leakdrill.referee.journal import JUDGED, PLAYING, SKIPPED, STOPPED, Journal
from leakdrill.referee.pacing import Pace, Stopped, straight_on, without_step
from leakdrill.referee.remote_parties import Parties
from leakdrill.referee.stage import Stage, check_deal, set_stage
from leakdrill.referee.steps import Steps
from leakdrill.referee.truth import fresh_split_key, load_split_key, save_scenario, save_split_key
from leakdrill.results import Results
from leakdrill.runs.running import alone
from leakdrill.runs.writing import write_results
from leakdrill.scenario.loading import load_scenario
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import name_of
from leakdrill.scenario.threat import check_threat

log = logging.getLogger(__name__)


class Drill(Steps):
    """One drill of one scenario. As a context manager it starts the parties, deals the data, and stops them after.

    Every step of a timeline is a method, so a drill can be scripted:

    >>> from leakdrill import Drill
    >>> with Drill("quickstart", smoke=True) as drill:
    ...     source = drill.train_source()
    ...     drill.release()
    ...     target = drill.adapt()
    ...     before = drill.attack(name="before", kind="transmia", shadow="baseline", num_shadows=2, shadow_size=40)
    ...     leaked = drill.breach(fidelity="full")
    ...     after = drill.attack(name="after", kind="transmia", shadow="freeze", num_shadows=4, shadow_size=40)
    ...     results = drill.judge()
    >>> [attack.name for attack in results.attacks]
    ['before', 'after']
    >>> after.queries["cbig/source"] >= after.num_members + after.num_non_members
    True

    `run()` plays the scenario's own timeline instead. A run that was stopped goes on with `Drill.resume(run_dir)`:
    finished attacks are read from the run's folder, trained models from the parties' caches.
    """

    def __init__(
        self,
        scenario: Scenario | Path | str,
        *,
        out: Path | None = None,
        overrides: Sequence[str] = (),
        smoke: bool = False,
        observer: Observer | None = None,
        parties: Parties | None = None,
        split_key: str | None = None,
    ) -> None:
        """`parties`: running ones to play with, else local processes are started. `split_key`: who is a member."""
        if isinstance(scenario, Scenario):
            name = "drill"
        else:
            loaded = load_scenario(scenario, overrides, smoke=smoke)
            name, scenario = loaded.name, loaded.scenario
        super().__init__(scenario)
        check_threat(self.scenario)
        clause.validate(self.scenario)
        self.run_dir = out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        self._split_key = self.scenario.split_key or split_key or fresh_split_key()
        self._observer = observer or SilentObserver()
        self._given_parties = parties
        self._resources = ExitStack()
        self._goes_on = False  # with a run that was stopped

    @classmethod
    def resume(cls, run_dir: Path, observer: Observer | None = None, parties: Parties | None = None) -> Self:
        """The drill of a run that was stopped, with its own scenario and its own split."""
        scenario = Scenario.model_validate_json((run_dir / "scenario.json").read_text())
        split_key = load_split_key(run_dir / "truth")
        drill = cls(scenario, out=run_dir, observer=observer, parties=parties, split_key=split_key)
        drill._goes_on = True
        return drill

    @property
    def stage(self) -> Stage:
        """What the referee holds, once the drill is entered."""
        return self._stage

    @property
    def begun(self) -> set[str]:
        """The names of the attacks that this run has begun, now or before it was stopped."""
        return begun_attacks(self._stage.journal)

    def __enter__(self) -> Self:
        self._observer.note("starting the parties and dealing the data")
        with self._timed("start and deal"):
            check_deal(self.scenario, self._split_key)  # first: what cannot be dealt leaves nothing behind
            with ExitStack() as resources:
                journal = self._open_run_dir(resources)
                self._stage = set_stage(
                    resources,
                    self.scenario,
                    self._split_key,
                    self.run_dir,
                    journal,
                    self._observer,
                    self._given_parties,
                )
                self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:  # here and not in `judge`: an adversary by hand is not judged, and has a story too
            self._stage.collect_audits()

    def _open_run_dir(self, resources: ExitStack) -> Journal:
        journal = self.run_dir / "journal.jsonl"
        if journal.exists() and not self._goes_on:  # its finished attacks must not pass for ours
            raise ScenarioError(f"{self.run_dir} holds a run: go on with it by Drill.resume, or name another `out`")
        (self.run_dir / "scores").mkdir(parents=True, exist_ok=True)
        resources.enter_context(alone(self.run_dir))
        save_scenario(self.run_dir, self.scenario)
        save_split_key(self.run_dir / "truth", self._split_key)
        return Journal(journal)

    def run(self, pace: Pace = straight_on) -> Results:
        """Play the whole timeline and judge it. A fault on the way ends the drill as `broken`, with what was found.

        `pace` is asked before every step. Raises Stopped where it says so: nothing is judged then.
        """
        try:
            self._play_timeline(pace)
            self.verify()
        except LeakdrillError as error:
            log.error("the drill broke: %s", error)
            self._stage.journal.append("broken", error=str(error))
            return self.judge(error=self._stage.diagnosis(error))
        return self.judge()

    def _play_timeline(self, pace: Pace) -> None:
        index = 0
        while index < (total := len(self.scenario.timeline)):
            step = self.scenario.timeline[index]
            match pace(self, index):
                case "skip":
                    self.skip(index)
                case "stop":
                    self._stage.journal.append(STOPPED, number=index + 1, of=total, step=name_of(step))
                    raise Stopped(f"stopped before step {index + 1} of {total}, {name_of(step)}")
                case "play":
                    self._observer.step(index, total, describe(step))
                    self._stage.journal.append(PLAYING, number=index + 1, of=total, step=name_of(step))
                    self.play(step)
                    index += 1

    def skip(self, index: int) -> list[str]:
        """Take a step out of this run's timeline for good; the claims, in words, that went with it.

        The run is then one of a scenario without it: so is what is recorded, and what a resumed run plays. Raises
        ScenarioError when a later step cannot do without it, or was played after it before the run was stopped.
        """
        name = name_of(self.scenario.timeline[index])
        self.scenario, lost = without_step(self.scenario, index, self.begun)
        self._stage.scenario = self.scenario
        self._stage.judge.go_on_with(self.scenario)
        save_scenario(self.run_dir, self.scenario)
        self._stage.journal.append(SKIPPED, step=name, claims=lost)
        return lost

    def judge(self, error: str | None = None) -> Results:
        """What the drill found so far, left in results.json and results.csv; with an `error`, it is `broken`.

        What players have handed in is among it, also what came in before this process began.
        """
        devices = {client.name: client.device for client in self._stage.clients}
        of_machine = environment(self.scenario.model_dump_json(), devices)
        with held(self.run_dir) as submissions:
            for seat, number, result in submissions:
                self._stage.judge.add(played_by(seat, number, self.scenario), result)
            results = self._stage.judge.results(of_machine, self._seconds, error)
            write_results(self.run_dir, results)
        self._stage.journal.append(JUDGED, verdict=results.verdict)
        self._observer.finished(results)
        return results
