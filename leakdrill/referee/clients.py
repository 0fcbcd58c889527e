"""The parties as the referee calls them: typed methods over the private stubs."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from leakdrill.attacks.base import Attack, Verdict
from leakdrill.data.splits import Split
from leakdrill.defences.known import KnownDefences
from leakdrill.errors import InvalidInput, NotReady, PartyUnavailable
from leakdrill.models.training import Progress
from leakdrill.models.verification import Calibration
from leakdrill.network.identity import LIFETIME, Credentials
from leakdrill.network.rpc import connect, remote_errors
from leakdrill.parties.config import PartyConfig
from leakdrill.parties.messages import calibration_of, progress_of, split_header, verdict_of
from leakdrill.pb import adversary_pb2, artefact_pb2, party_pb2, source_pb2, target_pb2
from leakdrill.pb.adversary_pb2_grpc import AdversaryServiceStub
from leakdrill.pb.party_pb2_grpc import PartyServiceStub
from leakdrill.pb.source_pb2_grpc import SourceServiceStub
from leakdrill.pb.target_pb2_grpc import TargetServiceStub
from leakdrill.plugins import to_json
from leakdrill.scenario.steps import Breach, Defend

MESSAGE_BYTES = 1 << 20  # of image files in one message; a single larger file makes a message of its own
AUDIT_SECONDS = 60.0  # a party that hangs must not hold up the judgement
MAX_AUDIT_BYTES = 1 << 30  # whoever sends may be hostile, and never stop
WORK_SECONDS = (
    LIFETIME.total_seconds()
)  # training, a release (a defence may take a fit) or an attack: its party could not connect again after that
SUCCESSION_SECONDS = 60.0  # until a fresh adversary has taken the place of another
POLL_SECONDS = 0.05
ANSWER_SECONDS = 600.0  # anything else but the dealing of data, which takes what it takes


class PartyClient:
    """The referee's calls to any party."""

    def __init__(self, name: str, address: str, credentials: Credentials) -> None:
        self.name = name
        self._address = address
        self.device = ""  # where it computes, once it is configured
        self.channel = connect(address, credentials, name)
        self._stub = PartyServiceStub(self.channel)

    def configure(self, config: PartyConfig) -> dict[str, str]:
        """The splits already on the party's disk, by digest, so that they need not be dealt again."""
        with remote_errors(self.name):
            response = self._stub.Configure(
                party_pb2.ConfigureRequest(config_json=config.model_dump_json()), timeout=ANSWER_SECONDS
            )
        self.device = response.device
        return dict(held.split(":", 1) for held in response.held_splits)

    def provision(self, name: str, split: Split) -> None:
        with remote_errors(self.name):
            self._stub.Provision(_provision_requests(name, split))

    def transition(self, state: party_pb2.DrillState.ValueType, breach: Breach | None = None) -> None:
        breach_json = breach.model_dump_json() if breach else ""
        with remote_errors(self.name):
            self._stub.Transition(
                party_pb2.TransitionRequest(state=state, breach_json=breach_json), timeout=ANSWER_SECONDS
            )

    def renew(self, credentials: Credentials) -> None:
        """Have the party take up the certificate that its folder has now, and meet it with our own new one."""
        with remote_errors(self.name):
            self._stub.Renew(party_pb2.RenewRequest(), timeout=ANSWER_SECONDS)
        self.close()
        self.channel = connect(self._address, credentials, self.name)
        self._stub = PartyServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()

    def allot(self, allowance: str) -> None:
        """From now on, queries to this party are paid from the so named allowance; "" is the drill's own."""
        with remote_errors(self.name):
            self._stub.Allot(party_pb2.AllotRequest(allowance=allowance), timeout=ANSWER_SECONDS)

    def queries(self, caller: str) -> dict[str, int]:
        """Examples that `caller` has asked about so far, by model, as this party counted them."""
        with remote_errors(self.name):
            counts = self._stub.Collect(party_pb2.CollectRequest(), timeout=ANSWER_SECONDS).queries
        totals: dict[str, int] = {}
        for count in counts:
            if count.caller == caller:
                model = f"{self.name}/{count.model}"
                totals[model] = totals.get(model, 0) + count.num_examples
        return totals

    def audit(self) -> bytes:
        """The party's audit log of this drill so far."""
        with remote_errors(self.name):
            responses = self._stub.Audit(party_pb2.AuditRequest(), timeout=AUDIT_SECONDS)
            log = bytearray()
            for response in responses:
                log += response.chunk
                if len(log) > MAX_AUDIT_BYTES:
                    raise InvalidInput(f"{self.name}'s audit log has more than {MAX_AUDIT_BYTES} bytes, the limit")
            return bytes(log)


class CompanyClient(PartyClient):
    def defend(self, defend: Defend) -> None:
        """What stands before its public API from now on; fitting it may take a while."""
        with remote_errors(self.name):
            self._stub.Defend(party_pb2.DefendRequest(defences_json=to_json(defend)), timeout=WORK_SECONDS)


class CbigClient(CompanyClient):
    def train(self, progress: Progress) -> party_pb2.TrainReport:
        with remote_errors(self.name):
            report: party_pb2.TrainReport = _follow(
                SourceServiceStub(self.channel).Train(source_pb2.TrainRequest(), timeout=WORK_SECONDS), progress
            ).report
        return report


class CsmallClient(CompanyClient):
    def acquire(self) -> tuple[artefact_pb2.ArtefactReceipt, Calibration | None]:
        """The receipt of g_s, and how verification was calibrated, where it is offered."""
        with remote_errors(self.name):
            response: target_pb2.AcquireResponse = TargetServiceStub(self.channel).Acquire(
                target_pb2.AcquireRequest(), timeout=WORK_SECONDS
            )
        calibration = calibration_of(response.verification) if response.HasField("verification") else None
        return response.receipt, calibration

    def adapt(self, progress: Progress) -> party_pb2.TrainReport:
        with remote_errors(self.name):
            report: party_pb2.TrainReport = _follow(
                TargetServiceStub(self.channel).Adapt(target_pb2.AdaptRequest(), timeout=WORK_SECONDS), progress
            ).report
        return report


class AdversaryClient(PartyClient):
    def configure(self, config: PartyConfig) -> dict[str, str]:
        """As of any party. An adversary who is of another fold leaves, and a fresh one is waited for."""
        deadline = None
        while True:
            try:
                return super().configure(config)
            except (NotReady, PartyUnavailable) as error:
                # where one was met before, another is on its way: that it leaves may be lost with the connection
                if deadline is None and isinstance(error, PartyUnavailable) and not self.device:
                    raise
                deadline = deadline or time.monotonic() + SUCCESSION_SECONDS
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def learn(self, defences: KnownDefences) -> None:
        """What it may know of the defences of the model under attack, from now on."""
        with remote_errors(self.name):
            self._stub.Defend(party_pb2.DefendRequest(defences_json=to_json(defences)), timeout=ANSWER_SECONDS)

    def loot(self) -> artefact_pb2.ArtefactReceipt:
        with remote_errors(self.name):
            response: adversary_pb2.LootResponse = AdversaryServiceStub(self.channel).Loot(
                adversary_pb2.LootRequest(), timeout=ANSWER_SECONDS
            )
        return response.receipt

    def attack(self, attack: Attack, repeat: int, num_challenge: int, progress: Progress) -> tuple[Verdict, float]:
        """The verdict and the seconds the adversary took."""
        request = adversary_pb2.AttackRequest(attack_json=to_json(attack), repeat=repeat)
        with remote_errors(self.name):
            message = _follow(
                AdversaryServiceStub(self.channel).Attack(request, timeout=WORK_SECONDS), progress
            ).verdict
        return verdict_of(message, num_challenge), message.seconds


def _follow(responses: Iterable[Any], progress: Progress) -> Any:
    """Report a stream's progress; the message that carries its result. Raises InvalidInput when none does."""
    result = None
    for response in responses:
        if response.WhichOneof("part") == "progress":
            progress(*progress_of(response.progress))
        else:
            result = response
    if result is None:
        raise InvalidInput("the party's stream ended without a result")
    return result


def _provision_requests(name: str, split: Split) -> Iterator[party_pb2.ProvisionRequest]:
    yield party_pb2.ProvisionRequest(header=split_header(name, split.form, len(split.labels), split.digest()))
    batch, size_bytes = party_pb2.ExampleBatch(), 0
    for file, label in split.encoded():
        batch.examples.add(file=file, label=label)
        size_bytes += len(file)
        if size_bytes >= MESSAGE_BYTES:
            yield party_pb2.ProvisionRequest(batch=batch)
            batch, size_bytes = party_pb2.ExampleBatch(), 0
    yield party_pb2.ProvisionRequest(batch=batch)
