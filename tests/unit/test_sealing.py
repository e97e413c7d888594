"""Sealed secrets open with their key ring, purpose and row, and with nothing else."""

import hashlib
import os

import pytest

from workgate.crypto.keys import new_key_ring
from workgate.crypto.sealing import Unsealable, seal, sealed_under, unseal
from workgate.domain.ids import Milliseconds

RING = new_key_ring(lambda size: hashlib.sha256(b"of the test").digest()[:size])
SEALED = seal(RING, 1, b"a secret", purpose=b"provider", belongs_to=b"7.70", entropy=lambda size: b"n" * size)


def test_it_opens() -> None:
    assert unseal(RING, SEALED, purpose=b"provider", belongs_to=b"7.70") == b"a secret"
    assert b"a secret" not in SEALED


def test_it_opens_after_the_key_was_rotated() -> None:
    rotated = RING.with_new_key(used_from=Milliseconds(1), entropy=os.urandom)
    assert unseal(rotated, SEALED, purpose=b"provider", belongs_to=b"7.70") == b"a secret"
    with pytest.raises(Unsealable, match="gone"):
        unseal(rotated.without(1, Milliseconds(2)), SEALED, purpose=b"provider", belongs_to=b"7.70")


def test_it_names_its_key() -> None:
    assert sealed_under(SEALED) == 1
    assert sealed_under(b"") is None


@pytest.mark.parametrize(
    ("sealed", "purpose", "belongs_to"),
    [
        (SEALED, b"provider", b"7.71"),
        (SEALED, b"totp", b"7.70"),
        (SEALED[:-1], b"provider", b"7.70"),
        (SEALED[:-1] + bytes([SEALED[-1] ^ 1]), b"provider", b"7.70"),
        (b"\x02" + SEALED[1:], b"provider", b"7.70"),
        (b"", b"provider", b"7.70"),
        (SEALED[:10], b"provider", b"7.70"),
    ],
)
def test_it_does_not_open(sealed: bytes, purpose: bytes, belongs_to: bytes) -> None:
    with pytest.raises(Unsealable):
        unseal(RING, sealed, purpose=purpose, belongs_to=belongs_to)


def test_two_seals_differ() -> None:
    again = seal(RING, 1, b"a secret", purpose=b"provider", belongs_to=b"7.70", entropy=os.urandom)
    assert again != SEALED
