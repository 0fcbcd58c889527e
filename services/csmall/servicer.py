"""csmall's private API: take g_s under the contract and adapt it; and the leak: a state of csmall, no back door."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from leakdrill.archs import ArchSpec, cut
from leakdrill.defences import guard_faces
from leakdrill.errors import ScenarioError
from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.device import choose
from leakdrill.models.fidelity import degrade
from leakdrill.models.trained import Trained
from leakdrill.models.training import Progress
from leakdrill.models.verification import Calibration
from leakdrill.network.rpc import connect, remote_errors
from leakdrill.parties.config import CsmallConfig
from leakdrill.parties.defended import guard_api
from leakdrill.parties.inference import PublicModel
from leakdrill.parties.load import load_target
from leakdrill.parties.messages import (
    artefact_part,
    artefact_receipt,
    part_of,
    progress_message,
    train_report,
    verification_report,
)
from leakdrill.parties.party import Party, check_unchanged, configured
from leakdrill.parties.publish import publish, publish_features
from leakdrill.parties.publish_verification import publish_verification
from leakdrill.parties.train import adapt_target
from leakdrill.parties.verifier import calibrated
from leakdrill.pb import source_pb2, source_pb2_grpc
from leakdrill.pb import target_pb2 as pb
from leakdrill.pb.target_pb2_grpc import ExfiltrationServiceServicer, TargetServiceServicer
from leakdrill.scenario.steps import Breach, Defend
from leakdrill.seeds import derive
from leakdrill.spec import from_json


class TargetServicer(TargetServiceServicer):
    def __init__(self, party: Party) -> None:
        self._party = party
        self._cache = ModelCache(party.home / "models")
        self._config: CsmallConfig | None = None
        self._received: Artefact | None = None  # by contract: g_s, or the model that it is part of
        self._released: Artefact | None = None
        self._trained: Trained | None = None
        self._target_arch: tuple[ArchSpec, str | None] | None = None  # and the block that g_t ends with
        self.leaked: Artefact | None = None

    def configure(self, config_json: str) -> str:
        self._config = from_json(CsmallConfig, config_json, "csmall's configuration")
        choose(self._config.device, "csmall.device")
        self._received = self._released = self._trained = self.leaked = None
        config = self._config
        self._party.ledger.open(config.drill_id, config.query_budget, config.api.rate_limit, config.spent)
        return self._config.drill_id

    async def Acquire(self, request: pb.AcquireRequest, context: grpc.aio.ServicerContext) -> pb.AcquireResponse:
        released, calibration = await asyncio.to_thread(self._acquire)
        verification = verification_report(calibration) if calibration else None
        return pb.AcquireResponse(receipt=artefact_receipt(released), verification=verification)

    def _acquire(self) -> tuple[Artefact, Calibration | None]:
        config = configured(self._config, "csmall's configuration")
        with connect(config.cbig_address, self._party.credentials, "cbig") as channel, remote_errors("cbig"):
            stub = source_pb2_grpc.SourceServiceStub(channel)
            responses = stub.ReleaseFeatures(source_pb2.ReleaseFeaturesRequest())
            received = Artefact.from_parts(part_of(response.part) for response in responses)
        released = received.feature_extractor()
        models, calibration = self._faces(config, released)
        check_unchanged(config, self._config)
        self._received, self._released = received, released
        self._party.models.update(models)
        return released, calibration

    def _faces(self, config: CsmallConfig, released: Artefact) -> tuple[dict[str, PublicModel], Calibration | None]:
        """The public models that are built on g_s alone."""
        models: dict[str, PublicModel] = {}
        calibration = None
        if "features" in config.apis:
            guard = guard_faces(config.api.defences, "embedding", config.secret)
            models["features"] = publish_features(released.module(), config.form, guard)
        if "verification" in config.apis:
            verifier, calibration = calibrated(config, released.module(), self._party.store)
            models |= publish_verification(verifier, config.verification.outputs)
        return models, calibration

    def _recognition(self, config: CsmallConfig, trained: Trained) -> dict[str, PublicModel]:
        if "recognition" not in config.apis:
            return {}
        own = ("target_train", "target_test")
        guard = guard_api(config.api, trained, own, self._party.store, self._cache, config.secret)
        outputs = config.api.outputs
        published = publish("recognition", trained.model, config.num_classes, config.form, outputs, guard)
        return {"recognition": published}

    def defend(self, defend_json: str) -> None:
        """The same models, behind other defences."""
        config = given = configured(self._config, "csmall's configuration")
        defences = from_json(Defend, defend_json, "csmall's defences").defences
        config = config.model_copy(update={"api": config.api.model_copy(update={"defences": defences})})
        models = self._faces(config, self._released)[0] if self._released else {}
        models |= self._recognition(config, self._trained) if self._trained else {}
        check_unchanged(given, self._config)
        self._config = config
        self._party.models.update(models)

    async def Adapt(
        self, request: pb.AdaptRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.AdaptResponse]:
        async for item in self._party.stream("adapt", self._adapt):
            if isinstance(item, Trained):
                yield pb.AdaptResponse(report=train_report("target", item))
            else:
                yield pb.AdaptResponse(progress=progress_message(item))

    def _adapt(self, progress: Progress) -> Trained:
        config = configured(self._config, "csmall's configuration")
        target_arch: tuple[ArchSpec, str | None]
        if config.target_model.weights is None:
            released = configured(self._released, "the feature extractor released by cbig")
            trained = adapt_target(config, released, self._party.store, self._cache, progress)
            target_arch = released.description.arch, released.description.blocks[-1]
        else:
            traced, trained = load_target(config, self._party.store)
            target_arch = traced.graph, traced.cut
        models = self._recognition(config, trained)
        check_unchanged(config, self._config)
        self._trained, self._target_arch = trained, target_arch
        self._party.models.update(models)
        return trained

    def breach(self, breach_json: str) -> None:
        self.leaked = self._leak(from_json(Breach, breach_json, "the breach"))

    def _leak(self, breach: Breach) -> Artefact:
        """What leaks at `breach`: g_s as received, all of f_s or csmall's own g_t, at the breach's fidelity."""
        config = configured(self._config, "csmall's configuration")
        if breach.artefact == "target_feature_extractor":
            arch, at = configured(self._target_arch, "the target model")
            own, _ = cut(configured(self._trained, "the target model").model, at)
            return degrade(
                Artefact.of(breach.artefact, arch, own, config.form), breach.fidelity, derive(config.secret, "leak")
            )
        released = configured(self._released, "the feature extractor released by cbig")
        if breach.artefact == "source_model":
            released = configured(self._received, "the source model released by cbig")
            if released.description.num_classes is None:
                raise ScenarioError("csmall has g_s alone, no source model to leak: set cbig.releases: source_model")
        return degrade(released, breach.fidelity, derive(config.secret, "leak"))


class ExfiltrationServicer(ExfiltrationServiceServicer):
    """Shut by the policy until csmall's state is `breached`; then it gives away what the breach names."""

    def __init__(self, target: TargetServicer) -> None:
        self._target = target

    async def Exfiltrate(
        self, request: pb.ExfiltrateRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.ExfiltrateResponse]:
        for part in configured(self._target.leaked, "a leaked artefact").to_parts():
            yield pb.ExfiltrateResponse(part=artefact_part(part))
