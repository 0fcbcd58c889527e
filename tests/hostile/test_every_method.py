"""Every method of every party, called with every certificate that is not the referee's, in every state of a drill."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from collecting import SCENARIO
from forged import by_the_adversary, self_signed
from methods import CALL_SECONDS, answering, every_method
from serving import served

from leakdrill.network.guard import Guard
from leakdrill.network.identity import Authority, Credentials
from leakdrill.network.policy import Policy, Row
from leakdrill.network.rpc import Listener, connect
from leakdrill.pb import party_pb2, party_pb2_grpc
from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.scenario.schema import Scenario

DOORS = (
    "cbig/private",
    "cbig/public",
    "csmall/private",
    "csmall/public",
    "csmall/exfiltration",
    "adversary/private",
)
STATES = ("setup", "open", "breached")
CALLERS = ("adversary", "csmall", "cbig", "observer", "mallory")  # the last is no party at all

# The grants, written out by hand: whatever is not here must be denied.
IS_WELL = {"/grpc.health.v1.Health/Check"}
WHAT_IS_SERVED = {
    *IS_WELL,
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}
PREDICT = {
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
    "/inference.GRPCInferenceService/ModelReady",
    "/inference.GRPCInferenceService/ServerMetadata",
    "/inference.GRPCInferenceService/ModelMetadata",
    "/inference.GRPCInferenceService/ModelInfer",
}
EXFILTRATE = {"/leakdrill.v1.ExfiltrationService/Exfiltrate"}
RELEASE = {"/leakdrill.v1.SourceService/ReleaseFeatures"}


def granted(caller: str, door: str, state: str) -> set[str]:
    match caller, door:
        case "adversary", "cbig/public" | "csmall/public":
            return WHAT_IS_SERVED | (PREDICT if state in ("open", "breached") else set())
        case "adversary", "csmall/exfiltration":
            return WHAT_IS_SERVED | (EXFILTRATE if state == "breached" else set())
        case "csmall", "cbig/private":
            return RELEASE
        case ("adversary", "adversary/private") | ("csmall", "csmall/private") | ("cbig", "cbig/private"):
            return IS_WELL
        case _:
            return set()


@dataclass
class World:
    """Running parties, and the authority of their drill, which a test may ask for certificates that nobody has."""

    parties: LocalParties
    authority: Authority
    directory: Path

    def credentials(self, holder: str) -> Credentials:
        directory = self.parties.credentials_dir(holder)
        if not directory.exists():
            self.authority.issue(holder, directory)
        return Credentials.load(directory)

    @property
    def doors(self) -> dict[str, str]:
        return {door: self.parties.addresses[door] for door in DOORS}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("doors")
    authorities: list[Authority] = []
    create = Authority.create

    def remembered(*arguments: Any) -> Authority:
        authorities.append(create(*arguments))
        return authorities[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Authority, "create", remembered)
        with LocalParties(directory) as parties:
            patch.undo()
            yield World(parties, authorities[0], directory)


@pytest.fixture(scope="module")
def answered(world: World) -> dict[tuple[str, str, str], set[str]]:
    """By state, caller and door: which of all methods answered, in a drill whose models are made."""
    source = {"source_model": {"arch": {"kind": "small_cnn", "width": 8}, "fit": {"epochs": 1}}}
    timeline = ["train_source", "release", "adapt", {"breach": {"fidelity": "full"}}]
    scenario = Scenario.model_validate(SCENARIO | {"cbig": source, "timeline": timeline})
    found = {}
    with Drill(scenario, out=world.directory / "run", parties=world.parties) as drill:
        drill.train_source()
        drill.release()
        drill.adapt()
        for state, enter in {"setup": None, "open": drill.open_public_apis, "breached": drill.breach}.items():
            if enter:
                enter()
            found |= {(state, *who): methods for who, methods in all_answers(world).items()}
    return found


def all_answers(world: World) -> dict[tuple[str, str], set[str]]:
    """By caller and door."""
    methods = every_method(world.doors, world.credentials("referee"))
    return {
        (caller, door): answering(address, door.partition("/")[0], world.credentials(caller), methods)
        for caller in CALLERS
        for door, address in world.doors.items()
    }


def differences(answers: set[str], grants: set[str]) -> list[str]:
    """What a checker has to complain about."""
    return sorted(
        [f"{method} answers" for method in answers - grants] + [f"{method} is denied" for method in grants - answers]
    )


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("caller", CALLERS)
def test_exactly_the_granted_methods_answer(
    answered: dict[tuple[str, str, str], set[str]], caller: str, state: str
) -> None:
    complaints = {door: differences(answered[state, caller, door], granted(caller, door, state)) for door in DOORS}
    assert {door: found for door, found in complaints.items() if found} == {}


@pytest.mark.slow
def test_the_methods_are_all_there(world: World) -> None:
    methods = every_method(world.doors, world.credentials("referee"))
    for service in ("PartyService", "SourceService", "TargetService", "AdversaryService", "ExfiltrationService"):
        assert [method for method in methods if method.startswith(f"/leakdrill.v1.{service}/")]
    grants = [granted(caller, door, state) for caller in CALLERS for door in DOORS for state in STATES]
    assert {method for grant in grants for method in grant} <= set(methods)
    assert {door for door in world.parties.addresses if not door.endswith("/metrics")} == set(DOORS)


def expired(world: World, directory: Path) -> Any:
    world.authority.issue("referee", directory, lifetime=timedelta(seconds=-1))
    return Credentials.load(directory)


def of_another_authority(world: World, directory: Path) -> Any:
    Authority.create().issue("referee", directory)
    return Credentials.load(directory)


def made_by_itself(world: World, directory: Path) -> Any:
    return self_signed("referee", world.credentials("adversary"))


def made_by_the_adversary(world: World, directory: Path) -> Any:
    return by_the_adversary("referee", world.credentials("adversary"))


@pytest.mark.slow
@pytest.mark.parametrize("forge", [expired, of_another_authority, made_by_itself, made_by_the_adversary])
def test_a_certificate_that_is_not_the_authoritys_is_refused_in_the_handshake(
    world: World, tmp_path: Path, forge: Callable[[World, Path], Credentials]
) -> None:
    forged = forge(world, tmp_path)
    own = Credentials(world.credentials("adversary").ca, forged.cert, forged.key)  # it trusts whom it should
    for door, address in world.doors.items():
        with connect(address, own, door.partition("/")[0]) as channel:
            assert handshake(channel) == "UNAVAILABLE", door


@pytest.mark.slow
def test_without_a_certificate_nothing_answers(world: World) -> None:
    tls = grpc.ssl_channel_credentials(world.credentials("adversary").ca)
    for door, address in world.doors.items():
        options = [("grpc.ssl_target_name_override", door.partition("/")[0])]
        with grpc.secure_channel(address, tls, options) as channel:
            assert handshake(channel) == "UNAVAILABLE", door
        with grpc.insecure_channel(address) as channel:
            assert handshake(channel) == "UNAVAILABLE", door


@pytest.mark.slow
def test_no_party_passes_for_another(world: World) -> None:
    """Whoever dials a party and reaches another, by a wrong address or a rerouted one, tells it nothing."""
    for door, address in world.doors.items():
        for party in ("cbig", "csmall", "adversary", "referee"):
            with connect(address, world.credentials("referee"), party) as channel:
                assert (handshake(channel) == "OK") == door.startswith(f"{party}/"), (door, party)


def handshake(channel: Any) -> str:
    """The status of a health check, which the referee may make anywhere."""
    try:
        channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=CALL_SECONDS)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


class Anything(party_pb2_grpc.PartyServiceServicer):
    async def Collect(self, request: Any, context: Any) -> party_pb2.CollectResponse:
        return party_pb2.CollectResponse()


COLLECT = "/leakdrill.v1.PartyService/Collect"


@pytest.mark.parametrize(
    ("added", "complaints"),
    [
        ({}, []),
        ({"methods": ["leakdrill.v1.PartyService/Collect"]}, [f"{COLLECT} answers"]),
        ({"methods": ["leakdrill.v1.PartyService/*"], "listeners": ["public", "private"]}, [f"{COLLECT} answers"]),
    ],
)
def test_a_row_too_many_is_found(tmp_path: Path, added: dict[str, Any], complaints: list[str]) -> None:
    assert differences(reachable(tmp_path, [too_much(**added)] if added else []), set()) == complaints


def test_a_row_too_few_is_found(tmp_path: Path) -> None:
    assert differences(reachable(tmp_path, []), {COLLECT}) == [f"{COLLECT} is denied"]


def too_much(**given: Any) -> Row:
    """A grant to the adversary that nobody should have written."""
    row = {"at": ["cbig"], "listeners": ["private"], "callers": ["adversary"], "states": ["open"]}
    return Row.model_validate(row | given)


def reachable(directory: Path, rows: list[Row]) -> set[str]:
    """What the adversary reaches at cbig's private listener under the policy and `rows`."""
    authority = Authority.create()
    for party in ("cbig", "adversary"):
        authority.issue(party, directory / party)
    guard = Guard("cbig", Policy((*Policy.load().rows, *rows)))
    guard.state = "open"

    def add(server: Any) -> None:
        party_pb2_grpc.add_PartyServiceServicer_to_server(Anything(), server)

    listener = Listener("private", add, ("leakdrill.v1.PartyService",))
    with served(guard, [listener], Credentials.load(directory / "cbig")) as addresses:
        credentials = Credentials.load(directory / "adversary")
        return answering(addresses["private"], "cbig", credentials, [COLLECT, "/no.Such/Method"])
