"""A real drill in which a breach is closed and a defence switched in: what they change, and what they cannot."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from safetensors.numpy import load_file
from small import SMALL, small

from leakdrill.errors import AccessDenied, PartyUnavailable
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect, remote_errors
from leakdrill.oracles.remote import RemoteOracle
from leakdrill.pb import inference_pb2, target_pb2
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub
from leakdrill.pb.target_pb2_grpc import ExfiltrationServiceStub
from leakdrill.player.folder import write_folders
from leakdrill.player.seats import of_step
from leakdrill.referee.console import SilentObserver
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.results import Results

pytestmark = pytest.mark.slow

AFTER = SMALL["timeline"][5]["attack"]
TIMELINE = [
    "train_source",
    "release",
    {"breach": {"fidelity": "full"}},
    "revoke",
    {"attack": AFTER | {"name": "after_revoke"}},
    {"defend": {"party": "cbig", "defences": [{"kind": "rounding", "decimals": 1}]}},
    {"attack": AFTER | {"name": "after_defend"}},
    {"attack": {"kind": "gap"}},
]


class Intruder(SilentObserver):
    """Holds what the adversary held before the revoke, and knocks at csmall's door before and after."""

    def __init__(self, parties: LocalParties) -> None:
        self.parties = parties
        self.answers: dict[str, Any] = {}

    def step(self, index: int, total: int, description: str) -> None:
        if index == 3:  # the revoke is next
            self.old = old = Credentials.load(self.parties.credentials_dir("adversary"))
            self.door = connect(self.parties.addresses["csmall/exfiltration"], old, "csmall")
            self.api = connect(self.parties.addresses["cbig/public"], old, "cbig")
            self.answers["before"] = self.take(), self.ask(self.api)
        if index == 4:
            new = Credentials.load(self.parties.credentials_dir("adversary"))
            self.answers["on the open connection"] = self.take(), self.ask(self.api)
            with connect(self.parties.addresses["cbig/public"], self.old, "cbig") as again:
                self.answers["with the old certificate"] = self.ask(again)
            with connect(self.parties.addresses["cbig/public"], new, "cbig") as again:
                self.answers["with the new certificate"] = self.ask(again)

    def take(self) -> Any:
        try:
            with remote_errors("csmall"):
                stub = ExfiltrationServiceStub(self.door)
                return len(list(stub.Exfiltrate(target_pb2.ExfiltrateRequest(), timeout=20)))
        except (AccessDenied, PartyUnavailable) as error:
            return error

    def ask(self, channel: grpc.Channel) -> Any:
        try:
            with remote_errors("cbig"):
                stub = GRPCInferenceServiceStub(channel)
                return stub.ServerReady(inference_pb2.ServerReadyRequest(), timeout=20).ready
        except (AccessDenied, PartyUnavailable) as error:
            return error


@pytest.fixture(scope="module")
def played(parties: LocalParties, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Results, Intruder, Path]]:
    where, intruder = tmp_path_factory.mktemp("runs") / "response", Intruder(parties)
    scenario = small(
        cbig={"source_model": {"arch": {"kind": "small_cnn", "width": 8}, "fit": {"epochs": 2, "batch_size": 32}}},
        timeline=TIMELINE,
    )
    with Drill(scenario, out=where, parties=parties, observer=intruder) as drill:
        found = drill.run()
        write_folders(drill.stage, (of_step("by_hand", 1),), None, is_breached=False)
        yield found, intruder, where
        drill.queries()  # the referee's own connections are good after a revoke, too


def test_a_person_who_plays_after_a_revoke_still_has_the_copy(played: tuple[Results, Intruder, Path]) -> None:
    found, _, where = played
    description = json.loads((where / "player" / "leaked.json").read_text())
    assert description["name"] == found.breaches[0].artefact
    assert load_file(where / "player" / "leaked.safetensors")


def test_after_a_revoke_nobody_gets_in_with_what_was_good_before(played: tuple[Results, Intruder, Path]) -> None:
    answers = played[1].answers
    parts, is_ready = answers["before"]
    assert parts >= 2
    assert is_ready is True
    for refused in answers["on the open connection"]:
        assert isinstance(refused, AccessDenied)
        assert "adversary's certificate was revoked" in str(refused)
    assert isinstance(answers["with the old certificate"], PartyUnavailable)
    assert answers["with the new certificate"] is True


def test_what_was_copied_before_a_revoke_is_still_of_use(played: tuple[Results, Intruder, Path]) -> None:
    found = played[0]
    assert found.error is None
    assert [attack.name for attack in found.attacks] == ["after_revoke", "after_defend", "gap"]
    assert found.attacks[0].notes["head_steps"] in (10, 20, 40, 80, 160, 320)


def test_the_results_say_what_was_done_about_it_and_when(played: tuple[Results, Intruder, Path]) -> None:
    found, _, where = played
    said = [(each.kind, each.party, each.step, each.defences, each.certificates_renewed) for each in found.responses]
    assert said == [("revoke", "csmall", 4, (), True), ("defend", "cbig", 6, ("rounding",), None)]
    (defence,) = found.defences
    assert (defence.kind, defence.since, defence.strongest in ("after_defend", "gap")) == ("rounding", 6, True)
    log = (where / "audit/csmall.jsonl").read_text()
    assert log.rpartition('"state": "')[2].startswith("open")


def test_the_api_answers_through_the_defence_that_was_switched_in(
    played: tuple[Results, Intruder, Path], parties: LocalParties
) -> None:
    own = Credentials.load(parties.credentials_dir("adversary"))
    images = np.random.default_rng(0).integers(0, 255, (20, 16, 16, 3), dtype=np.uint8)
    with RemoteOracle("cbig/source", parties.addresses["cbig/public"], own, scope="test") as oracle:
        scores = oracle.query(images, "scores").astype(float)
    assert np.abs(scores * 10 - np.round(scores * 10)).max() < 1e-2
