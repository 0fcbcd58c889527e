"""cbig and csmall over real servers: what csmall has, and leaks, is what cbig's release defences left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from guarded import PARTIES
from predict_api import party_credentials
from serving import served

from leakdrill.archs import build
from leakdrill.data.forms import ImageForm
from leakdrill.errors import NotReady
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.fidelity import degrade
from leakdrill.models.trained import Trained
from leakdrill.network.guard import Guard
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import connect
from leakdrill.parties.config import CbigConfig, CsmallConfig
from leakdrill.parties.messages import part_of
from leakdrill.parties.party import Party
from leakdrill.parties.released import released
from leakdrill.parties.store import SplitStore
from leakdrill.pb import party_pb2, target_pb2, target_pb2_grpc
from leakdrill.referee.clients import CbigClient, CsmallClient
from leakdrill.scenario.schema import Api, SourceModel, TargetModel
from leakdrill.scenario.steps import Breach, Fidelity
from leakdrill.seeds import derive
from services.cbig.__main__ import listeners as of_cbig
from services.csmall.__main__ import listeners as of_csmall

FORM = ImageForm(16)
SPEC = SourceModel.model_validate({"arch": {"kind": "resnet8", "width": 4}})
DEFENCES = [{"kind": "weight_noise", "deviations": 0.5}, {"kind": "reinitialised_blocks", "blocks": 1}]


def configured(*defences: dict[str, Any]) -> CbigConfig:
    written = {"drill_id": "one", "seed": 1, "secret": 3, "num_classes": 3, "form": FORM, "source_model": SPEC}
    return CbigConfig.model_validate({**written, "api": Api(), "query_budget": 10, "release_defences": defences})


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained(build(SPEC.arch, 3, seed=7).eval(), {}, 1, 0.0, False, "its digest")


class Stage:
    """Both companies' servers, the referee's clients, and the adversary's channel."""

    def __init__(self, cbig: CbigClient, csmall: CsmallClient, cbig_address: str, exfiltration: Any) -> None:
        self.cbig, self.csmall, self._exfiltration = cbig, csmall, exfiltration
        self.config = CsmallConfig(
            drill_id="one",
            seed=2,
            secret=4,
            num_classes=3,
            form=FORM,
            target_model=TargetModel(),
            apis=["features"],
            api=Api(),
            query_budget=10,
            cbig_address=cbig_address,
        )

    def leaked(self, cbig: CbigConfig, fidelity: Fidelity) -> Artefact:
        """What the adversary gets, after both companies have done their part."""
        self.cbig.configure(cbig)
        self.csmall.configure(self.config)
        self.cbig.train(lambda fraction, message: None)
        self.csmall.acquire()
        self.csmall.transition(party_pb2.DRILL_STATE_BREACHED, Breach(fidelity=fidelity))
        stub = target_pb2_grpc.ExfiltrationServiceStub(self._exfiltration)
        responses = stub.Exfiltrate(target_pb2.ExfiltrateRequest(), timeout=10)
        return Artefact.from_parts(part_of(response.part) for response in responses)


@pytest.fixture
def stage(tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("services.cbig.servicer.train_source", lambda *rest: trained)
    credentials = party_credentials(tmp_path / "credentials", *PARTIES)
    with ThreadPoolExecutor(1) as executor:
        cbig, csmall = (
            Party(name, tmp_path / name, credentials[name], Guard(name, Policy.load()),
                  SplitStore(tmp_path / name / "splits"), executor=executor)
            for name in ("cbig", "csmall")
        )  # fmt: skip
        with (
            served(cbig.guard, of_cbig(cbig), credentials["cbig"]) as cbigs,
            served(csmall.guard, of_csmall(csmall), credentials["csmall"]) as csmalls,
            connect(csmalls["exfiltration"], credentials["adversary"], "csmall") as exfiltration,
        ):
            clients = (
                CbigClient("cbig", cbigs["private"], credentials["referee"]),
                CsmallClient("csmall", csmalls["private"], credentials["referee"]),
            )
            with clients[0].channel, clients[1].channel:
                yield Stage(*clients, cbigs["private"], exfiltration)


def test_csmall_has_and_leaks_what_the_release_defences_left_at_the_breachs_fidelity(
    stage: Stage, trained: Trained, tmp_path: Path
) -> None:
    config = configured(*DEFENCES)
    elsewhere = SplitStore(tmp_path / "none"), ModelCache(tmp_path / "models")
    expected = released(config, trained, *elsewhere, lambda fraction, message: None)
    leaked = stage.leaked(config, Fidelity())
    assert leaked.description == expected.description
    assert all(torch.equal(leaked.weights[name], expected.weights[name]) for name in expected.weights)
    own = trained.model.state_dict()
    assert not any(torch.equal(leaked.weights[name], own[name]) for name in leaked.weights if own[name].ndim > 1)
    coarse, again = stage.leaked(config, Fidelity(bits=8)), degrade(expected, Fidelity(bits=8), derive(4, "leak"))
    assert all(torch.equal(coarse.weights[name], again.weights[name]) for name in again.weights)


def test_nothing_is_made_ready_for_csmall_before_it_asks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def counted(*rest: Any) -> Artefact:
        made.append(rest)
        return released(*rest)

    monkeypatch.setattr("services.cbig.servicer.released", counted)
    stage.cbig.configure(configured(*DEFENCES))
    stage.csmall.configure(stage.config)
    with pytest.raises(NotReady, match="the source model is not there yet"):
        stage.csmall.acquire()
    stage.cbig.train(lambda fraction, message: None)
    assert not made
    receipts = [stage.csmall.acquire()[0].sha256 for _ in range(2)]
    assert len(made) == 1
    assert receipts[0] == receipts[1]


def test_without_release_defences_g_s_leaves_bit_for_bit(stage: Stage, trained: Trained) -> None:
    leaked, own = stage.leaked(configured(), Fidelity()), trained.model.state_dict()
    assert leaked.weights
    assert all(torch.equal(leaked.weights[name], own[name]) for name in leaked.weights)
