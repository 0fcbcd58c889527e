"""A base image that already holds what is installed here, so that building the project's image downloads no torch.

`python tests/compose/base_image.py TAG` lays this interpreter's site-packages over python:3.11-slim.
"""

import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

SLIM = "python:3.11-slim"
SITE_PACKAGES = "usr/local/lib/python3.11/site-packages"
# What torch does not load without a GPU, and the project itself, which the Dockerfile installs. The metadata of the
# former stays, so pip is content.
LEFT_OUT = ("triton/", "nvidia/cudnn/lib/libcudnn_", "leakdrill-", "_leakdrill.pth", "_editable_impl_leakdrill")


def make(tag: str) -> None:
    """As one layer, streamed: nothing is copied to the disk on the way."""
    container = _docker("create", SLIM).stdout.decode().strip()
    importing = subprocess.Popen(
        ["docker", "import", "-c", "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "-", tag],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    exporting = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
    assert importing.stdin
    assert exporting.stdout
    with (
        tarfile.open(fileobj=exporting.stdout, mode="r|") as slim,
        tarfile.open(fileobj=importing.stdin, mode="w|", bufsize=1 << 20) as image,
    ):
        for member in slim:
            if member.name.startswith(SITE_PACKAGES):  # its pip; ours has one too
                continue
            image.addfile(member, slim.extractfile(member) if member.isreg() else None)
        image.add(sysconfig.get_path("purelib"), SITE_PACKAGES, filter=_wanted)
    importing.stdin.close()
    exporting.wait()
    _docker("rm", container)
    if importing.wait() != 0:
        raise RuntimeError("docker import failed")


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    inside = member.name.removeprefix(SITE_PACKAGES).lstrip("/") + ("/" if member.isdir() else "")
    if inside.startswith(LEFT_OUT):  # not what is compiled: a read-only container would compile torch at every start
        return None
    member.uid = member.gid = 0
    return member


def _docker(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).stem)
