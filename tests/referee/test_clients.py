"""The referee's calls to an adversary whose place is empty for a moment, over real servers."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ports import free_ports
from predict_api import party_credentials
from serving import served

from leakdrill.attacks import Gap
from leakdrill.errors import PartyUnavailable
from leakdrill.network.guard import Guard
from leakdrill.network.identity import Credentials
from leakdrill.network.policy import Policy
from leakdrill.network.rpc import Listener
from leakdrill.parties.party import Party, PartyServicer
from leakdrill.parties.store import SplitStore
from leakdrill.pb.party_pb2_grpc import add_PartyServiceServicer_to_server
from leakdrill.referee.clients import AdversaryClient

CONFIG: Any = Gap()  # the hook below takes whatever it is told


@contextmanager
def seated(home: Path, credentials: Credentials, address: str) -> Iterator[None]:
    """An adversary at that address."""
    guard = Guard("adversary", Policy.load())
    with ThreadPoolExecutor(1) as executor:
        party = Party("adversary", home, credentials, guard, SplitStore(home / "splits"), executor=executor)

        def add(server: Any) -> None:
            add_PartyServiceServicer_to_server(PartyServicer(party, lambda config: "run"), server)

        listener = Listener("private", add, ("leakdrill.v1.PartyService",), (address,))
        with served(guard, [listener], credentials):
            yield


def test_an_adversary_that_was_there_is_waited_for_and_one_that_was_not_is_an_error_at_once(tmp_path: Path) -> None:
    credentials = party_credentials(tmp_path / "credentials", "adversary", "referee")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with seated(tmp_path / "first", credentials["adversary"], address):
        client = AdversaryClient("adversary", address, credentials["referee"])
        client.configure(CONFIG)
    with ThreadPoolExecutor(1) as threads:
        configured = threads.submit(client.configure, CONFIG)
        time.sleep(0.3)
        assert not configured.done()
        with seated(tmp_path / "second", credentials["adversary"], address):
            assert configured.result(timeout=60) == {}
    client.channel.close()
    client = AdversaryClient("adversary", address, credentials["referee"])
    with pytest.raises(PartyUnavailable):
        client.configure(CONFIG)
    client.channel.close()
