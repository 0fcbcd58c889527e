"""What a party can reach from inside its container, and that each check would notice if it could reach more."""

import ipaddress
import json
import socket
from collections.abc import Iterator

import pytest
from deployment import PARTIES, Deployment, docker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PRIVATE, PUBLIC, EXFILTRATION, METRICS = 7001, 8001, 8002, 9100

#: Prints, for each "host:port" given, "open" or the name of the error.
CONNECT = """
import errno, json, socket, sys
found = {}
for address in sys.argv[1:]:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        found[address] = "open"
    except socket.gaierror:
        found[address] = "no such name"
    except TimeoutError:
        found[address] = "ETIMEDOUT"
    except OSError as error:
        found[address] = errno.errorcode[error.errno]
print(json.dumps(found))
"""
ROUTES = """
import json
rows = [line.split() for line in open("/proc/net/route").read().splitlines()[1:]]
print(json.dumps([row[0] for row in rows if int(row[1], 16) == 0 and int(row[7], 16) == 0]))
"""
UNREACHABLE = {"ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT"}


def reach(deployment: Deployment, service: str, *addresses: str) -> dict[str, str]:
    found: dict[str, str] = deployment.inside(service, CONNECT, *addresses)
    return found


def test_the_adversary_reaches_no_private_network(parties: Deployment) -> None:
    private = [
        f"{ip}:{port}"
        for party in ("cbig", "csmall")
        for network, ip in parties.addresses(party).items()
        if network != "public"
        for port in (PRIVATE, PUBLIC, METRICS)
    ]
    assert len(private) == 2 * 2 * 3
    assert set(reach(parties, "adversary", *private).values()) <= UNREACHABLE


@pytest.mark.parametrize("party", ["cbig", "csmall"])
def test_no_party_reaches_the_control_network_of_another(parties: Deployment, party: str) -> None:
    others = [other for other in PARTIES if other != party]
    control = [f"{parties.addresses(other)[f'control-{other}']}:{PRIVATE}" for other in others]
    assert set(reach(parties, party, *control).values()) <= UNREACHABLE


def test_private_names_mean_nothing_to_the_adversary(parties: Deployment) -> None:
    names = [f"{party}.{network}:{PRIVATE}" for party in ("cbig", "csmall") for network in ("control", "contract")]
    assert set(reach(parties, "adversary", *names).values()) == {"no such name"}


def test_private_listeners_and_metrics_do_not_listen_on_the_public_network(parties: Deployment) -> None:
    public = [f"{party}.public:{port}" for party in ("cbig", "csmall") for port in (PRIVATE, METRICS)]
    assert set(reach(parties, "adversary", *public).values()) == {"ECONNREFUSED"}
    assert reach(parties, "csmall", "cbig.contract:8001") == {"cbig.contract:8001": "ECONNREFUSED"}


def test_what_should_be_reached_is(parties: Deployment) -> None:
    """The control case of all that is refused above: the same question, from where the answer is yes."""
    public = [f"cbig.public:{PUBLIC}", f"csmall.public:{PUBLIC}", f"csmall.public:{EXFILTRATION}"]
    assert set(reach(parties, "adversary", *public).values()) == {"open"}
    assert set(reach(parties, "csmall", f"cbig.contract:{PRIVATE}").values()) == {"open"}
    control = [f"{parties.addresses(party)[f'control-{party}']}:{port}" for party in PARTIES for port in (7001, 9100)]
    assert set(json.loads(_run(parties, [f"control-{party}" for party in PARTIES], CONNECT, *control)).values()) == {
        "open"
    }


@pytest.mark.parametrize("party", PARTIES)
def test_no_party_has_a_route_out(parties: Deployment, party: str) -> None:
    assert parties.inside(party, ROUTES) == []


def test_the_check_for_routes_sees_a_route_out(parties: Deployment) -> None:
    """On Docker's ordinary bridge there is one."""
    assert json.loads(_run(parties, ["bridge"], ROUTES)) == ["eth0"]


@pytest.fixture
def port_of_this_machine() -> Iterator[int]:
    """Open to whoever can reach this machine at all."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield server.getsockname()[1]


def test_the_adversary_does_not_reach_the_machine_that_it_runs_on(
    parties: Deployment, port_of_this_machine: int
) -> None:
    gateways = [
        f"{ipaddress.ip_network(f'{ip}/16', strict=False).network_address + 1}:{port_of_this_machine}"
        for ip in parties.addresses("adversary").values()
    ]
    assert set(reach(parties, "adversary", *gateways).values()) <= UNREACHABLE
    docker0 = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    address = f"{docker0}:{port_of_this_machine}"
    assert json.loads(_run(parties, ["bridge"], CONNECT, address)) == {address: "open"}


def _run(deployment: Deployment, networks: list[str], code: str, *arguments: str) -> str:
    """Output of Python code in a container of its own on those networks of the deployment, or on Docker's bridge."""
    first, *others = [name if name == "bridge" else f"{deployment.name}_{name}" for name in networks]
    container = docker("create", "--network", first, "leakdrill-test", "python", "-c", code, *arguments)
    try:
        for network in others:
            docker("network", "connect", network, container)
        return docker("start", "--attach", container)
    finally:
        docker("rm", "--force", container)
