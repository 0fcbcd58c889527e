import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from leakdrill.errors import NotFound
from leakdrill.network.identity import Authority, Credentials


def issued(authority: Authority, directory: Path, party: str = "cbig") -> x509.Certificate:
    authority.issue(party, directory, hosts=("localhost", "127.0.0.1", "cbig.internal"))
    return x509.load_pem_x509_certificate(Credentials.load(directory).cert)


def test_a_certificate_names_its_party_and_hosts(tmp_path: Path) -> None:
    names = issued(Authority.create(), tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://leakdrill/cbig"]
    assert names.get_values_for_type(x509.DNSName) == ["cbig", "localhost", "cbig.internal"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_a_certificate_is_signed_by_the_authority_and_lives_for_a_day(tmp_path: Path) -> None:
    authority = Authority.create()
    cert = issued(authority, tmp_path)
    cert.verify_directly_issued_by(authority.cert)
    assert timedelta(0) < cert.not_valid_after_utc - datetime.now(UTC) <= timedelta(hours=24)
    assert cert.not_valid_before_utc <= datetime.now(UTC)


def test_a_party_cannot_issue_certificates(tmp_path: Path) -> None:
    extensions = issued(Authority.create(), tmp_path).extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_serial_numbers_differ(tmp_path: Path) -> None:
    authority = Authority.create()
    assert issued(authority, tmp_path / "a").serial_number != issued(authority, tmp_path / "b").serial_number


def test_a_key_is_readable_by_its_owner_only_and_the_authoritys_is_not_written(tmp_path: Path) -> None:
    authority = Authority.create()
    issued(authority, tmp_path)
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "cert.pem", "key.pem"}
    key = load_pem_private_key((tmp_path / "key.pem").read_bytes(), password=None)
    assert key.public_key() != authority.key.public_key()


def test_issuing_again_replaces_a_key_that_others_could_read(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("old")
    (tmp_path / "key.pem").chmod(0o644)
    issued(Authority.create(), tmp_path)
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_missing_credentials_are_named(tmp_path: Path) -> None:
    issued(Authority.create(), tmp_path)
    (tmp_path / "cert.pem").unlink()
    with pytest.raises(NotFound, match=r"cert\.pem"):
        Credentials.load(tmp_path)


def test_credentials_do_not_print_their_key(tmp_path: Path) -> None:
    issued(Authority.create(), tmp_path)
    assert "PRIVATE" not in repr(Credentials.load(tmp_path))
