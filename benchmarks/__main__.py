"""Runs every benchmark in this folder, one after another, and writes docs/performance.md from their last lines.

python -m benchmarks            all of them (`make bench`)
python -m benchmarks NAME ...   only these; the page keeps what it says of the others
"""

import argparse
import ast
import json
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

import torch

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
FIGURES = HERE.parent / "docs" / "performance.json"  # what the page is made from


def main() -> None:
    names = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    chosen = parser.parse_args().names or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in chosen:
        figures[name] = {"date": date.today().isoformat(), "figures": run(name)}
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page({name: figures[name] for name in names if name in figures}))
    sys.stdout.write(f"wrote {PAGE}\n")


def run(name: str) -> dict[str, float]:
    """Run one benchmark, showing what it prints, and return the JSON object on its last line."""
    sys.stdout.write(f"== {name}\n")
    process = subprocess.Popen([sys.executable, "-m", f"benchmarks.{name}"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        sys.stdout.write(line)
        last = line if line.strip() else last
    if process.wait():
        sys.exit(f"{name} failed with exit code {process.returncode}")
    figures: dict[str, float] = json.loads(last)
    return figures


def page(figures: dict[str, dict[str, object]]) -> str:
    """The page, a section per benchmark: what it compares, its command, its figures."""
    machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, Python {platform.python_version()}"
    sections = [
        "# Performance",
        "Written by `make bench`, which runs every program in `benchmarks/`. Figures are ratios between two things "
        f"measured in turn in one run, so that they hold when the machine's speed drifts. Machine: {machine}, "
        f"torch {torch.__version__}.",
    ]
    for name, entry in figures.items():
        summary = (ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text())) or "").split("\n\n")[0]
        rows = "\n".join(f"| `{key}` | {value:.4g} |" for key, value in entry["figures"].items())
        sections += [
            f"## {name}",
            summary,
            f"`python -m benchmarks.{name}` on {entry['date']}:",
            f"| figure | value |\n|---|---|\n{rows}",
        ]
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    main()
