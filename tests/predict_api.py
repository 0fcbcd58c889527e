"""A party's public predict API over a real model, for tests: real servers, certificates and policy."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from guarded import CountingGuard
from numpy.typing import NDArray
from serving import served

from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener
from leakdrill.oracles.oracle import Output
from leakdrill.parties.batching import Rows
from leakdrill.parties.inference import InferenceServicer, PublicModel, image_input
from leakdrill.parties.ledger import Ledger
from leakdrill.pb.inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server

NUM_CLASSES = 4
IMAGE_SIZE = 8
TAILS: dict[Output, tuple[int, ...]] = {"scores": (NUM_CLASSES,), "label": (), "embedding": (IMAGE_SIZE,)}


@dataclass
class PredictApi:
    """cbig with a model "source", in state open."""

    ledger: Ledger = field(default_factory=Ledger)
    guard: CountingGuard = field(default_factory=lambda: CountingGuard("cbig", Policy.load()))
    models: dict[str, PublicModel] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)  # examples in each call of the model
    address: str = ""

    def predict(self, asked: Rows, outputs: frozenset[Output]) -> dict[Output, NDArray[Any]]:
        """Softmax over the sums of the image's quarters; integers until the last step, so that bits cannot vary."""
        (inputs,) = asked
        self.calls.append(len(inputs))
        rows = inputs.astype(np.int64).sum(axis=(2, 3))
        quarters = rows.reshape(-1, NUM_CLASSES, IMAGE_SIZE // NUM_CLASSES).sum(axis=2)
        scores = np.exp((quarters - quarters.max(axis=1, keepdims=True)) / 1000)
        made: dict[Output, NDArray[Any]] = {
            "scores": (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32),
            "label": quarters.argmax(axis=1),
            "embedding": rows.astype(np.float32),
        }
        return {output: made[output] for output in outputs}

    def publish(self, *outputs: Output) -> None:
        tails = {output: TAILS[output] for output in outputs}
        self.models["source"] = PublicModel("source", (image_input(IMAGE_SIZE),), tails, self.predict)


@contextmanager
def predict_api(credentials: Credentials, ledger: Ledger | None = None) -> Iterator[PredictApi]:
    api = PredictApi(ledger or Ledger())
    api.guard.state = "open"
    api.publish("scores", "label")
    with ThreadPoolExecutor(1) as executor:
        servicer = InferenceServicer("cbig", api.models, api.ledger, executor)

        def add(server: Any) -> None:
            add_GRPCInferenceServiceServicer_to_server(servicer, server)

        listener = Listener("public", add, ("inference.GRPCInferenceService",))
        with served(api.guard, [listener], credentials) as addresses:
            api.address = addresses["public"]
            yield api


def party_credentials(directory: Path, *parties: str) -> dict[str, Credentials]:
    authority = Authority.create()
    for party in parties:
        authority.issue(party, directory / party)
    return {party: Credentials.load(directory / party) for party in parties}


def photos(num_examples: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (num_examples, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
