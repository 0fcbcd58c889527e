"""The hostile attack of tests/hostile with the run of the adversary's real container; the test is the referee."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployment import Deployment, docker

sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))

import plants
from collecting import collect
from looks import assert_at_chance, assert_found_out, looks

from leakdrill.referee.remote_parties import RemoteParties

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NUM_DRILLS = 4
NUM_PLANTED = 2
EVERYWHERE = ("/home", "/credentials", "/tmp", "/run", "/etc", "/leakdrill", "/var")


@pytest.fixture(scope="module")
def parties(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteParties]:
    """The parties in containers, as seen from the machine that runs them."""
    spied = Deployment(deployment.directory, f"{deployment.name}-spied", ("tests/compose/spying.yaml",))
    spied.compose("up", "--detach", "--wait", "cbig", "csmall", "adversary")
    try:
        credentials = tmp_path_factory.mktemp("referee")
        docker("cp", f"{spied.name}-identities-1:/credentials/referee/.", str(credentials))
        yield RemoteParties(addresses=addresses(spied), credentials_dir=credentials)
    finally:
        spied.compose("down", "--volumes", check=False)


def addresses(deployment: Deployment) -> dict[str, str]:
    """As in compose.parties.yaml, by number: this machine does not know the containers' names."""
    ip = {party: deployment.addresses(party) for party in ("cbig", "csmall", "adversary")}
    return {
        **{f"{party}/private": f"{networks[f'control-{party}']}:7001" for party, networks in ip.items()},
        "cbig/contract": f"{ip['cbig']['contract']}:7001",
        "cbig/public": f"{ip['cbig']['public']}:8001",
        "csmall/public": f"{ip['csmall']['public']}:8001",
        "csmall/exfiltration": f"{ip['csmall']['public']}:8002",
    }


def test_a_spy_with_the_whole_container_is_at_chance(parties: RemoteParties, tmp_path: Path) -> None:
    assert_at_chance(looks(parties, NUM_DRILLS, tmp_path, look_in=EVERYWHERE))


def test_the_spy_in_the_container_finds_out_a_referee_who_deals_members_first(
    parties: RemoteParties, tmp_path: Path
) -> None:
    assert_found_out([collect(parties, NUM_PLANTED, tmp_path, plants.members_first(), look_in=EVERYWHERE)])
