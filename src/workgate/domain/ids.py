"""Identifiers: what each is, how wide it is, and how new ones are made.

Rows that tokens point at are keyed by time-ordered 63-bit integers, so that new rows land side by side
in the database and no index over random values is needed. Objects and users carry 32 hexadecimal digits,
as Workfront's do. Time and randomness come in as arguments.
"""

from collections.abc import Callable
from typing import NewType, Protocol

Milliseconds = NewType("Milliseconds", int)
"""An instant: milliseconds since 1970-01-01 UTC."""

EnvironmentId = NewType("EnvironmentId", int)
RowId = NewType("RowId", int)
ObjectId = NewType("ObjectId", str)
ClientId = NewType("ClientId", str)

Entropy = Callable[[int], bytes]
"""``entropy(n)`` gives ``n`` unpredictable bytes."""

_START = 1_577_836_800_000  # 2020-01-01; 41 bits of milliseconds last until 2089
_PROCESS_BITS = 10
_COUNTER_BITS = 12
_FIRST_COUNTS = 1 << (_COUNTER_BITS - 1)


class Clock(Protocol):
    """The one source of the time of day."""

    def now(self) -> Milliseconds:
        """Give the present instant."""


class RowIds:
    """Makes time-ordered 63-bit integers: 41 bits of milliseconds, 10 of process, 12 of counter.

    Two processes that share their 10 bits, as of 38 some will, still begin to count at numbers of their own, and
    count a few dozen in a millisecond: that they meet takes a coincidence more. Whoever inserts a row is told so.

    Args:
        entropy: chooses this process's 10 bits, and where it begins to count.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._process = int.from_bytes(entropy(2), "big") >> (16 - _PROCESS_BITS)
        self._first = int.from_bytes(entropy(2), "big") % _FIRST_COUNTS
        self._last = 0

    def next(self, now: Milliseconds) -> RowId:
        """Give an identifier that this process has not given before, and larger than all of those."""
        first = ((now - _START) << _COUNTER_BITS) + self._first
        self._last = max(first, self._last + 1)
        moment, counter = self._last >> _COUNTER_BITS, self._last & ((1 << _COUNTER_BITS) - 1)
        return RowId((((moment << _PROCESS_BITS) | self._process) << _COUNTER_BITS) | counter)


def first_row_id(moment: Milliseconds) -> RowId:
    """The smallest identifier that ``RowIds`` gives at that instant; outside of its time the first or last."""
    return RowId(min(max(0, moment - _START) << (_PROCESS_BITS + _COUNTER_BITS), (1 << 63) - 1))


def new_object_id(now: Milliseconds, entropy: Entropy) -> ObjectId:
    """Make an object's or user's ID: 12 hexadecimal digits of time, 20 of randomness."""
    return ObjectId(f"{now:012x}{entropy(10).hex()}")


def new_client_id(entropy: Entropy) -> ClientId:
    """Make a ``client_id``: 32 lower-case hexadecimal digits (contract §2.1)."""
    return ClientId(entropy(16).hex())
