"""Public keys that administrators bring or have made: read from PEM, refused with the reason when they are no good."""

import hashlib
import re
from dataclasses import dataclass, field

from workgate.domain.texts import N_, Text

LONGEST_PEM = 16_384
FEWEST_BITS, MOST_BITS = 2048, 8192
_LEAST_EXPONENT = 65_537
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")


class UnusableKey(Exception):
    """A key that is not taken; the message says why, in words for whoever brought it."""

    def __init__(self, reason: Text) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA public key: as PEM (SubjectPublicKeyInfo), and the SHA-256 of the same as DER, in hexadecimal."""

    pem: str
    fingerprint: str
    bits: int


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new pair; the private half is PEM (PKCS #8) without a password."""

    private_pem: str = field(repr=False)
    public: PublicKey


def read_public_key(text: str) -> PublicKey:
    """Read a certificate or a public key in PEM.

    A certificate's own validity does not matter: it is just a way to write a key down.

    Raises:
        UnusableKey: with the reason.
    """
    # Loading this takes a while, which a server's start need not spend.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    if len(text) > LONGEST_PEM or not text.isascii():
        raise UnusableKey(N_("a key in PEM is ASCII text of at most {most} characters", most=LONGEST_PEM))
    blocks = _BLOCK.findall(text)
    if any("PRIVATE" in block for block in blocks):
        raise UnusableKey(
            N_("this is a private key, which must never leave its owner: make a new pair, and upload the public half")
        )
    if len(blocks) != 1:
        raise UnusableKey(N_("give one PEM block: -----BEGIN CERTIFICATE----- or -----BEGIN PUBLIC KEY-----"))
    data = text.strip().encode() + b"\n"
    try:
        if blocks[0] == "CERTIFICATE":
            key: object = load_pem_x509_certificate(data).public_key()
        elif blocks[0] in {"PUBLIC KEY", "RSA PUBLIC KEY"}:
            key = load_pem_public_key(data)
        else:
            raise UnusableKey(N_("{what} is neither a certificate nor a public key", what=blocks[0]))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKey(N_("the PEM block is broken: copy it again, with its first and its last line")) from None
    return _checked(key)


def generate_pair(bits: int = FEWEST_BITS) -> KeyPair:
    """Make a new RSA pair; takes a good part of a second of one CPU."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    private = rsa.generate_private_key(_LEAST_EXPONENT, bits)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(pem.decode(), _checked(private.public_key()))


def _checked(key: object) -> PublicKey:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    if not isinstance(key, rsa.RSAPublicKey):
        raise UnusableKey(
            N_("this is not an RSA key: JWTs are signed with RS256, so make one with 'openssl genrsa 2048'")
        )
    if not FEWEST_BITS <= key.key_size <= MOST_BITS:
        raise UnusableKey(
            N_("the key has {bits} bits: use {fewest} to {most}", bits=key.key_size, fewest=FEWEST_BITS, most=MOST_BITS)
        )
    if key.public_numbers().e < _LEAST_EXPONENT:
        raise UnusableKey(
            N_(
                "the key's exponent is {exponent}, which is weak: use {least}",
                exponent=key.public_numbers().e,
                least=_LEAST_EXPONENT,
            )
        )
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(pem.decode(), hashlib.sha256(der).hexdigest(), key.key_size)
