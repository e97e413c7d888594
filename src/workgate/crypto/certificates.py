"""X.509 certificates as SAML uses them: to write a key down, with a date.

What else a certificate claims, and who issued it, does not matter: the metadata that it came in is what is trusted.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from workgate.crypto.public_keys import FEWEST_BITS, MOST_BITS, UnusableKey
from workgate.domain.ids import Entropy, Milliseconds
from workgate.domain.texts import N_

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as X509Certificate

_OUR_BITS = 3072
_OUR_YEARS = 10
_SHORTEST_CURVE = 256


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its public key as PEM, the SHA-256 of its DER in hexadecimal, and when its validity ends."""

    pem: str
    public_key: str
    fingerprint: str
    not_after: Milliseconds


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of ours with the certificate that tells others of it; the private half is PEM without a password."""

    private_key: str = field(repr=False)
    certificate: str


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate in DER whose key is good for signatures.

    Raises:
        UnusableKey: it is no certificate, or its key is too weak or of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as in crypto/public_keys.py
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415

    try:
        return _read(load_der_x509_certificate(der))
    except (ValueError, UnsupportedAlgorithm, OverflowError):
        raise UnusableKey(N_("this is not a certificate that can be read")) from None


def read_pem_certificate(pem: str) -> Certificate:
    """The same of one in PEM, as ``new_own_key`` makes it."""
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - as above

    return _read(load_pem_x509_certificate(pem.encode()))


def new_own_key(name: str, *, now: Milliseconds, entropy: Entropy) -> OwnKey:
    """Make an RSA key with a certificate signed by itself, valid for ten years; takes a good part of a second.

    Args:
        name: the common name in the certificate, cut where X.509 cuts it.
        now: from when it is valid, less a day for clocks that are late.
        entropy: makes the serial number.
    """
    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65_537, key_size=_OUR_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "workgate")])
    begin = datetime.fromtimestamp(now // 1000, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(entropy(16)) >> 1 | 1)
        .not_valid_before(begin - timedelta(days=1))
        .not_valid_after(begin + timedelta(days=365 * _OUR_YEARS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return OwnKey(private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode())


def sign_sha256(private_key: str, message: bytes) -> bytes:
    """Sign with RSASSA-PKCS1-v1_5 over SHA-256, which XML signatures call ``rsa-sha256``."""
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("our own keys are RSA")
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def _read(certificate: "X509Certificate") -> Certificate:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey() if not FEWEST_BITS <= key.key_size <= MOST_BITS:
            raise UnusableKey(N_("its RSA key has {bits} bits; it needs {least}", bits=key.key_size, least=FEWEST_BITS))
        case ec.EllipticCurvePublicKey() if key.curve.key_size < _SHORTEST_CURVE:
            raise UnusableKey(N_("its elliptic curve is too short"))
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey():
            pass
        case _:
            raise UnusableKey(N_("its key is neither RSA nor of an elliptic curve"))
    public = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Certificate(
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        public_key=public.decode(),
        fingerprint=hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),
        not_after=Milliseconds(int(certificate.not_valid_after_utc.timestamp() * 1000)),
    )
