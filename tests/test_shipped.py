"""A wheel brings the scenarios and the parties along, within the package, whatever stands where the user is."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from leakdrill.shipped import LESSONS, SCENARIOS, SERVICES, SWEEPS

ROOT = Path(__file__).parents[1]
WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
STARTS = """
import sys
from importlib import import_module
from leakdrill import shipped
from leakdrill.cli import app
from leakdrill.referee.local import PARTIES, party_command
for party in PARTIES:
    print(import_module(f"{party_command(party)[-1]}.__main__").__name__)
print([folder.is_dir() for folder in (shipped.SCENARIOS, shipped.SWEEPS, shipped.LESSONS)])
app(["check", "quickstart"], standalone_mode=False)
"""


def unpacked(site: Path) -> None:
    """What the wheel puts into site-packages."""
    for folder in WHEEL["only-include"]:
        shutil.copytree(ROOT / folder, site / WHEEL["sources"].get(folder, folder), dirs_exist_ok=True)


def test_a_wheel_works_from_a_folder_that_has_a_decoy_named_services(tmp_path: Path) -> None:
    site, here = tmp_path / "site-packages", tmp_path / "here"
    unpacked(site)
    assert [folder.name for folder in site.iterdir()] == ["leakdrill"]
    (here / "services").mkdir(parents=True)
    (here / "services" / "__init__.py").write_text("raise SystemExit('an impostor')")
    command = [sys.executable, "-c", STARTS]  # without -P: `here` is where Python looks first
    environment = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "500"}
    started = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=200)
    assert started.returncode == 0, started.stderr
    *parties, folders, told = [started.stdout.splitlines()[index] for index in (0, 1, 2, 3, -1)]
    assert parties == [f"leakdrill.services.{party}.__main__" for party in ("cbig", "csmall", "adversary")]
    assert folders == "[True, True, True]"
    assert told.startswith(str(site / "leakdrill" / "scenarios" / "quickstart.yaml"))


def test_a_checkout_has_them_beside_the_package() -> None:
    assert [SCENARIOS, SWEEPS, LESSONS] == [ROOT / "scenarios", ROOT / "sweeps", ROOT / "docs" / "lessons"]
    assert SERVICES == "services"
