"""A party's methods that do as they are told, behind a real guard, for tests of what the guard does."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from leakdrill import errors
from leakdrill.errors import LeakdrillError
from leakdrill.network.guard import Guard, caller
from leakdrill.network.policy import Policy
from leakdrill.pb import party_pb2, party_pb2_grpc, source_pb2, source_pb2_grpc, target_pb2, target_pb2_grpc

PARTIES = ("referee", "cbig", "csmall", "adversary")
WAIT_SECONDS = 60.0  # before a test gives up: on a busy machine a process may not get its turn for seconds


class PartyServicer(party_pb2_grpc.PartyServiceServicer):
    """Does what `config_json` says, to try what may happen inside a method."""

    async def Configure(self, request: party_pb2.ConfigureRequest, context: Any) -> party_pb2.ConfigureResponse:
        if request.config_json == "bug":
            raise ZeroDivisionError("a secret of the party")
        if request.config_json == "stay":
            await asyncio.sleep(60)
        if kind := getattr(errors, request.config_json, None):
            raise kind(f"an error of {caller(context)}'s making")
        return party_pb2.ConfigureResponse(held_splits=[caller(context)])

    async def Provision(self, requests: AsyncIterator[Any], context: Any) -> party_pb2.ProvisionResponse:
        return party_pb2.ProvisionResponse(num_examples=len([request async for request in requests]))


class SourceServicer(source_pb2_grpc.SourceServiceServicer):
    async def Train(self, request: Any, context: Any) -> AsyncIterator[source_pb2.TrainResponse]:
        for number in range(3):
            yield source_pb2.TrainResponse(progress=party_pb2.Progress(fraction=number / 3))
        raise errors.NotReady("no training data was dealt")


class ExfiltrationServicer(target_pb2_grpc.ExfiltrationServiceServicer):
    async def Exfiltrate(self, request: Any, context: Any) -> AsyncIterator[target_pb2.ExfiltrateResponse]:
        yield target_pb2.ExfiltrateResponse()


def add_private(server: Any) -> None:
    party_pb2_grpc.add_PartyServiceServicer_to_server(PartyServicer(), server)
    source_pb2_grpc.add_SourceServiceServicer_to_server(SourceServicer(), server)


def add_exfiltration(server: Any) -> None:
    target_pb2_grpc.add_ExfiltrationServiceServicer_to_server(ExfiltrationServicer(), server)


def configure(channel: Any, what: str = "") -> party_pb2.ConfigureResponse:
    request = party_pb2.ConfigureRequest(config_json=what)
    return party_pb2_grpc.PartyServiceStub(channel).Configure(request, timeout=WAIT_SECONDS)


def refusal(call: Any, *arguments: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments)
    return caught.value.code().name, caught.value.details()


class CountingGuard(Guard):
    """Counts what it refuses, by caller, method and status, when the call has ended."""

    def __init__(self, party: str, policy: Policy) -> None:
        super().__init__(party, policy)
        self.refusals: Counter[tuple[str, str, str]] = Counter()

    def answered(
        self, listener: str, name: str, method: str, status: str, error: LeakdrillError | None = None, path: str = ""
    ) -> None:
        if error:
            self.refusals[name, method, status] += 1
        super().answered(listener, name, method, status, error, path)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes to hold: the server counts a call after the client has its answer."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()
