"""The steps of a drill, each a method: what can be played on a stage, in an order that the threat model allows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from leakdrill.attacks import AttackSpec
from leakdrill.attacks.base import VERIFICATION, Attack
from leakdrill.data.forms import ImageForm
from leakdrill.network.policy import State
from leakdrill.oracles.remote_pairs import RemotePairs
from leakdrill.pb.party_pb2 import DRILL_STATE_OPEN
from leakdrill.referee import responding
from leakdrill.referee.attacking import play_attack
from leakdrill.referee.dealing import hand_out, with_architecture
from leakdrill.referee.remote_parties import Parties
from leakdrill.referee.stage import Stage
from leakdrill.referee.verifying import of_strangers, shown, verify
from leakdrill.results import AttackResult, BreachResult, ModelResult, ResponseResult, VerificationResult
from leakdrill.scenario.in_force import in_force
from leakdrill.scenario.schema import Scenario
from leakdrill.scenario.steps import AttackStep, Breach, BreachStep, Defend, DefendStep, PlainStep, Step
from leakdrill.scenario.threat import check_threat

ATTACK: TypeAdapter[Attack] = TypeAdapter(AttackSpec)


class Steps:
    """Of one drill; `_stage` is set by whoever begins it."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._stage: Stage
        self._played: list[Step] = []
        self._is_open = self._is_breached = False
        self._seconds: dict[str, float] = {}

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

    @property
    def asked_in_folds(self) -> dict[str, int]:
        """What attacks asked whose folds have a budget each, by model."""
        return self._stage.journal.asked_in_folds()

    def play(self, step: Step) -> None:
        """One step of a timeline."""
        match step:
            case PlainStep():
                getattr(self, step.step)()
            case BreachStep():
                self.breach(step.breach)
            case DefendStep():
                self.defend(step.defend)
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
            self._is_breached = True
            return responding.leak(self._stage, breach)

    def revoke(self) -> ResponseResult:
        """csmall shuts the leak, and everybody gets a new certificate; what was copied stays with who has it."""
        self._allow(PlainStep(step="revoke"))
        with self._timed("revoke"):
            self._is_breached = False
            return responding.revoke(self._stage, len(self._played))

    def defend(self, defend: Defend | None = None, **fields: Any) -> ResponseResult:
        """A company's public API answers through these defences from now on, and through no others."""
        defend = defend or Defend(**fields)
        self._allow(DefendStep(step="defend", defend=defend))
        with self._timed("defend"):
            scenario = in_force(self.scenario, self._played)
            return responding.switch_in(self._stage, defend, len(self._played), scenario)

    def attack(self, attack: Attack | None = None, **fields: Any) -> AttackResult:
        """The adversary runs one attack on the challenge, `repeats` times, and is judged."""
        attack = attack or ATTACK.validate_python(fields)
        self._allow(AttackStep(step="attack", attack=attack))
        self.open_public_apis()
        result = play_attack(self._stage, attack, self._is_breached, in_force(self.scenario, self._played))
        self._seconds[f"attack {attack.name}"] = result.seconds
        return result

    def verify(self) -> VerificationResult | None:
        """csmall's verification on the scenario's `data.verification_pairs`, if it names any, through its live API."""
        given = self.scenario.data.verification_pairs
        if given is None:
            return None
        self.open_public_apis()
        self._stage.observer.note(f"the referee tries csmall's verification on {given.set}'s pairs")
        address, credentials = self.parties.addresses["csmall/public"], self.parties.credentials
        with self._timed("verify"), RemotePairs(VERIFICATION, address, credentials) as oracle:
            form = ImageForm(self.scenario.data.image_size)
            pairs, left_out = of_strangers(given.open(), self._stage.cards)
            self._stage.judge.strangers(shown(pairs, form), left_out)
            found = verify(pairs, form, oracle, self._stage.progress("referee"))
        return self._stage.judge.verification(given.set, found)

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
