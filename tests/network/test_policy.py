import itertools

import pytest
from pydantic import TypeAdapter, ValidationError

from leakdrill.network.policy import STATES, Policy, Row
from leakdrill.pb import adversary_pb2, inference_pb2, party_pb2, source_pb2, target_pb2

POLICY = Policy.load()
PARTIES = ("referee", "cbig", "csmall", "adversary")
INFER = "/inference.GRPCInferenceService/ModelInfer"
EXFILTRATE = "/leakdrill.v1.ExfiltrationService/Exfiltrate"
RELEASE = "/leakdrill.v1.SourceService/ReleaseFeatures"


def methods(*modules: object) -> list[str]:
    return [
        f"/{service.full_name}/{method.name}"
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined]
        for method in service.methods
    ]


PRIVATE = methods(party_pb2, source_pb2, target_pb2, adversary_pb2)
ALL = [*PRIVATE, *methods(inference_pb2)]


def granted(caller: str, state: str) -> set[tuple[str, str]]:
    """Every (party, method) of our own protocols that `caller` may call."""
    return {(at, method) for at in PARTIES for method in ALL if POLICY.allows(at, method, caller, state)}


@pytest.mark.parametrize("state", STATES)
def test_the_adversary_reaches_no_private_method_but_the_exfiltration_it_was_opened(state: str) -> None:
    private = {(at, method) for at, method in granted("adversary", state) if method in PRIVATE}
    assert private == ({("csmall", EXFILTRATE)} if state == "breached" else set())


@pytest.mark.parametrize("state", STATES)
def test_csmall_may_only_take_the_features_from_cbig(state: str) -> None:
    assert granted("csmall", state) == {("cbig", RELEASE)}


@pytest.mark.parametrize("state", STATES)
def test_cbig_calls_nobody_and_nobody_calls_the_referee(state: str) -> None:
    assert granted("cbig", state) == set()
    assert not any(POLICY.allows("referee", method, caller, state) for method in ALL for caller in PARTIES)


def test_public_apis_answer_once_they_are_open() -> None:
    answers = [POLICY.allows("cbig", INFER, "adversary", state, "public") for state in STATES]
    assert answers == [False, True, True]
    assert not POLICY.allows("adversary", INFER, "referee", "open")


def test_a_grant_holds_on_its_own_listener_only() -> None:
    assert not POLICY.allows("cbig", INFER, "adversary", "open", "private")
    assert not POLICY.allows("csmall", EXFILTRATE, "adversary", "breached", "public")
    assert POLICY.allows("csmall", EXFILTRATE, "adversary", "breached", "exfiltration")


def test_every_method_is_granted_to_somebody_by_the_end() -> None:
    unreachable = [method for method in ALL if not any((at, method) in granted(caller, "breached")
                   for at, caller in itertools.product(PARTIES, PARTIES))]  # fmt: skip
    assert unreachable == []


@pytest.mark.parametrize(
    ("method", "caller", "state"),
    [
        ("/leakdrill.v1.PartyService/Configure", "unidentified", "open"),
        ("/leakdrill.v1.PartyService/Configure", "", "open"),
        ("/leakdrill.v1.PartyService/Configure", "referee", "shut"),
        ("/leakdrill.v1.PartyServiceX/Configure", "referee", "open"),
        ("leakdrill.v1.PartyService/Configure", "referee", "open"),
        ("/leakdrill.v1.PartyService", "referee", "open"),
        ("/no.Such/Method", "referee", "open"),
        ("", "referee", "open"),
    ],
)
def test_what_no_row_grants_is_refused(method: str, caller: str, state: str) -> None:
    assert not POLICY.allows("cbig", method, caller, state)


def test_a_row_with_a_misspelt_party_is_refused() -> None:
    row = {"at": ["cbigg"], "listeners": ["public"], "methods": ["a/b"], "callers": ["referee"], "states": ["open"]}
    with pytest.raises(ValidationError, match="cbig"):
        TypeAdapter(Row).validate_python(row)


@pytest.mark.parametrize("state", STATES)
def test_metrics_are_for_the_referee_and_the_observer_who_gets_nothing_else(state: str) -> None:
    readers = {"referee", "observer"}
    for at, caller in itertools.product(("cbig", "csmall", "adversary"), (*PARTIES, "observer", "stranger")):
        assert POLICY.allows(at, "/metrics", caller, state, "metrics") == (caller in readers)
        assert not POLICY.allows(at, "/metrics", caller, state, "private")
    assert granted("observer", state) == set()


def test_a_player_may_ask_the_public_apis_and_nothing_else() -> None:
    asked = {(at, method) for at, method in granted("player-07", "breached")}
    assert asked == {(at, method) for at, method in granted("adversary", "breached") if method not in PRIVATE}
    assert asked, "this test would pass without looking"
    assert granted("player-07", "setup") == set()
    assert granted("players", "open") == granted("referee-player-07", "open") == set()
