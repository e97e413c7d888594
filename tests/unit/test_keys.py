"""The key ring: when a key is used, when it may be retired, and that its errors never show one."""

import base64
import json
import traceback

import pytest
from tests.builders import MATERIAL, NOW, Bytes, later

from workgate.crypto.keys import Key, KeyRing, KeyRingError, UnknownKeyError, new_key_ring, parse_key_ring
from workgate.domain.ids import Milliseconds

TEXT = base64.urlsafe_b64encode(MATERIAL).decode()
ROW = {"id": 1, "used_from": 0, "key": TEXT}


def ring_of(*used_from: int) -> KeyRing:
    keys = [Key(n, Milliseconds(since), Bytes(b"%d" % n)(32)) for n, since in enumerate(used_from, 1)]
    return KeyRing(tuple(keys))


def test_a_new_key_is_used_from_its_time_on() -> None:
    ring = new_key_ring(Bytes()).with_new_key(used_from=later(10), entropy=Bytes(b"2"))
    assert [key.key_id for key in ring.keys] == [1, 2]
    assert ring.current(NOW) == 1
    assert ring.current(Milliseconds(later(10) - 1)) == 1
    assert ring.current(later(10)) == 2
    assert ring.current(later(10**6)) == 2


def test_a_ring_whose_keys_are_all_to_come_uses_the_first() -> None:
    assert ring_of(later(20), later(10)).current(NOW) == 2


def test_rotating_leaves_the_older_keys_as_they_were() -> None:
    old = new_key_ring(Bytes())
    new = old.with_new_key(used_from=NOW, entropy=Bytes(b"2"))
    assert new.derive(1, b"purpose") == old.derive(1, b"purpose")
    assert new.derive(2, b"purpose") != new.derive(1, b"purpose")
    assert new.derive(1, b"purpose") != new.derive(1, b"another")
    assert len(new.derive(2, b"purpose")) == 32


def test_ids_are_not_used_again_and_run_out_with_a_word() -> None:
    ring = ring_of(0, 1).with_new_key(used_from=NOW, entropy=Bytes())
    assert [key.key_id for key in ring.keys] == [1, 2, 3]
    last = KeyRing((Key(0xFFFF, Milliseconds(0), MATERIAL),))
    with pytest.raises(KeyRingError, match="no key id is left"):
        last.with_new_key(used_from=NOW, entropy=Bytes())


def test_only_a_key_that_was_replaced_can_be_retired() -> None:
    ring = ring_of(0, NOW, later(10))
    assert [key.key_id for key in ring.without(1, NOW).keys] == [2, 3]
    for in_use_or_to_come in (2, 3):
        with pytest.raises(KeyRingError, match="rotate first"):
            ring.without(in_use_or_to_come, NOW)
    with pytest.raises(UnknownKeyError):
        ring.without(4, NOW)
    assert [key.key_id for key in ring.without(2, later(10)).keys] == [1, 3]


def test_the_last_key_stays() -> None:
    with pytest.raises(KeyRingError):
        ring_of(0).without(1, NOW)


def test_what_a_retired_key_made_is_unknown() -> None:
    ring = ring_of(0, 1).without(1, NOW)
    with pytest.raises(UnknownKeyError):
        ring.derive(1, b"purpose")


def test_a_ring_is_read_as_it_was_written() -> None:
    ring = ring_of(5, NOW, 7)
    again = parse_key_ring(ring.to_text())
    assert again.keys == ring.keys
    assert again.to_text() == ring.to_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT,
        f'"{TEXT}"',
        f'["{TEXT}"]',
        f'{{"keys": "{TEXT}"}}',
        f'{{"keys": ["{TEXT}"]}}',
        f'{{"keys": {{"{TEXT}": 1}}}}',
        f'{{"keys": [{{"id": "{TEXT}", "used_from": 0, "key": "{TEXT}"}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": "{TEXT}", "key": "{TEXT}"}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": 1e999, "key": "{TEXT}"}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": 0, "key": "é{TEXT}"}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": 0, "key": ["{TEXT}"]}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": 0, "key": "{TEXT[:-2]}"}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": 0, "key": "{TEXT[:40]}"}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": 0, "{TEXT}": 0}}]}}',
        f'{{"keys": [{{"id": 1, "used_from": 0, "key": "{TEXT}"',
        json.dumps({"keys": []}),
        json.dumps({"keys": [ROW, ROW]}),
        json.dumps({"keys": [{**ROW, "id": 0}]}),
        json.dumps({"keys": [{**ROW, "id": -1}]}),
        json.dumps({"keys": [{**ROW, "id": 0x10000}]}),
        "[" * 100_000,
    ],
)
def test_a_ring_that_cannot_be_read_is_refused_without_showing_a_key(text: str) -> None:
    with pytest.raises(KeyRingError) as refused:
        parse_key_ring(text)
    shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert str(refused.value)
    for part in (TEXT[:12], TEXT[-12:], MATERIAL.hex()[:12], repr(MATERIAL)[2:20]):
        assert part not in shown
