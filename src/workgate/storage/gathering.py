"""When operations of one kind go, and which of them go together.

The first one goes at once. Those that come while it is under way gather and go together when it is back; if that
takes longer than a few milliseconds, they go beside it. So a fast database gets few large statements, a slow one
several at a time, and a single caller never waits for company.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable
from operator import itemgetter
from typing import cast

from workgate.domain.ports import StoreUnavailable
from workgate.storage.engine import Row, Values

BATCH_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""How many go together: a few sizes, each of which has its own statement."""
_LONGEST_QUEUE = 10_000
_MOST_UNDER_WAY = 4
_OVERDUE_SECONDS = 0.005

Outcome = list[Row]
"""The rows of one caller."""


class Asked:
    """One caller's operation. ``future`` is None where nobody waits; ``tries`` counts how often it was sent."""

    __slots__ = ("future", "tries", "values")

    def __init__(self, values: Values, future: asyncio.Future[Outcome] | None) -> None:
        self.values = values
        self.future = future
        self.tries = 0

    def answer(self, outcome: Outcome) -> None:
        """Tell the caller what came of it."""
        if self.future is not None and not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Tell the caller why nothing came of it."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)


Take = Callable[[], list[Asked]]


class Gathering:
    """The operations of one kind that wait, and how many statements of them are under way.

    Args:
        send: carries out what ``take`` gives it at that moment, and answers every one of them.
        key: the parameters that name the row; two of the same row do not go together.
    """

    def __init__(self, send: Callable[[Take], Awaitable[None]], key: tuple[str, ...]) -> None:
        self._send = send
        self._key = itemgetter(*key) if key else None
        self._waiting: deque[Asked] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, asked: Asked) -> None:
        """Send it now or with the others.

        Raises:
            StoreUnavailable: too many are waiting.
        """
        if len(self._waiting) >= _LONGEST_QUEUE:
            raise StoreUnavailable("too many operations are waiting for the database")
        self._waiting.append(asked)
        loop = asyncio.get_running_loop()
        if not self._tasks or self._overdue(loop):
            self._start(loop)
        elif self._timer is None and len(self._tasks) < _MOST_UNDER_WAY:
            self._timer = loop.call_later(_OVERDUE_SECONDS, self._look_again, loop)

    async def finish(self) -> None:
        """Wait until everything was sent and answered."""
        loop = asyncio.get_running_loop()
        while self._tasks or self._waiting:
            if not self._tasks:
                self._start(loop)
            await asyncio.wait(self._tasks)
        if self._timer is not None:
            self._timer.cancel()

    def _overdue(self, loop: asyncio.AbstractEventLoop) -> bool:
        return len(self._tasks) < _MOST_UNDER_WAY and loop.time() - self._sent_at > _OVERDUE_SECONDS

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiting and len(self._tasks) < _MOST_UNDER_WAY:
            self._start(loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sent_at = loop.time()
        task = loop.create_task(self._carry(loop))
        self._tasks.add(task)

    async def _carry(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self._waiting:
                self._sent_at = loop.time()
                await self._send(self._take)
        finally:
            # In this very turn of the loop: whoever asks in the next one must not wait for one that is over.
            self._tasks.discard(cast(asyncio.Task[None], asyncio.current_task()))

    def _take(self) -> list[Asked]:
        """The next batch, in the order of its rows: whoever locks several does so in the same order as others."""
        waiting = self._waiting
        if self._key is None or len(waiting) == 1:
            return [waiting.popleft() for _ in range(_size_for(len(waiting)))]
        batch: dict[object, Asked] = {}
        later: list[Asked] = []
        for _ in range(min(len(waiting), BATCH_SIZES[-1])):
            asked = waiting.popleft()
            row = self._key(asked.values)
            if row in batch:
                later.append(asked)
            else:
                batch[row] = asked
        while len(batch) > _size_for(len(batch)):
            later.append(batch.popitem()[1])
        waiting.extendleft(reversed(later))
        return [batch[row] for row in sorted(batch)]  # type: ignore[type-var]  # keys of one kind can be compared


def _size_for(count: int) -> int:
    """The largest size that so many fill."""
    place = bisect_right(BATCH_SIZES, count)
    return BATCH_SIZES[place - 1] if place else 0
