"""Every method there is, by reflection and in the protos, and which of them answer whom."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import leakdrill.pb
from leakdrill.network.identity import Credentials
from leakdrill.network.rpc import connect

CALL_SECONDS = 120  # on a busy machine

#: What a method that was let in may say to an empty message. Anything else (INTERNAL, UNIMPLEMENTED, UNAVAILABLE, a
#: deadline) is neither an answer nor a refusal, and fails the test that meets it.
ANSWERS = frozenset({"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"})

MADE_UP = (
    "/",
    "/no.Such/Method",
    "/leakdrill.v1.PartyService",
    "/leakdrill.v1.PartyService/",
    "/leakdrill.v1.PartyService/*",
    "/leakdrill.v1.PartyService/collect",
    "/leakdrill.v1.PartyService/Collect/",
    "/leakdrill.v1.PartyService/../PartyService/Collect",
    "//leakdrill.v1.PartyService/Collect",
    "/leakdrill.v1.Referee/Truth",
    "/inference.GRPCInferenceService/ModelTrainingSet",
    "/leakdrill.v1.ExfiltrationService/ExfiltrateAll",
    "/grpc.health.v1.Health/NoSuch",
    "/grpc.reflection.v1.ServerReflection/NoSuch",
    "/metrics",
)


def every_method(addresses: Mapping[str, str], referee: Credentials) -> list[str]:
    """Of the protos, of what `addresses` ("cbig/public" -> "host:port") reflect to the referee, and made up."""
    reflected = [method for where, address in addresses.items() for method in _reflected(where, address, referee)]
    return sorted({*_in_protos(), *reflected, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", *MADE_UP})


def answering(address: str, party: str, credentials: Credentials, methods: Iterable[str]) -> set[str]:
    """Those of `methods` that answer the holder of `credentials`; the others are denied. Raises for what is neither."""
    with connect(address, credentials, party) as channel:
        return {method for method in methods if _answers(channel, method)}


def _answers(channel: Any, method: str) -> bool:
    """Whatever kind of method it is, one empty message is sent and one answer awaited."""
    responses = channel.stream_stream(method)(iter([b""]), timeout=CALL_SECONDS)
    try:
        next(responses, None)
        status, message = "OK", ""
    except grpc.RpcError as error:
        status, message = error.code().name, error.details()
    finally:
        responses.cancel()
    assert status in ANSWERS | {"PERMISSION_DENIED"}, f"{method}: {status}: {message}"
    return status != "PERMISSION_DENIED"


def _in_protos() -> Iterator[str]:
    names = [module.name for module in pkgutil.iter_modules(leakdrill.pb.__path__) if module.name.endswith("_pb2")]
    modules = [importlib.import_module(f"leakdrill.pb.{name}") for name in names]
    for module in (*modules, health_pb2, reflection_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


def _reflected(where: str, address: str, referee: Credentials) -> Iterator[str]:
    with connect(address, referee, where.partition("/")[0]) as channel:
        ask = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        (listed,) = ask(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=CALL_SECONDS)
        names = [service.name for service in listed.list_services_response.service]
        requests = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
        for name, response in zip(names, ask(iter(requests), timeout=CALL_SECONDS), strict=True):
            for raw in response.file_descriptor_response.file_descriptor_proto:
                file = FileDescriptorProto.FromString(raw)
                services = [each for each in file.service if f"{file.package}.{each.name}" == name]
                yield from (f"/{name}/{method.name}" for service in services for method in service.method)
