"""Real parties in processes of their own, in a drill that has come to the breach, as their attackers see them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from collecting import SCENARIO
from numpy.typing import NDArray

from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect
from leakdrill.network.wire import TensorSpec, infer_request
from leakdrill.pb import inference_pb2 as pb
from leakdrill.pb.inference_pb2_grpc import GRPCInferenceServiceStub
from leakdrill.referee.clients import PartyClient
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.scenario.schema import Scenario

IMAGE_SIZE = 16
IMAGE = TensorSpec("image", "UINT8", (-1, IMAGE_SIZE, IMAGE_SIZE, 3))
MODELS = {"cbig": "source", "csmall": "recognition"}
PUBLIC = ("cbig/public", "csmall/public", "csmall/exfiltration")  # where the adversary may knock
GOOD_SECONDS = 120.0  # for a good request to be answered while others attack, on a busy machine
MIB = 1 << 20


@dataclass
class Siege:
    """The parties under attack."""

    parties: LocalParties
    right: dict[str, bytes] = field(default_factory=dict)  # by party: the answer to `good`, before any attack

    @property
    def adversary(self) -> Credentials:
        return self.credentials("adversary")

    @property
    def referee(self) -> Credentials:
        return self.credentials("referee")

    def good(self, party: str, credentials: Credentials | None = None) -> bytes:
        """Asks a good question anew, over a connection of its own; the answer's raw contents."""
        with connect(self.parties.addresses[f"{party}/public"], credentials or self.adversary, party) as channel:
            response = GRPCInferenceServiceStub(channel).ModelInfer(good_request(party), timeout=GOOD_SECONDS)
        return b"".join(response.raw_output_contents)

    def check_well(self) -> None:
        """Both parties are the processes that they were, and answer with the bits that they did."""
        self.parties.check()
        assert {party: self.good(party) for party in MODELS} == self.right

    def credentials(self, party: str) -> Credentials:
        return Credentials.load(self.parties.credentials_dir(party))

    def spent(self, party: str) -> int:
        """Examples that the adversary has been charged, as the referee is told."""
        client = PartyClient(party, self.parties.addresses[f"{party}/private"], self.referee)
        with client.channel:
            return sum(client.queries("adversary").values())

    def rss_bytes(self, party: str) -> int:
        """Physical memory that the party's process holds now."""
        return self._status(party, "VmRSS")

    def peak_bytes(self, party: str) -> int:
        """The most that it held since `forget_peak`."""
        return self._status(party, "VmHWM")

    def forget_peak(self, party: str) -> int:
        """What it holds now, from where its peak is measured again."""
        Path(f"/proc/{self._pid(party)}/clear_refs").write_text("5")
        return self.rss_bytes(party)

    def _status(self, party: str, name: str) -> int:
        lines = Path(f"/proc/{self._pid(party)}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))

    def _pid(self, party: str) -> int:
        return next(process.pid for process in self.parties._processes if process.party == party)


def photos() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)


def good_request(party: str) -> pb.ModelInferRequest:
    return infer_request(MODELS[party], [(IMAGE, photos())], ["scores"])


@contextmanager
def besieged(directory: Path) -> Iterator[Siege]:
    """A drill after its breach; its models have seen one epoch, its budget is more than any test can spend."""
    settings: dict[str, Any] = {
        "cbig": {"source_model": {"arch": {"kind": "small_cnn", "width": 8}, "fit": {"epochs": 1}}},
        "adversary": {"workers": 1, "query_budget": 10**9},
        "timeline": ["train_source", "release", "adapt", {"breach": {"fidelity": "full"}}],
    }
    with LocalParties(directory) as parties:
        scenario = Scenario.model_validate(SCENARIO | settings)
        with Drill(scenario, out=directory / "run", parties=parties) as drill:
            drill.train_source()
            drill.release()
            drill.adapt()
            drill.breach()
            siege = Siege(parties)
            siege.right = {party: siege.good(party) for party in MODELS}
            yield siege
