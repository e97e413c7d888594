"""Connections to PostgreSQL: a bounded number, handed out in the order of asking, made anew after a failure.

A connection that failed or did not answer in time is thrown away, never used again. While none can be made, tries
follow each other with growing pauses, and whoever waits longer than his patience is told that the database is
unavailable.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from workgate.domain.ports import StoreUnavailable

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_SYNCHRONOUS = "SELECT current_setting('synchronous_commit')"
_LIMITS_OF_TRANSACTION = ("statement_timeout", "lock_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLimits:
    """How many connections there are, and how long everything may take, in seconds.

    ``statement`` is the server's limit, ``answer`` is how long its answer is waited for: longer, so that a
    statement which was ended is known to be. With ``pooled`` a pooler such as PgBouncer in transaction mode
    stands between: nothing outlives a transaction there, no prepared statement and no setting.
    """

    connections: int = 8
    connect: float = 3.0
    patience: float = 3.0
    lock: float = 2.0
    statement: float = 4.0
    answer: float = 5.0
    pooled: bool = False

    @property
    def settings(self) -> dict[str, str]:
        """What a connection is opened with.

        Plans are made once: they are the same for every row, and must not depend on how full the tables were then.
        """
        return {
            "application_name": "workgate",
            "statement_timeout": f"{int(self.statement * 1000)}",
            "lock_timeout": f"{int(self.lock * 1000)}",
            "idle_in_transaction_session_timeout": f"{int(self.answer * 2000)}",
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "jit": "off",
        }


class NoConnection(StoreUnavailable):
    """There was no connection in time; nothing was sent."""


class Overdue(StoreUnavailable):
    """The server gave up waiting for a lock, or working; nothing was done. To try again at once would take as long."""


class Undone(StoreUnavailable):
    """Another change was in the way; nothing was done, and to try again soon is right."""


class Unstorable(StoreUnavailable):
    """A value holds a character that no text of this database can hold, such as NUL: nothing was done."""


class NothingTouched(Exception):
    """The first step of a change touched no row: the change is undone."""


class Connection:
    """One connection. Statements are prepared on first use and stay so."""

    def __init__(self, raw: Any, limits: PostgresLimits) -> None:  # noqa: ANN401 - asyncpg is not typed
        self.raw = raw
        self._limits = limits
        self._prepared: dict[str, Any] = {}
        self._begin = "BEGIN"
        if limits.pooled:
            self._begin += "".join(f"; SET LOCAL {name} = '{limits.settings[name]}'" for name in _LIMITS_OF_TRANSACTION)

    async def insist_on_disk(self) -> None:
        """See to it that an answer leaves when its commit is on disk, whatever the database's default is."""
        async with self.raw.transaction():  # a pooler keeps to one server for its length
            setting = await self.raw.fetchval(_SYNCHRONOUS, timeout=self._limits.connect)
        if setting == "off" and self._limits.pooled:
            self._begin += "; SET LOCAL synchronous_commit = on"
        elif setting == "off":
            await self.raw.execute("SET synchronous_commit = on", timeout=self._limits.connect)

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> tuple[Sequence[Sequence[Any]], int]:
        """Execute a statement by itself; gives its rows, and how many it touched."""
        if self._limits.pooled:
            async with self.transaction():
                return await self.fetch_within(sql, arguments)
        return await self.fetch_within(sql, arguments)

    async def fetch_within(self, sql: str, arguments: Sequence[Any]) -> tuple[Sequence[Sequence[Any]], int]:
        """The same within a transaction that was begun, if any."""
        if self._limits.pooled:
            statement = await self.raw.prepare(sql, name="", timeout=self._limits.answer)
        else:
            statement = self._prepared.get(sql)
            if statement is None:
                # Named, for without asyncpg's own cache it would parse and plan a nameless one at each execution.
                name = f"workgate_{len(self._prepared)}"
                statement = self._prepared[sql] = await self.raw.prepare(sql, name=name, timeout=self._limits.answer)
        rows = await statement.fetch(*arguments, timeout=self._limits.answer)
        return rows, _touched(statement.get_statusmsg())

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A transaction, committed at the end of the block.

        It is rolled back where the block is left by ``NothingTouched`` or an error of the server. After any other
        error the connection is not to be used again.
        """
        await self.raw.execute(self._begin, timeout=self._limits.answer)
        try:
            yield
        except (NothingTouched, asyncpg.PostgresError):
            await self.raw.execute("ROLLBACK", timeout=self._limits.answer)
            raise
        await self.raw.execute("COMMIT", timeout=self._limits.answer)

    async def close(self) -> None:
        """Say goodbye, and do not wait for long."""
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self.raw.close(timeout=self._limits.connect)

    def drop(self) -> None:
        """End it at once, whatever is under way."""
        with contextlib.suppress(OSError, asyncpg.InterfaceError):
            self.raw.terminate()


def _touched(status: str) -> int:
    number = status.rpartition(" ")[2]
    return int(number) if number.isdecimal() else 0


class Connections:
    """The connections of one process.

    Args:
        connect: opens one; it gives up by itself after a while.
        at_most: how many there may be.
        patience: how many seconds a caller waits for one.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], *, at_most: int, patience: float) -> None:
        self._connect = connect
        self._at_most = at_most
        self._patience = patience
        self._idle: list[Connection] = []
        self._count = 0
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause = 0.0
        self._reason = "no connection yet"
        self._closed = False

    async def acquire(self) -> Connection:
        """Give a connection, the one that was used last if several are idle.

        Raises:
            NoConnection: there is none within the patience, with the reason of the last failure.
        """
        if self._closed:
            raise NoConnection("the database is closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.raw.is_closed():
                return connection
            self._count -= 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Connection] = loop.create_future()
        self._waiting.append(future)
        self._grow()
        patience = loop.call_later(self._patience, self._give_up, future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(future.result())
            raise
        finally:
            patience.cancel()

    def release(self, connection: Connection) -> None:
        """Take a connection back; whoever has waited longest gets it."""
        if self._closed or connection.raw.is_closed():
            self.discard(connection)
            return
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return
        self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """Throw a connection away that cannot be trusted any more."""
        connection.drop()
        self._count -= 1
        if self._waiting:
            self._grow()

    def discard_idle(self) -> None:
        """Throw away those that nobody uses: they lead to a server that takes no changes any more."""
        idle, self._idle = self._idle, []
        for connection in idle:
            self.discard(connection)

    async def close(self) -> None:
        """Close all that are idle; those in use are closed when they come back."""
        self._closed = True
        opening = tuple(self._tasks)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        idle, self._idle = self._idle, []
        self._count -= len(idle)
        await asyncio.gather(*(connection.close() for connection in idle))

    def _give_up(self, future: asyncio.Future[Connection]) -> None:
        if not future.done():
            self._waiting.remove(future)
            reason = f"no connection to the database within {self._patience:g} s: {self._reason}"
            future.set_exception(NoConnection(reason))

    def _grow(self) -> None:
        if self._count < self._at_most and len(self._tasks) < len(self._waiting) and not self._closed:
            self._count += 1
            task = asyncio.get_running_loop().create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self) -> None:
        """Open one, and go on trying while somebody waits for it."""
        while not self._closed:
            await asyncio.sleep(self._pause)
            try:
                connection = await self._connect()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if self._pause == 0:
                    _LOG.warning("the database cannot be reached: %s", error)
                self._reason = str(error) or type(error).__name__
                self._pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, self._pause * 2))
                if self._waiting:
                    continue
                break
            except BaseException:
                self._count -= 1
                raise
            self._pause = 0.0
            self.release(connection)
            return
        self._count -= 1
