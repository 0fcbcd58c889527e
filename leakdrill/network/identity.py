"""Who is who: short-lived certificates that name a party, from an authority made for one drill.

A party is named by the URI SAN of its certificate, `spiffe://leakdrill/<party>`. DNS and IP SANs stand beside it so
that stock gRPC clients can verify the host; a server's DNS SAN is also how our own clients check whom they reached.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from leakdrill.errors import NotFound

SPIFFE_PREFIX = "spiffe://leakdrill/"
LIFETIME = timedelta(hours=24)
CLOCK_SKEW = timedelta(minutes=5)  # a container's clock may be behind the one that issues


@dataclass(frozen=True)
class Credentials:
    """What a party needs to prove who it is and to check others, in PEM."""

    ca: bytes
    cert: bytes
    key: bytes = field(repr=False)

    @classmethod
    def load(cls, directory: Path) -> "Credentials":
        """Reads what `Authority.issue` wrote. Raises NotFound naming the first file that is missing."""
        try:
            ca, cert, key = ((directory / name).read_bytes() for name in ("ca.pem", "cert.pem", "key.pem"))
        except FileNotFoundError as error:
            raise NotFound(
                f"no credentials at {error.filename}: issue them, or give the directory that has them"
            ) from error
        return cls(ca, cert, key)


@dataclass(frozen=True)
class Authority:
    """A drill's certificate authority. Its key lives in this process and is never written."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, lifetime: timedelta = LIFETIME) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("leakdrill drill authority")
        cert = (
            _unsigned(name, name, key.public_key(), datetime.now(UTC) + lifetime)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(cert, key)

    def issue(
        self,
        party: str,
        directory: Path,
        hosts: Sequence[str] = ("localhost", "127.0.0.1"),
        lifetime: timedelta | None = None,
    ) -> None:
        """Writes key.pem (readable by its owner only), cert.pem and ca.pem for `party` into `directory`.

        `hosts` are the names and addresses that it may serve at: with none it can call, and pass for no server.
        `lifetime` is the authority's own unless given.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        expiry = self.cert.not_valid_after_utc if lifetime is None else datetime.now(UTC) + lifetime
        cert = self._sign(party, key.public_key(), hosts, expiry)
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(directory / "key.pem", _key_pem(key))
        (directory / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        (directory / "ca.pem").write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    def _sign(
        self, party: str, public_key: ec.EllipticCurvePublicKey, hosts: Sequence[str], expiry: datetime
    ) -> x509.Certificate:
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]  # parties that serve call each other, too
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(SPIFFE_PREFIX + party)]
        if hosts:
            purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
            names += [x509.DNSName(party), *map(_host_name, hosts)]
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            _unsigned(_name(party), self.cert.subject, public_key, expiry)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(issuer_key, critical=False)
            .sign(self.key, hashes.SHA256())
        )


def authority_of(cert: bytes) -> bytes:
    """The key identifier of the authority that signed a certificate in PEM; it cannot be another's, which is signed."""
    extensions = x509.load_pem_x509_certificate(cert).extensions
    return extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""


def _unsigned(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, expiry: datetime
) -> x509.CertificateBuilder:
    """A certificate to be extended and signed, valid from now (or, if it has expired already, from before that)."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(datetime.now(UTC), expiry) - CLOCK_SKEW)
        .not_valid_after(expiry)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    """Never readable by others, not even for the moment between creation and chmod."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
