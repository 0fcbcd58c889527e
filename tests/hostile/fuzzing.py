"""A hostile caller that counts: calls of raw bytes at every method it can reach, and what they came to."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import grpc
from siege import PUBLIC, Siege

from leakdrill.network.rpc import connect

CALL_SECONDS = 120.0  # on a busy machine
WELL = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")
REFLECTION = tuple(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha"))
INFER = "/inference.GRPCInferenceService/ModelInfer"
PREDICT = (
    *(
        f"/inference.GRPCInferenceService/{name}"
        for name in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata")
    ),
    INFER,
)
METHODS = {
    "cbig/public": PREDICT + WELL + REFLECTION,
    "csmall/public": PREDICT + WELL + REFLECTION,
    "csmall/exfiltration": ("/leakdrill.v1.ExfiltrationService/Exfiltrate", *WELL, *REFLECTION),
}

#: What a public method may say to a message of any kind. Anything else (INTERNAL, UNKNOWN, UNAVAILABLE, a deadline) is
#: a failure of ours.
REFUSALS = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"})


class Caller:
    """The adversary, at all of the public doors at once. A context manager."""

    def __init__(self, siege: Siege) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()  # by method and status
        self._siege = siege
        self._resources = ExitStack()
        self._channels: dict[str, Any] = {}

    @property
    def num_calls(self) -> int:
        return self.outcomes.total()

    def __enter__(self) -> "Caller":
        for door in PUBLIC:
            address = self._siege.parties.addresses[door]
            channel = connect(address, self._siege.adversary, door.partition("/")[0])
            self._channels[door] = self._resources.enter_context(channel)
        return self

    def __exit__(self, *exception: object) -> None:
        self._resources.close()

    def ask(self, door: str, method: str, body: bytes, metadata: Sequence[Any] = ()) -> Any:
        """Begins a call with one message, whatever kind of method it is."""
        return self._channels[door].unary_stream(method)(body, timeout=CALL_SECONDS, metadata=tuple(metadata))

    def outcome(self, method: str, call: Any) -> bytes | None:
        """The first answer (b"" where a stream ends without one), or None for a refusal. Fails for anything else."""
        try:
            answer = next(call, b"")
            status, message = "OK", ""
        except grpc.RpcError as error:
            answer, status, message = None, error.code().name, error.details()
        finally:
            call.cancel()  # of a stream that would go on
        self.outcomes[method, status] += 1
        assert status in REFUSALS | {"OK"}, f"{method}: {status}: {message}"
        return answer

    def ask_everything(self, body: bytes, metadata: Sequence[Any] = ()) -> None:
        """The same message to every method at every door, all at once."""
        calls = [
            (method, self.ask(door, method, body, metadata)) for door, methods in METHODS.items() for method in methods
        ]
        for method, call in calls:
            self.outcome(method, call)
