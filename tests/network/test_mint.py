import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from leakdrill.network.mint import main

PARTIES = ("cbig", "adversary")


def mint(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owners = [f"{party}={directory}" for party in PARTIES]
    monkeypatch.setattr(sys, "argv", ["leakdrill.network.mint", str(directory), *owners])
    main()


def authority(directory: Path, party: str) -> bytes:
    return (directory / party / "ca.pem").read_bytes()


def test_every_party_gets_its_own_folder_under_one_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mint(tmp_path, monkeypatch)
    assert authority(tmp_path, "cbig") == authority(tmp_path, "adversary")
    for party in PARTIES:
        assert sorted(path.name for path in (tmp_path / party).iterdir()) == ["ca.pem", "cert.pem", "key.pem"]
        assert (tmp_path / party / "key.pem").stat().st_mode & 0o777 == 0o600
        names = x509.load_pem_x509_certificate((tmp_path / party / "cert.pem").read_bytes())
        sans = names.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert f"{party}.public" in sans.get_values_for_type(x509.DNSName)


def test_good_certificates_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mint(tmp_path, monkeypatch)
    before = authority(tmp_path, "cbig")
    mint(tmp_path, monkeypatch)
    assert authority(tmp_path, "cbig") == before


def test_all_are_made_anew_when_one_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mint(tmp_path, monkeypatch)
    before = authority(tmp_path, "cbig")
    (tmp_path / "adversary" / "cert.pem").unlink()
    mint(tmp_path, monkeypatch)
    assert authority(tmp_path, "cbig") == authority(tmp_path, "adversary") != before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_belongs_to_the_user_who_was_named(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "leakdrill.network.mint", str(tmp_path), "cbig=10001"], check=True)
    assert (tmp_path / "cbig" / "key.pem").stat().st_uid == 10001
