"""Row IDs: always larger and never twice, whatever the clock does."""

from itertools import pairwise

from tests.builders import NOW, Bytes, later

from workgate.domain.ids import Milliseconds, RowIds, new_client_id, new_object_id

START = 1_577_836_800_000  # 2020-01-01, where the 41 bits begin
IN_2089 = Milliseconds(START + 2**41 - 1)


def millisecond(row_id: int) -> int:
    return (row_id >> 22) + START


def test_more_in_a_millisecond_than_the_counter_holds() -> None:
    ids = RowIds(bytes)  # it counts from 0
    made = [ids.next(NOW) for _ in range(10_000)]
    assert all(one < next_one for one, next_one in pairwise(made))
    assert [millisecond(made[n]) - NOW for n in (0, 4095, 4096, 9999)] == [0, 0, 1, 2]


def test_a_clock_that_goes_back() -> None:
    ids = RowIds(Bytes())
    moments = [0, 5, 4, -3600, -3600, 1, 5, 5, 6, -(10**6), 7, -1, 0]
    made = [ids.next(later(seconds)) for seconds in moments for _ in range(3)]
    assert all(one < next_one for one, next_one in pairwise(made))
    assert millisecond(made[-1]) == later(7)


def test_a_clock_that_was_never_set() -> None:
    ids = RowIds(Bytes())
    made = [ids.next(Milliseconds(0)) for _ in range(5)] + [ids.next(NOW)]
    assert made == sorted(set(made))
    assert made[0] > 0


def test_the_time_is_the_order_between_processes() -> None:
    one, other = RowIds(lambda _: b"\x00\x00"), RowIds(lambda _: b"\xff\xff")
    early, late = other.next(NOW), one.next(Milliseconds(NOW + 1))
    assert early < late


def test_processes_do_not_meet() -> None:
    processes = [RowIds(lambda _, n=n: (n << 6).to_bytes(2, "big")) for n in range(1024)]  # type: ignore[misc]
    made = [process.next(NOW) for process in processes for _ in range(3)]
    assert len(set(made)) == len(made)


def test_processes_of_the_same_number_count_from_numbers_of_their_own() -> None:
    chance = iter([b"\x12\x34", b"\x00\x07", b"\x12\x34", b"\x04\x00"])
    one, other = (RowIds(lambda _: next(chance)) for _ in range(2))
    made = [process.next(later(ms / 1000)) for ms in range(20) for process in (one, other) for _ in range(50)]
    assert len(set(made)) == len(made)
    assert {row_id >> 12 & 1023 for row_id in made} == {0x1234 >> 6}


def test_63_bits_are_enough_until_2089() -> None:
    assert RowIds(lambda _: b"\xff\xff").next(IN_2089) < 2**63


def test_the_other_identifiers() -> None:
    entropy = Bytes()
    objects = [new_object_id(NOW, entropy), new_object_id(later(1), entropy)]
    clients = [new_client_id(entropy), new_client_id(entropy)]
    assert objects == sorted(objects)
    assert len({*objects, *clients}) == 4
    for identifier in (*objects, *clients):
        assert len(identifier) == 32
        assert set(identifier) <= set("0123456789abcdef")
