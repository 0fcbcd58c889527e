"""csmall between two drills, over real servers: nothing of the first gets into the second."""

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from guarded import PARTIES, WAIT_SECONDS, eventually, refusal
from predict_api import party_credentials
from serving import served

from leakdrill.archs import build
from leakdrill.data.forms import ImageForm
from leakdrill.errors import InvalidInput, NotReady
from leakdrill.models.artefact import Artefact
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener, connect
from leakdrill.parties.config import CsmallConfig
from leakdrill.parties.messages import artefact_part, part_of
from leakdrill.parties.party import Party
from leakdrill.parties.store import SplitStore
from leakdrill.pb import party_pb2, source_pb2, source_pb2_grpc, target_pb2, target_pb2_grpc
from leakdrill.referee.clients import CsmallClient
from leakdrill.scenario.schema import Api, SourceModel, TargetModel
from leakdrill.scenario.steps import Breach, Defend
from services.csmall.__main__ import listeners


@dataclass
class Cbig(source_pb2_grpc.SourceServiceServicer):
    """Releases a feature extractor when it is told to."""

    asked: threading.Event = field(default_factory=threading.Event)
    may_release: threading.Event = field(default_factory=threading.Event)
    whole: bool = False

    async def ReleaseFeatures(self, request: Any, context: Any) -> AsyncIterator[source_pb2.ReleaseFeaturesResponse]:
        self.asked.set()
        assert eventually(self.may_release.is_set)
        spec = SourceModel.model_validate({"arch": {"kind": "small_cnn", "width": 4}})
        released = Artefact.of_source_model(spec.arch, build(spec.arch, 10, 16), ImageForm(16), 10, spec.cut)
        for part in (released if self.whole else released.feature_extractor()).to_parts():
            yield source_pb2.ReleaseFeaturesResponse(part=artefact_part(part))


@dataclass
class Stage:
    cbig: Cbig
    cbig_address: str
    party: Party
    referee: CsmallClient
    exfiltration: Any  # a channel of the adversary's

    def configure(self, drill: str) -> None:
        config = CsmallConfig(
            drill_id=drill,
            seed=1,
            secret=5,
            num_classes=3,
            form=ImageForm(16),
            target_model=TargetModel(),
            apis=["features"],
            api=Api(),
            query_budget=10,
            cbig_address=self.cbig_address,
        )
        self.referee.configure(config)

    def exfiltrate(self) -> int:
        return len(self._parts())

    def leaked(self) -> Artefact:
        return Artefact.from_parts(part_of(response.part) for response in self._parts())

    def _parts(self) -> list[Any]:
        stub = target_pb2_grpc.ExfiltrationServiceStub(self.exfiltration)
        return list(stub.Exfiltrate(target_pb2.ExfiltrateRequest(), timeout=10))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    credentials: dict[str, Credentials] = party_credentials(tmp_path / "credentials", *PARTIES)
    cbig = Cbig()
    contract = Listener("private", lambda server: source_pb2_grpc.add_SourceServiceServicer_to_server(cbig, server), ())
    with ThreadPoolExecutor(1) as executor:
        guard, store = Guard("csmall", Policy.load()), SplitStore(tmp_path / "splits")
        party = Party("csmall", tmp_path, credentials["csmall"], guard, store, executor=executor)
        with (
            served(Guard("cbig", Policy.load()), [contract], credentials["cbig"]) as cbigs,
            served(party.guard, listeners(party), credentials["csmall"]) as addresses,
            connect(addresses["exfiltration"], credentials["adversary"], "csmall") as exfiltration,
        ):
            referee = CsmallClient("csmall", addresses["private"], credentials["referee"])
            with referee.channel:
                yield Stage(cbig, cbigs["private"], party, referee, exfiltration)


def test_what_leaked_in_one_drill_does_not_leak_in_the_next(stage: Stage) -> None:
    stage.cbig.may_release.set()
    stage.configure("one")
    stage.referee.acquire()
    stage.referee.transition(party_pb2.DRILL_STATE_BREACHED, Breach(fidelity="full"))
    assert stage.exfiltrate() > 0
    stage.configure("two")
    assert refusal(stage.exfiltrate)[0] == "PERMISSION_DENIED"
    stage.party.guard.state = "breached"
    assert refusal(stage.exfiltrate)[0] == "FAILED_PRECONDITION"


def test_the_source_model_leaks_if_the_contract_handed_it_over_and_g_s_as_its_part(stage: Stage) -> None:
    stage.cbig.may_release.set()
    breached = party_pb2.DRILL_STATE_BREACHED
    model, g_s = Breach(artefact="source_model"), Breach(artefact="feature_extractor")
    stage.configure("one")
    stage.referee.acquire()
    with pytest.raises(InvalidInput, match="csmall has g_s alone, no source model to leak"):
        stage.referee.transition(breached, model)
    stage.cbig.whole = True
    stage.configure("two")
    stage.referee.acquire()
    stage.referee.transition(breached, model)
    assert stage.leaked().description.num_classes == 10
    stage.referee.transition(breached, g_s)
    assert stage.leaked().description.blocks[-1] == "dense"


def test_a_release_under_way_when_the_next_drill_begins_does_not_get_into_it(stage: Stage) -> None:
    stage.configure("one")
    with ThreadPoolExecutor(1) as thread:
        acquired = thread.submit(stage.referee.acquire)
        assert stage.cbig.asked.wait(WAIT_SECONDS)
        stage.configure("two")
        stage.cbig.may_release.set()
        with pytest.raises(NotReady, match="configured anew"):
            acquired.result()
    assert stage.party.models == {}
    stage.referee.acquire()
    assert stage.party.models.keys() == {"features"}


def test_a_defence_fitted_when_the_next_drill_begins_does_not_bring_the_last_one_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting, may_go_on = threading.Event(), threading.Event()

    def slowly(*rest: Any) -> None:
        fitting.set()
        assert may_go_on.wait(WAIT_SECONDS)

    stage.cbig.may_release.set()
    stage.configure("one")
    stage.referee.acquire()
    monkeypatch.setattr("services.csmall.servicer.guard_faces", slowly)
    with ThreadPoolExecutor(1) as thread:
        defended = thread.submit(stage.referee.defend, Defend(party="csmall", defences=[]))
        assert fitting.wait(WAIT_SECONDS)
        stage.configure("two")
        may_go_on.set()
        with pytest.raises(NotReady, match="configured anew"):
            defended.result()
    assert stage.party.models == {}
