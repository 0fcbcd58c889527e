"""The adversary: takes the loot, runs attacks on the challenge with what it was granted, answers with its verdict."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import grpc

from leakdrill.attacks import AttackSpec, base
from leakdrill.attacks.base import VERIFICATION, Verdict, View
from leakdrill.attacks.checks import check_verdict
from leakdrill.data.examples import Examples
from leakdrill.defences.known import KnownDefences
from leakdrill.errors import NotReady
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.device import choose
from leakdrill.models.training import Progress
from leakdrill.network.rpc import connect, remote_errors
from leakdrill.oracles import answers
from leakdrill.oracles.answers import Answers
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.oracles.remote_pairs import RemotePairs
from leakdrill.parties.config import AdversaryConfig
from leakdrill.parties.messages import artefact_receipt, part_of, progress_message, verdict_message
from leakdrill.parties.party import Party, check_unchanged, configured
from leakdrill.pb import adversary_pb2 as pb
from leakdrill.pb import target_pb2, target_pb2_grpc
from leakdrill.pb.adversary_pb2_grpc import AdversaryServiceServicer
from leakdrill.seeds import derive
from leakdrill.spec import from_json


class AdversaryServicer(AdversaryServiceServicer):
    def __init__(self, party: Party) -> None:
        self._party = party
        self._config: AdversaryConfig | None = None
        self._leaked: Artefact | None = None
        self._cache = ModelCache(party.home / "models")
        self._answers = party.home / "answers"

    def configure(self, config_json: str) -> str:
        config: AdversaryConfig = from_json(AdversaryConfig, config_json, "the adversary's configuration")
        self._take_seat(config.fold)
        choose(config.device, "adversary.device")
        self._config, self._leaked = config, None
        self._party.store.keep_only(config.splits)  # what an earlier drill granted, this one may not
        answers.keep_only(self._answers, config.drill_id)
        return config.drill_id

    def learn(self, defences_json: str) -> None:
        """What it may know of the defences of the model under attack has changed."""
        known = from_json(KnownDefences, defences_json, "the known defences")
        config = configured(self._config, "the adversary's configuration")
        self._config = config.model_copy(update={"defences": known})

    def _take_seat(self, fold: str) -> None:
        """Raises NotReady when the disk is another fold's: then this process leaves, for one with an empty disk."""
        mark = self._party.home / "fold"
        if mark.exists() and mark.read_text() != fold:
            self._party.leave()
            raise NotReady("another adversary has played here, who now leaves: ask again, and a fresh one will answer")
        mark.write_text(fold)

    async def Loot(self, request: pb.LootRequest, context: grpc.aio.ServicerContext) -> pb.LootResponse:
        config = self._config
        leaked = await asyncio.to_thread(self._exfiltrate)
        check_unchanged(config, self._config)
        self._leaked = leaked
        return pb.LootResponse(receipt=artefact_receipt(leaked))

    def _exfiltrate(self) -> Artefact:
        address = configured(self._config, "the adversary's configuration").exfiltration_address
        with connect(address, self._party.credentials, "csmall") as channel, remote_errors("csmall"):
            responses = target_pb2_grpc.ExfiltrationServiceStub(channel).Exfiltrate(target_pb2.ExfiltrateRequest())
            return Artefact.from_parts(part_of(response.part) for response in responses)

    async def Attack(
        self, request: pb.AttackRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.AttackResponse]:
        attack = from_json(AttackSpec, request.attack_json, "the attack")
        config = configured(self._config, "the adversary's configuration")
        start = time.monotonic()
        work = partial(self._attack, config, attack, request.repeat)
        async for item in self._party.stream("attack", work):
            if isinstance(item, Verdict):
                yield pb.AttackResponse(verdict=verdict_message(item, time.monotonic() - start))
                # delivered: should the referee have lost it, the questions come again under their keys, and are free
                self._answers_to(config, attack, request.repeat).unlink(missing_ok=True)
            else:
                yield pb.AttackResponse(progress=progress_message(item))

    def _answers_to(self, config: AdversaryConfig, attack: base.Attack, repeat: int) -> Path:
        return answers.path_of(self._answers, config.drill_id, _turn(config, attack, repeat))

    def _attack(self, config: AdversaryConfig, attack: base.Attack, repeat: int, progress: Progress) -> Verdict:
        attack = attack.fitted_to(config.form)
        with ExitStack() as stack:
            oracles, pairs = self._open_apis(stack, config, attack, repeat)
            view = self._view(config, attack, repeat, oracles, pairs, progress)
            return check_verdict(attack.run(view), attack.name, len(view.challenge))

    def _open_apis(
        self, stack: ExitStack, config: AdversaryConfig, attack: base.Attack, repeat: int
    ) -> tuple[dict[str, RemoteOracle], dict[str, RemotePairs]]:
        """The APIs that the attack declares, and no others: of single examples, and of pairs; `stack` closes them."""
        declared = {access.partition(":")[0] for access in attack.needs_on(config.victim)}
        scope = f"{config.drill_id}/{_turn(config, attack, repeat)}"
        kept = stack.enter_context(Answers(self._answers_to(config, attack, repeat)))
        oracles: dict[str, RemoteOracle] = {}
        pairs: dict[str, RemotePairs] = {}
        for name, address in config.oracles.items():
            if name not in declared:
                continue
            if name == VERIFICATION:
                pairs[name] = stack.enter_context(RemotePairs(name, address, self._party.credentials, scope, kept))
            else:
                oracle = RemoteOracle(name, address, self._party.credentials, scope=scope, answers=kept)
                oracles[name] = stack.enter_context(oracle)
        return oracles, pairs

    def _view(
        self,
        config: AdversaryConfig,
        attack: base.Attack,
        repeat: int,
        oracles: Mapping[str, RemoteOracle],
        pairs: Mapping[str, RemotePairs],
        progress: Progress,
    ) -> View:
        return View(
            challenge=self._party.store.read("challenge"),
            num_classes=config.num_classes,
            oracles=oracles,
            pairs=pairs,
            # by what the attack is, not its place in the timeline: adding an attack shifts nobody else's draw
            seed=derive(config.seed, attack.name, str(repeat)),
            shadow_train=self._dealt(config, "shadow_train"),
            shadow_test=self._dealt(config, "shadow_test"),
            architecture=config.architecture,
            target_train=self._dealt(config, "target_train"),
            auxiliary_faces=self._dealt(config, "auxiliary_faces"),
            transfer_method=config.transfer_method,
            defences=config.defences,
            public=self._dealt(config, "source_public"),
            leaked=self._leaked,
            labelled_members=self._dealt(config, "labelled_members"),
            labelled_non_members=self._dealt(config, "labelled_non_members"),
            auxiliary=self._dealt(config, "auxiliary"),
            references=self._dealt(config, "references"),
            teacher_train=self._dealt(config, "teacher_train"),
            victim_name=config.victim,
            num_workers=config.num_workers,
            shadow_seed=derive(config.seed, "shadow models", str(repeat)),
            cache=None if config.fold else self._cache,
            progress=progress,
        )

    def _dealt(self, config: AdversaryConfig, split: str) -> Examples | None:
        return self._party.store.read(split) if split in config.splits else None


def _turn(config: AdversaryConfig, attack: base.Attack, repeat: int) -> str:
    """What no other attack, repeat or fold of the drill is called."""
    return f"{attack.name}/{repeat}{config.fold}"
