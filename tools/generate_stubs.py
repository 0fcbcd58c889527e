"""Generates leakdrill/pb from proto/: run by `make proto`, and by the drift test into a directory of its own.

protoc lays its output out by proto package (`leakdrill/v1`, `inference`); all of it is moved flat into one Python
package, because `leakdrill.v1` would sit inside our own package and a top-level `inference` is anybody's name.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
STUBS = ROOT / "leakdrill" / "pb"

INIT = '"""Generated from proto/ by tools/generate_stubs.py: never edit."""\n'
IMPORT = re.compile(r"^from (?:leakdrill\.v1|inference) import ", flags=re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description="Generate the gRPC stubs from proto/.")
    parser.add_argument("out", nargs="?", type=Path, default=STUBS, help="the package's directory (%(default)s)")
    generate(parser.parse_args().out)


def generate(out: Path) -> None:
    """Replaces every stub in `out` by those of the protos as they stand."""
    with tempfile.TemporaryDirectory() as scratch:
        run_protoc(Path(scratch))
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / "__init__.py").write_text(INIT)
        for stub in sorted(Path(scratch).rglob("*.py*")):
            (out / stub.name).write_text(IMPORT.sub("from leakdrill.pb import ", stub.read_text()))


def run_protoc(out: Path) -> None:
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    outputs = [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    sources = [str(path.relative_to(PROTO)) for path in sorted(PROTO.rglob("*.proto"))]
    # the mypy plugins stand beside the interpreter, which need not be on the PATH
    beside = Path(sys.executable).parent
    plugins = [f"--plugin={name}={beside / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    status = protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", *plugins, *outputs, *sources])
    if status:
        raise SystemExit(f"protoc failed with status {status}")


if __name__ == "__main__":
    main()
