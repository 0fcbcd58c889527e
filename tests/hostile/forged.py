"""Certificates in another party's name, made with what an adversary has."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from leakdrill.network.identity import SPIFFE_PREFIX, Credentials


def self_signed(party: str, own: Credentials) -> Credentials:
    """`party` by its own word."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Credentials(own.ca, _certificate(party, _name(party), key, key), _pem(key))


def by_the_adversary(party: str, own: Credentials) -> Credentials:
    """`party` by the word of `own`, whose certificate, itself the authority's, is sent along as if it could sign."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = serialization.load_pem_private_key(own.key, None)
    assert isinstance(issuer, ec.EllipticCurvePrivateKey)
    chain = _certificate(party, x509.load_pem_x509_certificate(own.cert).subject, key, issuer) + own.cert
    return Credentials(own.ca, chain, _pem(key))


def _certificate(
    party: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> bytes:
    now, names = datetime.now(UTC), [x509.UniformResourceIdentifier(SPIFFE_PREFIX + party), x509.DNSName(party)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(party))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
