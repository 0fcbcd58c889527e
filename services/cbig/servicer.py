"""cbig's private API: train f_s for the referee, hand g_s to the contract partner."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from leakdrill.models.artefact import Artefact
from leakdrill.models.cache import ModelCache
from leakdrill.models.device import choose
from leakdrill.models.trained import Trained
from leakdrill.models.training import Progress
from leakdrill.parties.config import CbigConfig
from leakdrill.parties.defended import guard_api
from leakdrill.parties.inference import PublicModel
from leakdrill.parties.load import load_source
from leakdrill.parties.messages import artefact_part, progress_message, train_report
from leakdrill.parties.party import Party, check_unchanged, configured
from leakdrill.parties.publish import publish
from leakdrill.parties.released import released
from leakdrill.parties.train import train_source
from leakdrill.pb import source_pb2 as pb
from leakdrill.pb.source_pb2_grpc import SourceServiceServicer
from leakdrill.scenario.steps import Defend
from leakdrill.spec import from_json


class SourceServicer(SourceServiceServicer):
    def __init__(self, party: Party) -> None:
        self._party = party
        self._cache = ModelCache(party.home / "models")
        self._config: CbigConfig | None = None
        self._trained: tuple[CbigConfig, Trained] | None = None
        self._released: Artefact | None = None  # what csmall is given, once it has asked

    def configure(self, config_json: str) -> str:
        self._config = from_json(CbigConfig, config_json, "cbig's configuration")
        choose(self._config.device, "cbig.device")
        self._trained = self._released = None
        config = self._config
        self._party.ledger.open(config.drill_id, config.query_budget, config.api.rate_limit, config.spent)
        return self._config.drill_id

    async def Train(
        self, request: pb.TrainRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.TrainResponse]:
        async for item in self._party.stream("train", self._train):
            if isinstance(item, Trained):
                yield pb.TrainResponse(report=train_report("source", item))
            else:
                yield pb.TrainResponse(progress=progress_message(item))

    def _train(self, progress: Progress) -> Trained:
        config = given = configured(self._config, "cbig's configuration")
        if config.source_model.weights is None:
            trained = train_source(config, self._party.store, self._cache, progress)
        else:
            config, trained = load_source(config, self._party.store)
        source = self._published(config, trained)
        check_unchanged(given, self._config)
        self._trained, self._released = (config, trained), None
        self._party.models["source"] = source
        return trained

    def defend(self, defend_json: str) -> None:
        """The same model, behind other defences."""
        config, trained = made_with = configured(self._trained, "the source model")
        defences = from_json(Defend, defend_json, "cbig's defences").defences
        config = config.model_copy(update={"api": config.api.model_copy(update={"defences": defences})})
        source = self._published(config, trained)
        check_unchanged(made_with, self._trained)
        self._trained = (config, trained)
        self._party.models["source"] = source

    def _published(self, config: CbigConfig, trained: Trained) -> PublicModel:
        own = ("source_train", "source_validation")
        guard = guard_api(config.api, trained, own, self._party.store, self._cache, config.secret)
        return publish("source", trained.model, config.num_classes, config.form, config.api.outputs, guard)

    async def ReleaseFeatures(
        self, request: pb.ReleaseFeaturesRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.ReleaseFeaturesResponse]:
        made_with = configured(self._trained, "the source model")
        if self._released is None:  # not before: a defence may take a fit, which nobody needs who releases nothing
            loop = asyncio.get_running_loop()
            handed_out = await loop.run_in_executor(self._party.executor, self._release, *made_with)
            check_unchanged(made_with, self._trained)
            self._released = handed_out
        for part in self._released.to_parts():
            yield pb.ReleaseFeaturesResponse(part=artefact_part(part))

    def _release(self, config: CbigConfig, trained: Trained) -> Artefact:
        def progress(fraction: float, message: str) -> None:
            self._party.progress["release"] = fraction

        return released(config, trained, self._party.store, self._cache, progress)
