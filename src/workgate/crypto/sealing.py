"""Sealing: secrets that must be read again, such as an identity provider's, encrypted under the key ring.

AES-256-GCM under a key derived for the purpose. What a secret belongs to is authenticated with it, so a sealed value
that is moved to another row does not open. A sealed value names its key: while that is in the ring it opens.
"""

import struct

from workgate.crypto.keys import KeyRing, UnknownKeyError
from workgate.domain.ids import Entropy

_NONCE_BYTES = 12
_HEAD = struct.Struct(">BH")
_VERSION = 1


class Unsealable(ValueError):
    """A sealed value cannot be opened: it was altered, belongs elsewhere, or its key is gone."""


def seal(ring: KeyRing, key_id: int, secret: bytes, *, purpose: bytes, belongs_to: bytes, entropy: Entropy) -> bytes:
    """Encrypt a secret.

    Args:
        ring: holds the key.
        key_id: which one, the current one.
        secret: what to hide.
        purpose: what kind of secret it is; each has a key of its own.
        belongs_to: the row that it is for; the same must be given to open it.
        entropy: gives the nonce.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - most starts never need it

    head, nonce = _HEAD.pack(_VERSION, key_id), entropy(_NONCE_BYTES)
    return head + nonce + AESGCM(ring.derive(key_id, b"seal " + purpose)).encrypt(nonce, secret, head + belongs_to)


def sealed_under(sealed: bytes) -> int | None:
    """Tell which key a value is sealed under; None: it is no sealed value."""
    return _HEAD.unpack_from(sealed)[1] if len(sealed) >= _HEAD.size else None


def unseal(ring: KeyRing, sealed: bytes, *, purpose: bytes, belongs_to: bytes) -> bytes:
    """Give the secret back.

    Raises:
        Unsealable: with the reason.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        head, nonce = sealed[: _HEAD.size], sealed[_HEAD.size : _HEAD.size + _NONCE_BYTES]
        version, key_id = _HEAD.unpack(head)
        if version != _VERSION:
            raise Unsealable("a sealed value of an unknown kind")
        key = ring.derive(key_id, b"seal " + purpose)
        return AESGCM(key).decrypt(nonce, sealed[_HEAD.size + _NONCE_BYTES :], head + belongs_to)
    except UnknownKeyError as error:
        raise Unsealable(f"sealed under a key that is gone: {error}") from None
    except (struct.error, ValueError, InvalidTag) as error:
        raise Unsealable("a sealed value that was altered, or belongs elsewhere") from error
