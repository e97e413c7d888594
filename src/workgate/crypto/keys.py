"""The key ring: the installation's secret keys, kept outside the database.

A key is used from its ``used_from`` on, a little after it was added, so that every node has read it
before the first token names it. Older keys verify until they are retired.
"""

import base64
import binascii
import hmac
import json
from dataclasses import dataclass

from workgate.domain.ids import Entropy, Milliseconds

KEY_BYTES = 32
_LARGEST_ID = 0xFFFF


class KeyRingError(ValueError):
    """The text of a key ring cannot be used; the message says why and never shows a key."""


class UnknownKeyError(LookupError):
    """A token names a key that is not in the ring."""


@dataclass(frozen=True, slots=True)
class Key:
    """One secret key of the ring."""

    key_id: int
    used_from: Milliseconds
    material: bytes

    def __repr__(self) -> str:
        """Leave the material out of tracebacks and logs."""
        return f"Key({self.key_id})"


class KeyRing:
    """An immutable set of keys, and what is derived from them for each purpose."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        if not keys:
            raise KeyRingError("the key ring holds no key")
        self.keys = tuple(sorted(keys, key=lambda key: (key.used_from, key.key_id)))
        self._by_id = {key.key_id: key for key in self.keys}
        if len(self._by_id) != len(self.keys):
            raise KeyRingError("two keys of the key ring have the same id")
        self._keyed: dict[tuple[int, bytes], hmac.HMAC] = {}

    def __repr__(self) -> str:
        """Name the keys, never show them."""
        return f"KeyRing({[key.key_id for key in self.keys]})"

    def current(self, now: Milliseconds) -> int:
        """The ID of the newest key that is in use; the oldest one if none is yet."""
        for key in reversed(self.keys):
            if key.used_from <= now:
                return key.key_id
        return self.keys[0].key_id

    def derive(self, key_id: int, purpose: bytes) -> bytes:
        """Give the 32-byte key for one purpose: HKDF's expand step (RFC 5869 §2.3) over a uniform key.

        Raises:
            UnknownKeyError: no such key in the ring.
        """
        key = self._by_id.get(key_id)
        if key is None:
            raise UnknownKeyError(f"key {key_id} is not in the key ring")
        return hmac.digest(key.material, b"workgate " + purpose + b"\x01", "sha256")

    def mac(self, key_id: int, purpose: bytes, message: bytes) -> bytes:
        """Compute HMAC-SHA-256 of a message under the key for one purpose.

        Raises:
            UnknownKeyError: no such key in the ring.
        """
        keyed = self._keyed.get((key_id, purpose))
        if keyed is None:
            keyed = hmac.new(self.derive(key_id, purpose), digestmod="sha256")
            self._keyed[key_id, purpose] = keyed
        # Copying a keyed state costs less than half of keying it anew.
        state = keyed.copy()
        state.update(message)
        return state.digest()

    def with_new_key(self, *, used_from: Milliseconds, entropy: Entropy) -> "KeyRing":
        """Give a ring with one key more."""
        key_id = max(key.key_id for key in self.keys) + 1
        if key_id > _LARGEST_ID:
            raise KeyRingError("no key id is left in this ring: begin a new one")
        return KeyRing((*self.keys, Key(key_id, used_from, entropy(KEY_BYTES))))

    def without(self, key_id: int, now: Milliseconds) -> "KeyRing":
        """Give a ring without one retired key. The key in use cannot be retired.

        Raises:
            UnknownKeyError: no such key in the ring.
            KeyRingError: it is the key in use, or one that is about to be.
        """
        if key_id not in self._by_id:
            raise UnknownKeyError(f"key {key_id} is not in the key ring")
        current = self.current(now)
        if key_id == current or self._by_id[key_id].used_from > now:
            raise KeyRingError(f"key {key_id} is in use: rotate first, and retire it afterwards")
        return KeyRing(tuple(key for key in self.keys if key.key_id != key_id))

    def to_text(self) -> str:
        """Write the ring as JSON, as ``parse_key_ring`` reads it."""
        rows = [
            {"id": k.key_id, "used_from": k.used_from, "key": base64.urlsafe_b64encode(k.material).decode()}
            for k in self.keys
        ]
        return json.dumps({"keys": rows}, indent=1) + "\n"


def new_key_ring(entropy: Entropy) -> KeyRing:
    """Make a ring of one key, in use at once."""
    return KeyRing((Key(1, Milliseconds(0), entropy(KEY_BYTES)),))


def parse_key_ring(text: str) -> KeyRing:
    """Read what ``KeyRing.to_text`` wrote.

    Raises:
        KeyRingError: with what is wrong.
    """
    try:
        rows = json.loads(text)["keys"]
        keys = tuple(
            Key(int(row["id"]), Milliseconds(int(row["used_from"])), base64.urlsafe_b64decode(row["key"]))
            for row in rows
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise KeyRingError('a key ring is JSON of the form {"keys": [{"id", "used_from", "key"}]}') from None
    for key in keys:
        if len(key.material) < KEY_BYTES or not 0 < key.key_id <= _LARGEST_ID:
            raise KeyRingError(f"key {key.key_id} of the key ring is too short or has a bad id")
    return KeyRing(keys)
