"""A drill: deals the data, plays the scenario's timeline against the parties, keeps the truth, and has it judged."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter

from leakdrill.attacks import AttackSpec
from leakdrill.attacks.base import VERIFICATION, Attack, Verdict
from leakdrill.data.forms import ImageForm
from leakdrill.data.splits import deal
from leakdrill.errors import LeakdrillError, PartyUnavailable, ScenarioError
from leakdrill.models.training import Progress
from leakdrill.oracles.remote_pairs import RemotePairs
from leakdrill.pb.party_pb2 import DRILL_STATE_BREACHED, DRILL_STATE_OPEN
from leakdrill.referee import clause, verdicts
from leakdrill.referee.auditing import collect_audits
from leakdrill.referee.clients import AdversaryClient, CbigClient, CsmallClient
from leakdrill.referee.console import Observer, SilentObserver, describe
from leakdrill.referee.dealing import (
    check_budget,
    check_folds,
    check_pools,
    check_top_k,
    dealt,
    folds_of,
    hand_out,
    party_configs,
    with_architecture,
)
from leakdrill.referee.environment import environment
from leakdrill.referee.folds import fold_numbers
from leakdrill.referee.in_folds import AdversarySeat
from leakdrill.referee.journal import STEP_DONE, Journal
from leakdrill.referee.judge import Judge
from leakdrill.referee.overlap import check_people
from leakdrill.referee.remote_parties import Parties, seated
from leakdrill.referee.spending import asked_before
from leakdrill.referee.truth import Truth, fresh_split_key, load_split_key, save_scenario, save_split_key
from leakdrill.referee.verifying import verify
from leakdrill.results import AttackResult, BreachResult, ModelResult, Results, VerificationResult
from leakdrill.runs.rows import write_csv
from leakdrill.runs.scored import scores_path
from leakdrill.scenario.loading import load_scenario
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, Breach, BreachStep, PlainStep, Step
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
        self._played: list[Step] = []
        self._is_open = False
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

    def __enter__(self) -> Self:
        self._observer.note("starting the parties and dealing the data")
        with self._timed("start and deal"):
            # first: what cannot be dealt leaves nothing behind
            cards = deal(self.scenario.data, self._split_key)
            if pairs := self.scenario.data.verification_pairs:
                pairs.open()
            check_people(cards)
            check_pools(self.scenario, cards)
            check_budget(self.scenario, cards)
            check_folds(self.scenario, cards, self._split_key)
            check_top_k(self.scenario, cards)
            self._open_run_dir()
            with ExitStack() as resources:
                self._sit_down(resources)
                self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:  # here and not in `judge`: an adversary by hand is not judged, and has a story too
            collect_audits(self._clients, self.run_dir, self._journal)

    def _open_run_dir(self) -> None:
        journal = self.run_dir / "journal.jsonl"
        if journal.exists() and not self._goes_on:  # its finished attacks must not pass for ours
            raise ScenarioError(f"{self.run_dir} holds a run: go on with it by Drill.resume, or name another `out`")
        (self.run_dir / "scores").mkdir(parents=True, exist_ok=True)
        save_scenario(self.run_dir, self.scenario)
        save_split_key(self.run_dir / "truth", self._split_key)
        self._journal = Journal(journal)

    def _sit_down(self, resources: ExitStack) -> None:
        """Start the parties while the data is read; connect, configure, and deal."""
        with ThreadPoolExecutor(1) as background:
            starting = background.submit(self._start_parties, resources)
            cards = dealt(self.scenario.data.model_dump_json(), self._split_key)
            self.parties = starting.result()
        addresses, credentials = self.parties.addresses, self.parties.credentials
        self._cbig = CbigClient("cbig", addresses["cbig/private"], credentials)
        self._csmall = CsmallClient("csmall", addresses["csmall/private"], credentials)
        self._adversary = AdversaryClient("adversary", addresses["adversary/private"], credentials)
        self._clients = (self._cbig, self._csmall, self._adversary)
        configs = party_configs(self.scenario, cards, addresses, self._journal.drill_id(), self._split_key)
        # The adversary first: files read for cbig before would be in memory, and arrive faster, members before others.
        for client in reversed(self._clients):
            resources.callback(client.channel.close)
            hand_out(client, configs[client.name], self.scenario, cards)
        truth = Truth(cards.is_member, cards.splits["challenge"].labels)
        truth.save(self.run_dir / "truth")
        self._judge = Judge(self.scenario, truth, cards)
        self._cards = cards
        self._seat = AdversarySeat.of(self._adversary, (self._cbig, self._csmall), configs["adversary"], cards)
        self._journal.append("dealt", splits={name: len(split.labels) for name, split in cards.splits.items()})

    def _start_parties(self, resources: ExitStack) -> Parties:
        return resources.enter_context(seated(self.run_dir, self._given_parties))

    def run(self) -> Results:
        """Play the whole timeline and judge it. A fault on the way ends the drill as `broken`, with what was found."""
        timeline = self.scenario.timeline
        try:
            for index, step in enumerate(timeline):
                self._observer.step(index, len(timeline), describe(step))
                self.play(step)
            self.verify()
        except LeakdrillError as error:
            log.error("the drill broke: %s", error)
            self._journal.append("broken", error=str(error))
            return self.judge(error=self._diagnosis(error))
        return self.judge()

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
            return self._judge.model("source", self._cbig.train(self._progress("cbig")))

    def load_source(self) -> ModelResult:
        """cbig loads the source model that its owner trained; who knows its architecture learns it now."""
        self._allow(PlainStep(step="load_source"))
        with self._timed("load_source"):
            report = self._cbig.train(self._progress("cbig"))
            if self.scenario.adversary.knows.architecture:
                config = with_architecture(self._seat.config, report)
                hand_out(self._adversary, config, self.scenario, self._cards)
                self._seat = replace(self._seat, config=config)
            return self._judge.model("source", report)

    def release(self) -> None:
        """cbig hands g_s to csmall, by contract."""
        self._allow(PlainStep(step="release"))
        with self._timed("release"):
            receipt, calibration = self._csmall.acquire()
        if calibration:
            self._judge.verification("own photos", calibration)
        self._journal.append("released", blocks=list(receipt.blocks), size_bytes=receipt.size_bytes)

    def adapt(self) -> ModelResult:
        """csmall builds its target model f_t on g_s."""
        self._allow(PlainStep(step="adapt"))
        with self._timed("adapt"):
            return self._judge.model("target", self._csmall.adapt(self._progress("csmall")))

    def breach(self, breach: Breach | None = None, **fields: Any) -> BreachResult:
        """csmall's exfiltration channel opens, and the adversary takes what it offers."""
        breach = breach or Breach(**fields)
        self._allow(BreachStep(step="breach", breach=breach))
        with self._timed("breach"):
            self.open_public_apis()
            self._csmall.transition(DRILL_STATE_BREACHED, breach)
            receipt = self._adversary.loot()
        result = BreachResult(
            artefact=receipt.name,
            channel=breach.channel,
            blocks=list(receipt.blocks),
            size_bytes=receipt.size_bytes,
            sha256=receipt.sha256,
        )
        self._journal.append("breached", **result.model_dump())
        return self._judge.breach(result)

    def attack(self, attack: Attack | None = None, **fields: Any) -> AttackResult:
        """The adversary runs one attack on the challenge, `repeats` times, and is judged."""
        attack = attack or ATTACK.validate_python(fields)
        self._allow(AttackStep(step="attack", attack=attack))
        self.open_public_apis()
        said, queries, seconds = [], Counter[str](), 0.0
        for repeat in range(self.scenario.repeats):
            verdict, asked, took = self._attack_once(attack, repeat)
            said.append(verdict)
            queries.update(asked)
            seconds += took
        self._seconds[f"attack {attack.name}"] = seconds
        folds = folds_of(attack, self.scenario, self._cards, self._split_key)
        numbers = fold_numbers(folds, self._judge.num_challenge) if folds else None
        return self._judge.attack(attack, said, queries, seconds, numbers)

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
            found = verify(given.open(), form, oracle, self._progress("referee"))
        return self._judge.verification(given.set, found)

    def judge(self, error: str | None = None) -> Results:
        """What the drill found so far, left in results.json and results.csv; with an `error`, it is `broken`."""
        results = self._judge.results(environment(self.scenario.model_dump_json()), self._seconds, error)
        part = self.run_dir / "results.json.part"
        part.write_text(results.model_dump_json(indent=2))
        part.replace(self.run_dir / "results.json")
        write_csv(self.run_dir)
        self._journal.append("judged", verdict=results.verdict)
        self._observer.finished(results)
        return results

    def _attack_once(self, attack: Attack, repeat: int) -> tuple[Verdict, dict[str, int], float]:
        """One repeat: its verdict, what it asked each public model by the owner's count, and its seconds."""
        key = f"attack {attack.name} {repeat}"
        saved = scores_path(self.run_dir, attack.name, repeat)
        if done := self._journal.done(key):
            return verdicts.load(saved, done["notes"]), done["queries"], done["seconds"]
        before = asked_before(self._journal, key, self._queries())
        progress = self._progress("adversary")
        if folds := folds_of(attack, self.scenario, self._cards, self._split_key):
            is_breached = any(isinstance(step, BreachStep) for step in self._played)
            verdict, seconds = self._seat.play(attack, repeat, folds, is_breached, progress)
        else:
            verdict, seconds = self._adversary.attack(attack, repeat, self._judge.num_challenge, progress)
        asked = {model: count - before.get(model, 0) for model, count in self._queries().items()}
        asked = {model: count for model, count in asked.items() if count}
        verdicts.save(saved, verdict)
        self._journal.append(STEP_DONE, key=key, queries=asked, seconds=seconds, notes=verdict.notes)
        return verdict, asked, seconds

    def _queries(self) -> dict[str, int]:
        return self._cbig.queries("adversary") | self._csmall.queries("adversary")

    def open_public_apis(self) -> None:
        """Let the public APIs answer, as they do from the first attack or breach on."""
        if not self._is_open:
            for client in self._clients:
                client.transition(DRILL_STATE_OPEN)
        self._is_open = True

    def _allow(self, step: Step) -> None:
        """Refuse a step that the timeline so far does not lead to, or an attack without its access."""
        played = [*self._played, step]
        check_threat(self.scenario.model_copy(update={"timeline": played, "expect": []}))
        self._played = played
        # what a party has logged until now can no longer be rewritten without being noticed
        collect_audits(self._clients, self.run_dir, self._journal)

    def _progress(self, party: str) -> Progress:
        return lambda fraction, message: self._observer.progress(party, fraction, message)

    def _diagnosis(self, error: LeakdrillError) -> str:
        """The error, or why a party is gone if that is behind it; what a party kept to itself is in its log."""
        try:
            self.parties.check()
        except LeakdrillError as cause:
            return str(cause)
        if isinstance(error, PartyUnavailable):
            return f"{error}; see {self.parties.logs}"
        return str(error)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._seconds[step] = self._seconds.get(step, 0.0) + time.monotonic() - start
