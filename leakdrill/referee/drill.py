"""A drill: plays the scenario's timeline against the parties, keeps the truth, and has it judged.

What is played on is set by leakdrill/referee/stage.py, attacks are played by attacking.py, and whether a step is
played at all is up to pacing.py.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter

from leakdrill.attacks import AttackSpec
from leakdrill.attacks.base import VERIFICATION, Attack
from leakdrill.data.forms import ImageForm
from leakdrill.errors import LeakdrillError, ScenarioError
from leakdrill.network.policy import State
from leakdrill.oracles.remote_pairs import RemotePairs
from leakdrill.pb.party_pb2 import DRILL_STATE_BREACHED, DRILL_STATE_OPEN
from leakdrill.referee import clause
from leakdrill.referee.attacking import play_attack
from leakdrill.referee.console import Observer, SilentObserver, describe
from leakdrill.referee.dealing import hand_out, with_architecture
from leakdrill.referee.environment import environment
from leakdrill.referee.journal import PLAYING, SKIPPED, STOPPED, Journal
from leakdrill.referee.pacing import Pace, Stopped, straight_on, without_step
from leakdrill.referee.remote_parties import Parties
from leakdrill.referee.stage import Stage, check_deal, set_stage
from leakdrill.referee.truth import fresh_split_key, load_split_key, save_scenario, save_split_key
from leakdrill.referee.verifying import of_strangers, shown, verify
from leakdrill.results import AttackResult, BreachResult, ModelResult, Results, VerificationResult
from leakdrill.runs.rows import write_csv
from leakdrill.runs.running import alone
from leakdrill.scenario.loading import load_scenario
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, Breach, BreachStep, PlainStep, Step, name_of
from leakdrill.scenario.threat import check_threat

log = logging.getLogger(__name__)

ATTACK: TypeAdapter[Attack] = TypeAdapter(AttackSpec)


class Drill:
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
            name, self.scenario = "drill", scenario
        else:
            loaded = load_scenario(scenario, overrides, smoke=smoke)
            name, self.scenario = loaded.name, loaded.scenario
        check_threat(self.scenario)
        clause.validate(self.scenario)
        self.run_dir = out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        self._split_key = self.scenario.split_key or split_key or fresh_split_key()
        self._observer = observer or SilentObserver()
        self._given_parties = parties
        self._resources = ExitStack()
        self._stage: Stage
        self._played: list[Step] = []
        self._is_open = self._is_breached = False
        self._goes_on = False  # with a run that was stopped
        self._seconds: dict[str, float] = {}

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
    def parties(self) -> Parties:
        return self._stage.parties

    @property
    def played(self) -> list[Step]:
        return list(self._played)

    @property
    def states(self) -> dict[str, State]:
        """Of the drill, as each party was told."""
        now: State = "open" if self._is_open else "setup"
        return {"cbig": now, "csmall": "breached" if self._is_breached else now, "adversary": now}

    def queries(self) -> dict[str, int]:
        """Examples that the adversary has asked about so far, by model, as its owner counts them."""
        return self._stage.queries()

    @property
    def spent_before(self) -> dict[str, int]:
        """What the attacks asked that a fork took over, by model."""
        return self._stage.journal.spent_before()

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
        ScenarioError when a later step cannot do without it.
        """
        name = name_of(self.scenario.timeline[index])
        self.scenario, lost = without_step(self.scenario, index)
        self._stage.scenario = self.scenario
        self._stage.judge.go_on_with(self.scenario)
        save_scenario(self.run_dir, self.scenario)
        self._stage.journal.append(SKIPPED, step=name, claims=lost)
        return lost

    def play(self, step: Step) -> None:
        """One step of a timeline."""
        match step:
            case PlainStep():
                getattr(self, step.step)()
            case BreachStep():
                self.breach(step.breach)
            case AttackStep():
                self.attack(step.attack)

    def train_source(self) -> ModelResult:
        """cbig trains its source model f_s on its members."""
        self._allow(PlainStep(step="train_source"))
        with self._timed("train_source"):
            return self._stage.judge.model("source", self._stage.cbig.train(self._stage.progress("cbig")))

    def load_source(self) -> ModelResult:
        """cbig loads the source model that its owner trained; who knows its architecture learns it now."""
        self._allow(PlainStep(step="load_source"))
        stage = self._stage
        with self._timed("load_source"):
            report = stage.cbig.train(stage.progress("cbig"))
            if self.scenario.adversary.knows.architecture:
                config = with_architecture(stage.seat.config, report)
                hand_out(stage.adversary, config, self.scenario, stage.cards)
                stage.seat = replace(stage.seat, config=config)
            return stage.judge.model("source", report)

    def release(self) -> None:
        """cbig hands g_s to csmall, by contract."""
        self._allow(PlainStep(step="release"))
        with self._timed("release"):
            receipt, calibration = self._stage.csmall.acquire()
        if calibration:
            self._stage.judge.verification("own photos", calibration)
        self._stage.journal.append("released", blocks=list(receipt.blocks), size_bytes=receipt.size_bytes)

    def adapt(self) -> ModelResult:
        """csmall builds its target model f_t on g_s."""
        self._allow(PlainStep(step="adapt"))
        with self._timed("adapt"):
            return self._stage.judge.model("target", self._stage.csmall.adapt(self._stage.progress("csmall")))

    def load_target(self) -> ModelResult:
        """csmall loads the target model that its owner trained."""
        self._allow(PlainStep(step="load_target"))
        with self._timed("load_target"):
            return self._stage.judge.model("target", self._stage.csmall.adapt(self._stage.progress("csmall")))

    def breach(self, breach: Breach | None = None, **fields: Any) -> BreachResult:
        """csmall's exfiltration channel opens, and the adversary takes what it offers."""
        breach = breach or Breach(**fields)
        self._allow(BreachStep(step="breach", breach=breach))
        with self._timed("breach"):
            self.open_public_apis()
            self._stage.csmall.transition(DRILL_STATE_BREACHED, breach)
            self._is_breached = True
            receipt = self._stage.adversary.loot()
        result = BreachResult(
            artefact=receipt.name,
            channel=breach.channel,
            blocks=list(receipt.blocks),
            size_bytes=receipt.size_bytes,
            sha256=receipt.sha256,
        )
        self._stage.journal.append("breached", **result.model_dump())
        return self._stage.judge.breach(result)

    def attack(self, attack: Attack | None = None, **fields: Any) -> AttackResult:
        """The adversary runs one attack on the challenge, `repeats` times, and is judged."""
        attack = attack or ATTACK.validate_python(fields)
        self._allow(AttackStep(step="attack", attack=attack))
        self.open_public_apis()
        result = play_attack(self._stage, attack, self._is_breached)
        self._seconds[f"attack {attack.name}"] = result.seconds
        return result

    def verify(self) -> VerificationResult | None:
        """csmall's verification on the scenario's `data.verification_pairs`, if it names any, through its live API."""
        given = self.scenario.data.verification_pairs
        if given is None:
            return None
        self.open_public_apis()
        self._observer.note(f"the referee tries csmall's verification on {given.set}'s pairs")
        address, credentials = self.parties.addresses["csmall/public"], self.parties.credentials
        with self._timed("verify"), RemotePairs(VERIFICATION, address, credentials) as oracle:
            form = ImageForm(self.scenario.data.image_size)
            pairs, left_out = of_strangers(given.open(), self._stage.cards)
            self._stage.judge.strangers(shown(pairs, form), left_out)
            found = verify(pairs, form, oracle, self._stage.progress("referee"))
        return self._stage.judge.verification(given.set, found)

    def judge(self, error: str | None = None) -> Results:
        """What the drill found so far, left in results.json and results.csv; with an `error`, it is `broken`."""
        devices = {client.name: client.device for client in self._stage.clients}
        of_machine = environment(self.scenario.model_dump_json(), devices)
        results = self._stage.judge.results(of_machine, self._seconds, error)
        part = self.run_dir / "results.json.part"
        part.write_text(results.model_dump_json(indent=2))
        part.replace(self.run_dir / "results.json")
        write_csv(self.run_dir)
        self._stage.journal.append("judged", verdict=results.verdict)
        self._observer.finished(results)
        return results

    def open_public_apis(self) -> None:
        """Let the public APIs answer, as they do from the first attack or breach on."""
        if not self._is_open:
            for client in self._stage.clients:
                client.transition(DRILL_STATE_OPEN)
        self._is_open = True

    def _allow(self, step: Step) -> None:
        """Refuse a step that the timeline so far does not lead to, or an attack without its access."""
        played = [*self._played, step]
        check_threat(self.scenario.model_copy(update={"timeline": played, "expect": []}))
        self._played = played
        # what a party has logged until now can no longer be rewritten without being noticed
        self._stage.collect_audits()

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._seconds[step] = self._seconds.get(step, 0.0) + time.monotonic() - start
