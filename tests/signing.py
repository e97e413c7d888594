"""What a machine-to-machine application does at its end: keys of its own, and JWTs signed by foreign libraries."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt as pyjwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import RSAKey


@cache
def private_key(name: str = "ann", bits: int = 2048, exponent: int = 65_537) -> rsa.RSAPrivateKey:
    """A key that is made once for all tests that name it so."""
    del name
    return rsa.generate_private_key(exponent, bits)


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """The private half in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: Any) -> str:
    """The public half in PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem.decode()


def certificate_pem(key: rsa.RSAPrivateKey) -> str:
    """A certificate as ``openssl req -x509`` makes it; it was over long ago, which does not matter."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "robot")])
    began = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def signed_by_pyjwt(claims: dict[str, Any], pem: str, algorithm: str = "RS256") -> str:
    """A JWT as PyJWT signs it."""
    return pyjwt.encode(claims, pem, algorithm=algorithm)


def signed_by_joserfc(claims: dict[str, Any], pem: str) -> str:
    """A JWT as joserfc signs it."""
    return joserfc_jwt.encode({"alg": "RS256", "typ": "JWT"}, claims, RSAKey.import_key(pem))
