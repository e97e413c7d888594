"""The engine over PostgreSQL: an operation is one statement, one round trip and one commit, alone or with others.

A statement over many operations that fails is made anew for each of them alone, so one bad value spoils nobody
else's. A connection that breaks while a change is under way leaves its outcome unknown, and that is what the caller
is told; a read is tried once more on another connection.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql import ClauseElement, ColumnElement, Select
from sqlalchemy.sql.dml import UpdateBase

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import AlreadyExists, OutcomeUnknown, StoreUnavailable
from workgate.storage.batches import change_of, change_parameters, parameters_of, read_of
from workgate.storage.connections import (
    Connection,
    Connections,
    NoConnection,
    NothingTouched,
    Overdue,
    PostgresLimits,
    Undone,
    Unstorable,
)
from workgate.storage.engine import Change, Key, Prepared, Row, Values
from workgate.storage.gathering import Asked, Gathering, Outcome, Take

_LOG = logging.getLogger(__name__)
_TRIES_OF_POSTED = 3
_TRIES_OF_UNDONE = 3
# At once, it would take its lock from under the nose of the change for which it was undone.
_PAUSE_OF_UNDONE = 0.02
_CLOCK = (
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, current_setting('transaction_read_only') = 'on'"
)
_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # the library does not type it
# After these nobody knows whether a change was made; after any other error of the server it was not.
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)
# What was prepared on the connection is gone, or its tables were changed: a new connection prepares it anew.
_STALE = (asyncpg.InvalidCachedStatementError, asyncpg.FeatureNotSupportedError, asyncpg.InvalidSQLStatementNameError)

T = TypeVar("T")


def postgres_address(url: str, limits: PostgresLimits) -> tuple[str, PostgresLimits]:
    """Take our own parameters out of a database address.

    ``pooler=transaction`` says that a pooler in transaction mode stands between, ``connections=8`` how many each
    process opens. All others are the driver's: ``sslmode``, ``sslrootcert``, ``target_session_attrs`` and so on.

    Raises:
        ValueError: a parameter has a value that it cannot have.
    """
    parts = urlsplit(url)
    kept = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "pooler":
            if value != "transaction":
                raise ValueError("the database address has pooler=transaction, or no pooler")
            limits = replace(limits, pooled=True)
        elif name == "connections":
            if not value.isdecimal() or not 1 <= int(value) <= 1000:
                raise ValueError("the database address has connections=N, from 1 to 1000")
            limits = replace(limits, connections=int(value))
        else:
            kept.append((name, value))
    return urlunsplit(parts._replace(query=urlencode(kept))), limits


class PostgresEngine:
    """A PostgreSQL database, for one process of any number. It belongs to the event loop that first uses it.

    Args:
        url: ``postgresql://…`` as the driver takes it, with the parameters of ``postgres_address``.
        limits: how many connections, and how long everything may take.

    Raises:
        ValueError: the address cannot be understood.
    """

    def __init__(self, url: str, limits: PostgresLimits | None = None) -> None:
        self._address, self._limits = postgres_address(url, limits or PostgresLimits())
        self._connections = Connections(self.connect, at_most=self._limits.connections, patience=self._limits.patience)
        self._gatherings: list[Gathering] = []

    def prepare(self, statement: ClauseElement) -> Prepared:
        """Compile a statement for PostgreSQL."""
        return Prepared(statement, _DIALECT)

    def insert(self, table: Table) -> Any:  # noqa: ANN401 - PostgreSQL's Insert, which is used as SQLite's is
        """Begin an insert; see ``Engine``."""
        return insert(table)

    def lookup(self, statement: ClauseElement) -> "PostgresLookup":
        """Compile a read; see ``Engine``."""
        if not isinstance(statement, Select):
            raise TypeError("a lookup is a select")
        kind = Kind(tuple(parameters_of(statement)), partial(read_of, statement))
        return PostgresLookup(self._gathering(kind, key=(), attempts=2))

    def operation(
        self, first: UpdateBase, *rest: ClauseElement, key: Key, tells: Sequence[ColumnElement[Any]] = ()
    ) -> "PostgresOperation":
        """Compile a change; see ``Engine``."""
        steps = (first.returning(*tells) if tells else first, *rest)
        kind = Kind(tuple(change_parameters(steps)), partial(change_of, steps, key))
        return PostgresOperation(self._gathering(kind, key=tuple(key), attempts=1))

    async def fetch(self, statement: Prepared, values: Values) -> Sequence[Row]:
        """Read rows of what is committed; see ``Engine``."""
        return await self._read(statement.sql, statement.bind(values))

    async def apply(self, change: Change) -> Sequence[Row] | None:
        """Make a change durably; see ``Engine``."""
        return await self._using(partial(_apply, change))

    async def time(self) -> Milliseconds | None:
        """The database's clock; see ``Engine``."""
        ((now, takes_no_changes),) = await self._read(_CLOCK, ())
        if takes_no_changes:
            raise StoreUnavailable("the database takes no changes")
        return Milliseconds(now)

    async def flush(self) -> None:
        """Wait until everything that was handed over is written; see ``Engine``."""
        await asyncio.gather(*(gathering.finish() for gathering in self._gatherings))

    async def close(self) -> None:
        """Write what was handed over, then close."""
        await self.flush()
        await self._connections.close()

    async def connect(self) -> Connection:
        """Open a connection of its own, which the caller closes. Raises what the driver raises."""
        limits = self._limits
        raw = await asyncpg.connect(
            self._address,
            timeout=limits.connect,
            statement_cache_size=0,
            server_settings={} if limits.pooled else limits.settings,
        )
        connection = Connection(raw, limits)
        try:
            await connection.insist_on_disk()
        except BaseException:
            raw.terminate()
            raise
        return connection

    async def _read(self, sql: str, arguments: Sequence[object]) -> Sequence[Row]:
        async def read(connection: Connection) -> Sequence[Row]:
            return (await connection.fetch(sql, arguments))[0]

        try:
            return await self._using(read)
        except OutcomeUnknown:
            return await self._using(read)
        except Unstorable:
            return []

    async def _using(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do some work on a connection, and give it back or throw it away. Raises as ``Engine.apply`` does."""
        connection = await self._connections.acquire()
        try:
            result = await work(connection)
        except BaseException as error:
            translated = self._after(connection, error)
            if translated is error:
                raise
            raise translated from error
        self._connections.release(connection)
        return result

    def _after(self, connection: Connection, error: BaseException) -> BaseException:
        """See to the connection on which an error came, and give the error that it is to the stores."""
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            # The server became a standby: what leads to it leads nowhere, and the address may name another one.
            self._connections.discard(connection)
            self._connections.discard_idle()
            return StoreUnavailable(f"the database takes no changes: {error}")
        if isinstance(error, _LOST) and not isinstance(error, ValueError):
            self._connections.discard(connection)
            reason = str(error) or type(error).__name__
            return OutcomeUnknown(f"the database's answer was lost: {reason}")
        if isinstance(error, _STALE):
            self._connections.discard(connection)
            return StoreUnavailable(f"a prepared statement is no longer good: {error}")
        if isinstance(error, asyncpg.PostgresError):
            self._connections.release(connection)
            if isinstance(error, asyncpg.UniqueViolationError):
                return AlreadyExists("the key is taken")
            if isinstance(error, asyncpg.CharacterNotInRepertoireError):
                return Unstorable(f"a value holds what no text can hold: {error}")
            if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
                return Undone(f"another change was in the way: {error}")
            if isinstance(error, asyncpg.LockNotAvailableError | asyncpg.QueryCanceledError):
                return Overdue(f"the database took too long: {error}")
            return StoreUnavailable(f"the database refused: {type(error).__name__}: {error}")
        self._connections.discard(connection)
        return error

    def _gathering(self, kind: "Kind", *, key: tuple[str, ...], attempts: int) -> Gathering:
        async def send(take: Take) -> None:
            await self._send(made, take, kind, attempts)

        made = Gathering(send, key)
        self._gatherings.append(made)
        return made

    async def _send(self, waiting: Gathering, take: Take, kind: "Kind", attempts: int) -> None:
        """Carry out what ``take`` gives once there is a connection; whatever happens, everyone is answered."""
        batch: list[Asked] = []

        async def carry_out(connection: Connection) -> list[Outcome]:
            batch.extend(() if batch else take())
            # Another statement may have taken along all that waited, while this one waited for a connection.
            return await kind.carry_out(connection, batch) if batch else []

        error: Exception = StoreUnavailable("nothing was tried")
        for attempt in range(_TRIES_OF_UNDONE):
            try:
                outcomes = await self._using(carry_out)
            except OutcomeUnknown as lost:
                error = lost
                if attempt + 1 >= attempts:
                    break
            except Undone as undone:
                error = undone
                await asyncio.sleep(_PAUSE_OF_UNDONE * (attempt + 1))
            except Exception as failed:
                error = failed
                break
            else:
                for asked, outcome in zip(batch, outcomes, strict=True):
                    asked.answer(outcome)
                return
        if len(batch) > 1 and not isinstance(error, OutcomeUnknown | NoConnection | Overdue):
            _LOG.debug("a batch of %d is taken apart: %s", len(batch), error)
            for asked in batch:
                await self._send(waiting, _once(asked), kind, attempts)
            return
        while not batch and (more := take()):  # there was no connection, for none of those who wait
            _fail(waiting, more, error)
        _fail(waiting, batch, error)


class Kind:
    """An operation or a lookup: its statement for each size of batch, compiled when that is first needed.

    Args:
        parameters: what each call gives, in this order.
        statement_for: gives the statement for so many calls.
    """

    def __init__(self, parameters: tuple[str, ...], statement_for: Callable[[int], ClauseElement]) -> None:
        self._parameters = parameters
        self._row = _picking(parameters)
        self._statement_for = statement_for
        self._sized: dict[int, tuple[str, Callable[[list[Any]], Sequence[Any]], list[Any]]] = {}

    async def carry_out(self, connection: Connection, batch: Sequence[Asked]) -> list[Outcome]:
        """Send one statement, and sort its rows by whose they are."""
        sized = self._sized.get(len(batch))
        if sized is None:
            sized = self._sized[len(batch)] = self._compiled(len(batch))
        sql, in_order, fixed = sized
        values = [value for asked in batch for value in self._row(asked.values)]
        rows, _ = await connection.fetch(sql, in_order(values + fixed))
        outcomes: list[Outcome] = [[] for _ in batch]
        for row in rows:
            outcomes[row[0] - 1].append(row[1:])
        return outcomes

    def _compiled(self, size: int) -> tuple[str, Callable[[list[Any]], Sequence[Any]], list[Any]]:
        """The statement's text, what puts all calls' values and the statement's own in its order, and the latter."""
        prepared = Prepared(self._statement_for(size), _DIALECT)
        given = [f"{name}.{row}" for row in range(size) for name in self._parameters]
        order, fixed = prepared.order_among(given)
        return prepared.sql, _picking(order), fixed


def _picking(items: Sequence[Any]) -> Callable[[Any], Sequence[Any]]:
    """What takes these items out of a list or mapping, in this order."""
    if len(items) == 1:
        return lambda source: (source[items[0]],)
    return itemgetter(*items)


def _once(asked: Asked) -> Take:
    """Give one operation, and nothing after it."""
    left = [asked]
    return lambda: [left.pop()] if left else []


def _fail(kind: Gathering, batch: Sequence[Asked], error: Exception) -> None:
    """Tell who waits; what nobody waits for is tried again, since a record that is there already does no harm."""
    for asked in batch:
        if asked.future is not None:
            asked.fail(error)
        elif asked.tries < _TRIES_OF_POSTED and isinstance(error, OutcomeUnknown):
            asked.tries += 1
            kind.add(asked)
        elif not isinstance(error, AlreadyExists):
            _LOG.error("a change that nobody waits for failed: %s", error)


async def _apply(change: Change, connection: Connection) -> Sequence[Row] | None:
    (first, values), *rest = change.steps
    if not rest and not change.before:
        return _rows_of(first, await connection.fetch(first.sql, first.bind(values)))
    try:
        async with connection.transaction():
            for step, step_values in change.before:
                await connection.fetch_within(step.sql, step.bind(step_values))
            rows = _rows_of(first, await connection.fetch_within(first.sql, first.bind(values)))
            if rows is None:
                raise NothingTouched
            for step, step_values in rest:
                await connection.fetch_within(step.sql, step.bind(step_values))
    except NothingTouched:
        return None
    return rows


def _rows_of(statement: Prepared, result: tuple[Sequence[Row], int]) -> Sequence[Row] | None:
    rows, touched = result
    if statement.returns_rows:
        return rows or None
    return [(touched,)] if touched else None


class PostgresLookup:
    """``engine.Lookup`` on PostgreSQL."""

    __slots__ = ("_gathering",)

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering

    async def __call__(self, values: Values) -> Sequence[Row]:
        """Read; see ``Lookup``."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._gathering.add(Asked(values, future))
        try:
            return await future
        except Unstorable:
            return []


class PostgresOperation:
    """``engine.Operation`` on PostgreSQL."""

    __slots__ = ("_gathering",)

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering

    async def __call__(self, values: Values) -> Row | None:
        """Make it durably; see ``Operation``."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._gathering.add(Asked(values, future))
        rows = await future
        return rows[0] if rows else None

    def post(self, values: Values) -> None:
        """Make it without waiting; see ``Operation``. Under overload it is dropped and logged."""
        try:
            self._gathering.add(Asked(values, None))
        except StoreUnavailable as error:
            _LOG.error("a change that nobody waits for was dropped: %s", error)
