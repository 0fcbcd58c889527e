"""Gives every party of a deployment its own certificate and key, and no other's: `python -m leakdrill.network.mint`.

The authority's key is never written, so all certificates are made in one go: again when any is missing, is of another
authority or of another user, or has used up half of its life.
"""

import argparse
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from leakdrill.network.identity import LIFETIME, Authority

NETWORKS = ("control", "contract", "public", "observe")  # a party is PARTY.NETWORK on each of them


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="leakdrill.network.mint", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, help="gets a folder for each party: ca.pem, cert.pem, key.pem")
    parser.add_argument(
        "owners",
        nargs="+",
        metavar="PARTY=OWNER",
        help="who may read the party's key: a user id, or a path whose owner it is",
    )
    args = parser.parse_args()
    owners = {party: owner for party, _, owner in (each.partition("=") for each in args.owners)}
    if _all_good(args.directory, owners):
        return
    authority = Authority.create()
    for party, owner in owners.items():
        directory = args.directory / party
        _empty(directory)
        authority.issue(party, directory, hosts=[f"{party}.{network}" for network in NETWORKS] + ["localhost"])
        user, group = _ids(owner)
        for file in directory.iterdir():
            os.chown(file, user, group)


def _all_good(directory: Path, owners: dict[str, str]) -> bool:
    """Whether all certificates are there, whole, of one authority, young enough, and each party's to read."""
    folders = [directory / party for party in owners]
    try:
        certificates = [x509.load_pem_x509_certificate((each / "cert.pem").read_bytes()) for each in folders]
        authorities = {(each / "ca.pem").read_bytes() for each in folders}
        if any((directory / party / "key.pem").stat().st_uid != _ids(owner)[0] for party, owner in owners.items()):
            return False
    except (FileNotFoundError, ValueError):
        return False
    oldest = min(certificate.not_valid_after_utc for certificate in certificates)
    return len(authorities) == 1 and oldest - datetime.now(UTC) > LIFETIME / 2


def _empty(directory: Path) -> None:
    """The folder itself stays: it may be where a volume is mounted."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _ids(owner: str) -> tuple[int, int]:
    if owner.isdecimal():
        return int(owner), int(owner)
    status = os.stat(owner)
    return status.st_uid, status.st_gid


if __name__ == "__main__":
    main()
