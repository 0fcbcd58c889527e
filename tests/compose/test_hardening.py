"""What a party may do inside its container, and which secrets it finds there."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from deployment import CALLER, PARTIES, Deployment, docker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Answers = dict[str, dict[str, Any]]

USERS = {"cbig": 10001, "csmall": 10002, "adversary": 10003}
NO_CAPABILITIES = "0" * 16

STATUS = """
import json
lines = [line.partition(":") for line in open("/proc/self/status")]
print(json.dumps({name: value.strip() for name, _, value in lines}))
"""
#: Which of these folders can be written to.
WRITABLE = """
import json, os, sys
found = []
for folder in sys.argv[1:]:
    try:
        path = os.path.join(folder, "written")
        open(path, "w").close()
        os.remove(path)
        found.append(folder)
    except OSError:
        pass
print(json.dumps(found))
"""
#: Every private key that this user can read, anywhere, and every other certificate than its own.
SECRETS = """
import json, os
keys = set()
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys", "/usr", "/dev")]
    for name in files:
        path = os.path.join(folder, name)
        try:
            content = open(path, "rb").read(1 << 16)
        except OSError:
            continue
        if b"PRIVATE KEY" in content:
            keys.add(path)
print(json.dumps(sorted(keys)))
"""
LIMITS = """
import json, os
def limit(*names):  # in cgroup v2 and in v1
    (path,) = [path for path in ("/sys/fs/cgroup/" + name for name in names) if os.path.exists(path)]
    return int(open(path).read())
print(json.dumps({
    "memory": limit("memory.max", "memory/memory.limit_in_bytes"),
    "processes": limit("pids.max", "pids/pids.max"),
    "init": open("/proc/1/comm").read().strip(),
}))
"""
ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
FOLDER = "import json, os; print(json.dumps(os.listdir()))"
NOT_WRITABLE = ("/", "/leakdrill", "/credentials", "/usr/local/lib/python3.11/site-packages", "/etc", "/home")


@pytest.fixture(scope="module")
def inside(parties: Deployment) -> Answers:
    """By party, what each question is answered with inside its container: asked at once, since that takes seconds."""
    questions = {
        "status": STATUS, "writable": WRITABLE, "secrets": SECRETS, "limits": LIMITS, "environment": ENVIRONMENT,
        "folder": FOLDER,
    }  # fmt: skip

    def ask(party: str) -> dict[str, Any]:
        folders = (*NOT_WRITABLE, f"/home/{party}", "/tmp")
        return {name: parties.inside(party, question, *folders) for name, question in questions.items()}

    with ThreadPoolExecutor() as threads:
        return dict(zip(PARTIES, threads.map(ask, PARTIES), strict=True))


def check_status(status: dict[str, str], user: int) -> None:
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(user)}
    assert status["NoNewPrivs"] == "1"
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[kind] == NO_CAPABILITIES, kind


@pytest.mark.parametrize("party", PARTIES)
def test_a_party_is_an_ordinary_user_without_capabilities(inside: Answers, party: str) -> None:
    check_status(inside[party]["status"], USERS[party])


def test_the_referee_becomes_the_owner_of_runs_and_keeps_no_privilege(parties: Deployment) -> None:
    done = parties.compose("run", "--rm", "--no-deps", "-T", "referee", "python", "-c", STATUS)
    check_status(json.loads(done.stdout), CALLER)


@pytest.mark.parametrize("party", PARTIES)
def test_only_a_partys_home_and_scratch_can_be_written_to(inside: Answers, party: str) -> None:
    assert inside[party]["writable"] == [f"/home/{party}", "/tmp"]


@pytest.mark.parametrize("party", PARTIES)
def test_a_party_finds_no_key_but_its_own(inside: Answers, party: str) -> None:
    assert inside[party]["secrets"] == ["/credentials/key.pem"]


@pytest.mark.parametrize("party", PARTIES)
def test_a_party_finds_no_scenario(inside: Answers, party: str) -> None:
    assert "services" in inside[party]["folder"]
    assert "scenarios" not in inside[party]["folder"]


@pytest.mark.parametrize("party", PARTIES)
def test_a_partys_environment_says_nothing_of_the_scenario(inside: Answers, party: str) -> None:
    names = set(inside[party]["environment"])
    assert not {name for name in names if name.startswith(("LEAKDRILL", "SCENARIO", "ARGS", "DATA"))}


@pytest.mark.parametrize("party", PARTIES)
def test_memory_and_processes_are_limited_and_an_init_reaps(parties: Deployment, inside: Answers, party: str) -> None:
    host: dict[str, Any] = parties.inspect(party)["HostConfig"]
    assert host["Memory"] == 6 << 30
    assert host["PidsLimit"] == 256
    assert host["ReadonlyRootfs"] is True
    assert host["Init"] is True
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert inside[party]["limits"] == {"memory": 6 << 30, "processes": 256, "init": "docker-init"}


def test_each_party_has_volumes_of_its_own(parties: Deployment) -> None:
    volumes = {
        party: {mount["Name"] for mount in parties.inspect(party)["Mounts"] if mount["Type"] == "volume"}
        for party in PARTIES
    }
    assert {party: len(names) for party, names in volumes.items()} == dict.fromkeys(PARTIES, 2)
    assert len(set().union(*volumes.values())) == 2 * len(PARTIES)


def test_down_leaves_nothing_behind(deployment: Deployment) -> None:
    another = Deployment(deployment.directory, f"{deployment.name}-down")
    another.compose("up", "--detach", "--wait", "identities")
    another.compose(
        "create", "adversary"
    )  # with its networks and volumes: to start it would take longer, and add nothing
    assert remains(another)
    another.compose("down", "--volumes")
    assert remains(another) == []


def remains(deployment: Deployment) -> list[str]:
    """Containers, networks and volumes that the engine has for it."""
    label = f"label=com.docker.compose.project={deployment.name}"
    listings = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
    return [line for listing in listings for line in docker(*listing, "--quiet", "--filter", label).splitlines()]
