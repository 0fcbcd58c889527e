"""What takes seconds to import is imported by what needs it, not by every command and every party that starts."""

import subprocess
import sys

STARTS = """
import sys
from leakdrill.cli import app
app(["check", "quickstart"], standalone_mode=False)
import leakdrill.referee.drill, services.adversary.__main__, services.cbig.__main__, services.csmall.__main__
heavy = {"altair", "opacus", "pandas", "ray", "scipy.ndimage", "scipy.stats", "sklearn", "torchvision"}
print(*sorted(heavy & sys.modules.keys()), end="", file=sys.stderr)
"""


def test_checking_a_scenario_or_starting_a_party_imports_nothing_that_takes_a_second_and_may_not_be_needed() -> None:
    started = subprocess.run([sys.executable, "-c", STARTS], check=False, capture_output=True, text=True)
    assert (started.returncode, started.stderr) == (0, "")
