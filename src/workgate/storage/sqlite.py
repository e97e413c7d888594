"""The embedded engine: SQLite in WAL mode with full durability, and group commit.

Statements run on the event loop's thread, a few microseconds each; only the commit, which waits for the disk, runs
on a thread of its own. Changes that arrive during a commit gather into the next one. Handing single statements to
another thread would cost more in switching than the statements do. When another process writes, that thread waits for
its turn, and the loop goes on.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Table, literal, select
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.sql import ClauseElement, ColumnElement
from sqlalchemy.sql.dml import UpdateBase

from workgate.domain.ids import Milliseconds
from workgate.domain.ports import AlreadyExists, StoreUnavailable
from workgate.storage.engine import Change, Key, Prepared, Row, Values
from workgate.storage.turns import Turn

_LOG = logging.getLogger(__name__)
_LARGEST_GROUP = 256
_LONGEST_QUEUE = 10_000
_BUSY_MILLISECONDS = 10_000
_TAKEN = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})

_Rows = Sequence[Row] | None
_Future = asyncio.Future[_Rows]
_Execute = Callable[..., sqlite3.Cursor]
_Work = Callable[[_Execute], _Rows]
_Waiting = tuple[_Work, _Future | None]
_Outcome = tuple[_Future | None, _Rows | Exception]


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection as every part of Workgate must: WAL, synced to disk at each commit.

    Raises:
        StoreUnavailable: with the reason, in words for the operator.
    """
    try:
        # Only ever opened here when it is new: closing a file drops all locks that this process holds on it, and with
        # them SQLite's own, after which another process that closes the database deletes the journal we write to.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -16384")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"cannot open the database {path}: {error}") from error
    return connection


class SqliteEngine:
    """An embedded database, for the processes that serve it and any that administer beside them.

    It belongs to the event loop that first uses it.

    Args:
        path: the database file, already migrated.
        patience: for how many seconds a change waits while other processes write.
    """

    def __init__(self, path: Path, *, patience: float = _BUSY_MILLISECONDS / 1000) -> None:
        self._dialect = sqlite_dialect.dialect(paramstyle="qmark")
        self._reader = connect(path, read_only=True)
        self._writer = connect(path)
        self._writer.execute("PRAGMA busy_timeout = 0")
        self._alive = self.prepare(select(literal(1)))
        try:
            self._turn = Turn(path)
        except OSError as error:
            raise StoreUnavailable(f"cannot open the database {path}: {error}") from error
        self._longest_wait = patience
        self._patience: asyncio.TimerHandle | None = None
        self._waiting: list[_Waiting] = []
        self._committing = False
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._disk_work: queue.SimpleQueue[Callable[[], list[_Outcome]] | None] = queue.SimpleQueue()
        self._disk = threading.Thread(target=self._work_on_disk, name="workgate-disk", daemon=True)
        self._disk.start()

    def prepare(self, statement: ClauseElement) -> Prepared:
        """Compile a statement for SQLite."""
        return Prepared(statement, self._dialect)

    def insert(self, table: Table) -> sqlite_dialect.Insert:
        """Begin an insert; see ``Engine``."""
        return sqlite_dialect.insert(table)

    def lookup(self, statement: ClauseElement) -> "SqliteLookup":
        """Compile a read; see ``Engine``."""
        return SqliteLookup(self, self.prepare(statement))

    def operation(
        self, first: UpdateBase, *rest: ClauseElement, key: Key, tells: Sequence[ColumnElement[Any]] = ()
    ) -> "SqliteOperation":
        """Compile a change; see ``Engine``."""
        del key  # changes run one after the other here: two of one row do not meet
        asking = self.prepare(first.returning(*tells)) if tells else None
        return SqliteOperation(self, self.prepare(first), asking, [self.prepare(step) for step in rest])

    async def fetch(self, statement: Prepared, values: Values) -> Sequence[Row]:
        """Read rows of what is committed; see ``Engine``."""
        return self.read(statement, values)

    def read(self, statement: Prepared, values: Values) -> Sequence[Row]:
        """Read at once: a look-up by key takes microseconds. Raises ``StoreUnavailable``."""
        try:
            return self._reader.execute(statement.sql, statement.bind(values)).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"reading failed: {error}") from error

    async def apply(self, change: Change) -> _Rows:
        """Make a change durably; see ``Engine``."""
        return await self.write(partial(_run_change, change))

    def write(self, work: _Work) -> _Future:
        """Have some work done within the next group; the future is done when it is on disk.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        if self._closed:
            raise StoreUnavailable("the database is closed")
        if len(self._waiting) >= _LONGEST_QUEUE:
            raise StoreUnavailable("too many changes are waiting for the disk")
        loop = asyncio.get_running_loop()
        future: _Future = loop.create_future()
        self._enqueue(work, future, loop)
        return future

    def post(self, work: _Work) -> None:
        """The same, and nobody waits. Under overload it is dropped and logged."""
        if self._closed or len(self._waiting) >= _LONGEST_QUEUE:
            _LOG.error("a change that nobody waits for was dropped: the disk is too slow, or closed")
            return
        self._enqueue(work, None, asyncio.get_running_loop())

    async def time(self) -> Milliseconds | None:
        """None: an embedded database has no clock of its own; see ``Engine``."""
        self.read(self._alive, {})
        return None

    async def flush(self) -> None:
        """Wait until everything that was handed over is written; see ``Engine``."""
        await self.write(lambda execute: None)

    async def close(self) -> None:
        """Write what was handed over, then close."""
        self.close_now()

    def close_now(self) -> None:
        """The same at once, for whoever has no event loop."""
        self._closed = True
        last, self._waiting = self._waiting, []
        outcomes: list[_Outcome] = []

        def write_last() -> list[_Outcome]:
            outcomes.extend(self._when_it_is_our_turn(last, threading.Lock()))
            return []

        if last:
            self._disk_work.put(write_last)
        self._disk_work.put(None)
        self._disk.join(self._longest_wait)
        if self._disk.is_alive():
            _LOG.error("the last changes could not be written: another process does not let us")
            return
        self._resolve(outcomes)
        self._reader.close()
        self._writer.close()
        self._turn.close()

    def _enqueue(self, work: _Work, future: _Future | None, loop: asyncio.AbstractEventLoop) -> None:
        if not self._waiting and not self._committing:
            # After this turn of the loop, so that all changes of one turn share a commit.
            self._loop = loop
            loop.call_soon(self._begin_group)
        self._waiting.append((work, future))

    def _begin_group(self) -> None:
        """On the loop: run the statements of all that waits, and let the disk's thread commit them."""
        if self._committing or not self._waiting:
            return
        group, self._waiting = self._waiting[:_LARGEST_GROUP], self._waiting[_LARGEST_GROUP:]
        self._committing = True
        if not self._turn.take_at_once():
            decided = threading.Lock()
            self._be_patient(group, decided)
            self._disk_work.put(lambda: self._when_it_is_our_turn(group, decided))
            return
        try:
            rows = self._run_statements(group)
        except Exception as error:
            _LOG.debug("a group is taken apart: %s", error)
            self._disk_work.put(lambda: self._one_by_one(group))
        else:
            self._disk_work.put(lambda: self._commit(group, rows))

    def _when_it_is_our_turn(self, group: Sequence[_Waiting], decided: threading.Lock) -> list[_Outcome]:
        """On the disk's thread: wait for the other process, then do the group here, unless nobody waits any longer."""
        self._turn.take()
        if not decided.acquire(blocking=False):
            return []
        try:
            rows = self._run_statements(group)
        except Exception:
            return self._one_by_one(group)
        return self._commit(group, rows)

    def _be_patient(self, group: Sequence[_Waiting], decided: threading.Lock) -> None:
        if self._loop is not None:
            self._patience = self._loop.call_later(self._longest_wait, self._give_up, group, decided)

    def _give_up(self, group: Sequence[_Waiting], decided: threading.Lock) -> None:
        """On the loop: it is still not our turn. Whoever takes ``decided`` first says what becomes of the group."""
        if decided.acquire(blocking=False):
            late, self._waiting = [*group, *self._waiting], []
            error = StoreUnavailable("another process has been writing for too long")
            self._resolve([(future, error) for _, future in late])
            self._be_patient([], threading.Lock())  # and so for those who come while it lasts

    def _run_statements(self, group: Sequence[_Waiting]) -> list[_Rows]:
        execute = self._writer.execute
        try:
            execute("BEGIN IMMEDIATE")
            return [work(execute) for work, _ in group]
        except BaseException:
            self._roll_back()
            raise

    def _commit(self, group: Sequence[_Waiting], rows: Sequence[_Rows]) -> list[_Outcome]:
        try:
            self._writer.execute("COMMIT")
        except Exception:
            self._roll_back()
            return self._one_by_one(group)
        return [(future, result) for (_, future), result in zip(group, rows, strict=True)]

    def _one_by_one(self, group: Sequence[_Waiting]) -> list[_Outcome]:
        """Give each change a transaction of its own; wait once for another process's turn to end, not once for each."""
        outcomes: list[_Outcome] = []
        patience = _BUSY_MILLISECONDS
        for work, future in group:
            try:
                self._writer.execute(f"PRAGMA busy_timeout = {patience}")
                (rows,) = self._run_statements([(work, future)])
                self._writer.execute("COMMIT")
                outcomes.append((future, rows))
            except Exception as error:
                self._roll_back()
                outcomes.append((future, _translated(error)))
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                    patience = 0
        with contextlib.suppress(sqlite3.Error):
            self._writer.execute("PRAGMA busy_timeout = 0")
        return outcomes

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # what follows then fails, and says so to whoever waits
                self._writer.execute("ROLLBACK")

    def _work_on_disk(self) -> None:
        while (work := self._disk_work.get()) is not None:
            outcomes = work()
            self._turn.give_back()
            if self._loop is not None and not self._loop.is_closed():
                with contextlib.suppress(RuntimeError):  # the loop was closed in this very moment
                    self._loop.call_soon_threadsafe(self._group_done, outcomes)

    def _group_done(self, outcomes: Sequence[_Outcome]) -> None:
        """On the loop: begin the next group before anything else, then tell who waited."""
        self._committing = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._begin_group()
        self._resolve(outcomes)

    def _resolve(self, outcomes: Sequence[_Outcome]) -> None:
        for future, result in outcomes:
            if future is None:
                if isinstance(result, Exception):
                    _LOG.error("a change that nobody waits for failed: %s", result)
            elif not future.done():
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)


class SqliteLookup:
    """``engine.Lookup`` on SQLite."""

    __slots__ = ("_engine", "_statement")

    def __init__(self, engine: SqliteEngine, statement: Prepared) -> None:
        self._engine = engine
        self._statement = statement

    async def __call__(self, values: Values) -> Sequence[Row]:
        """Read; see ``Lookup``."""
        return self._engine.read(self._statement, values)


class SqliteOperation:
    """``engine.Operation`` on SQLite: its steps, one after the other, within a group.

    ``RETURNING`` doubles what an update costs here, so the row is asked only for what the caller does not know.
    """

    __slots__ = ("_asking", "_engine", "_first", "_rest")

    def __init__(
        self, engine: SqliteEngine, first: Prepared, asking: Prepared | None, rest: Sequence[Prepared]
    ) -> None:
        self._engine = engine
        self._first = first
        self._asking = asking
        self._rest = rest

    async def __call__(self, values: Values) -> Row | None:
        """Make it durably; see ``Operation``."""
        rows = await self._engine.write(partial(self._run, values))
        return None if rows is None else rows[0]

    def post(self, values: Values) -> None:
        """Make it without waiting; see ``Operation``."""
        self._engine.post(partial(self._run, values))

    def _run(self, values: Values, execute: _Execute) -> _Rows:
        asking = self._asking
        if asking is None or all(name in values for name in asking.columns):
            rows = _decide(execute, self._first, values)
        else:
            rows = _decide(execute, asking, values)
            if rows is not None:
                values = {**values, **dict(zip(asking.columns, rows[0], strict=True))}
        if rows is not None:
            for step in self._rest:
                execute(step.sql, step.bind(values))
        return rows


def _run_change(change: Change, execute: _Execute) -> _Rows:
    for step, step_values in change.before:
        execute(step.sql, step.bind(step_values))
    (first, values), *rest = change.steps
    rows = _decide(execute, first, values)
    if rows is not None:
        for step, step_values in rest:
            execute(step.sql, step.bind(step_values))
    return rows


def _decide(execute: _Execute, first: Prepared, values: Values) -> _Rows:
    cursor = execute(first.sql, first.bind(values))
    if first.returns_rows:
        return cursor.fetchall() or None
    return [(cursor.rowcount,)] if cursor.rowcount else None


def _translated(error: Exception) -> Exception:
    if isinstance(error, sqlite3.IntegrityError) and error.sqlite_errorcode in _TAKEN:
        return AlreadyExists("the key is taken")
    if isinstance(error, sqlite3.Error):
        return StoreUnavailable(f"writing failed: {error}")
    return error
