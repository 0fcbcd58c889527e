"""compose.yaml brought up for tests: a copy of the checkout that belongs to somebody else, on a real engine."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from base_image import INSTALLED

ROOT = Path(__file__).parents[2]
PARTIES = ("cbig", "csmall", "adversary")
BASE_IMAGE = "leakdrill-test-slim"
COMPOSE_FILES = ("compose.yaml", "tests/compose/installed.yaml")
CALLER = 1234 if os.geteuid() == 0 else os.geteuid()  # whose checkout it is
MINUTES = 60


def why_no_engine() -> str | None:
    """What is missing to bring containers up; None if nothing is."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    for command in (["info"], ["compose", "version"], ["image", "inspect", "python:3.11-slim"]):
        done = subprocess.run(["docker", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"`docker {' '.join(command)}` fails: {done.stderr.strip()[:200]}"
    return None


def docker(*arguments: str) -> str:
    command = ["docker", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=2 * MINUTES).stdout.strip()


@dataclass(frozen=True)
class Deployment:
    """One compose project in `directory`."""

    directory: Path
    name: str
    more_files: tuple[str, ...] = ()  # over COMPOSE_FILES

    @classmethod
    def create(cls, directory: Path, name: str, scenarios: Mapping[str, str]) -> "Deployment":
        """A copy of all that git knows, with more scenarios, owned by CALLER."""
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for file in filter(None, tracked.split("\0")):
            if (ROOT / file).exists():
                (directory / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, directory / file)
        for scenario, text in scenarios.items():
            (directory / "scenarios" / f"{scenario}.yaml").write_text(text)
        for path in (directory, *directory.rglob("*")):
            os.chown(path, CALLER, CALLER)
        return cls(directory, name)

    def compose(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        command = ["docker", "compose", "--project-name", self.name, *arguments]
        given = os.environ | {
            "BASE_IMAGE": BASE_IMAGE,
            "IMAGE": "leakdrill-test",
            "INSTALLED": str(INSTALLED),
            "COMPOSE_FILE": ":".join((*COMPOSE_FILES, *self.more_files)),
            **environment,
        }
        done = subprocess.run(
            command, cwd=self.directory, env=given, capture_output=True, text=True, timeout=5 * MINUTES, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def inside(self, service: str, code: str, *arguments: str) -> Any:
        """What Python `code` prints as JSON, run in the service's container as the service's user."""
        return json.loads(self.compose("exec", "-T", service, "python", "-c", code, *arguments).stdout)

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "--all", "--quiet", service).stdout.strip()
        described: dict[str, Any] = json.loads(docker("inspect", container))[0]
        return described

    @cache  # noqa: B019  # there are two or three deployments, and they last
    def addresses(self, service: str) -> dict[str, str]:
        """The service's IP address on each of its networks, by the network's name in compose.yaml."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return {name.removeprefix(f"{self.name}_"): network["IPAddress"] for name, network in networks.items()}
