"""A base image on which the project's image is built without downloading torch.

It is python:3.11-slim with the metadata of all that is installed here, so that pip finds nothing missing; the packages
themselves are mounted into the containers (installed.yaml), since copying several GB takes minutes.
"""

import io
import subprocess
import sysconfig
import tarfile
from pathlib import Path

SLIM = "python:3.11-slim"
SITE_PACKAGES = "usr/local/lib/python3.11/site-packages"
INSTALLED = Path(sysconfig.get_path("purelib"))
MOUNTED = "/usr/lib/installed"  # as in installed.yaml


def make(tag: str) -> None:
    """As one layer, streamed: nothing is copied to the disk on the way."""
    container = _docker("create", SLIM).stdout.decode().strip()
    environment = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    with (
        subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as exporting,
        subprocess.Popen(
            ["docker", "import", "-c", environment, "-", tag], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as importing,
        tarfile.open(fileobj=exporting.stdout, mode="r|") as slim,
        tarfile.open(fileobj=importing.stdin, mode="w|", bufsize=1 << 20) as image,
    ):
        for member in slim:
            if member.name.startswith(SITE_PACKAGES):  # its pip; ours has one too
                continue
            image.addfile(member, slim.extractfile(member) if member.isreg() else None)
        for path in [*INSTALLED.glob("*.dist-info"), INSTALLED / "pip"]:
            if not path.name.startswith("leakdrill-"):  # which the Dockerfile installs
                image.add(path, f"{SITE_PACKAGES}/{path.name}", filter=_owned_by_root)
        where = tarfile.TarInfo(f"{SITE_PACKAGES}/installed.pth")
        where.size = len(MOUNTED)
        image.addfile(where, io.BytesIO(MOUNTED.encode()))
    _docker("rm", container)
    if importing.returncode != 0:
        raise RuntimeError("docker import failed")


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    return member


def _docker(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True)
