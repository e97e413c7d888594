"""The embedded engine: SQLite in WAL mode with full durability, and group commit.

Reads run inline on the caller's thread, a few microseconds each. Changes go to one writer thread, which
commits all that have gathered while the last commit was on its way to the disk.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.sql import ClauseElement

from workgate.domain.ports import AlreadyExists, StoreUnavailable
from workgate.storage.engine import Change, Prepared, Row, Values

_LOG = logging.getLogger(__name__)
_LARGEST_GROUP = 256
_LONGEST_QUEUE = 10_000
_BUSY_SECONDS = 10.0

_Future = asyncio.Future[Sequence[Row] | None]
_Result = tuple[_Future | None, Sequence[Row] | None, Exception | None]


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection as every part of Workgate must: WAL, synced to disk at each commit.

    Raises:
        StoreUnavailable: with the reason, in words for the operator.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
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
    """An embedded database, for one process that serves and any that administer beside it.

    Args:
        path: the database file, already migrated.
    """

    def __init__(self, path: Path) -> None:
        self._dialect = sqlite_dialect.dialect(paramstyle="qmark")
        self._reader = connect(path, read_only=True)
        self._writer = connect(path)
        self._queue: queue.SimpleQueue[tuple[Change, _Future | None] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._write_groups, name="workgate-writer", daemon=True)
        self._thread.start()

    def prepare(self, statement: ClauseElement) -> Prepared:
        """Compile a statement for SQLite."""
        return Prepared(statement, self._dialect)

    async def fetch(self, statement: Prepared, values: Values) -> Sequence[Row]:
        """Read rows of what is committed; see ``Engine``."""
        try:
            return self._reader.execute(statement.sql, statement.bind(values)).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"reading failed: {error}") from error

    async def apply(self, change: Change) -> Sequence[Row] | None:
        """Make a change durably; see ``Engine``."""
        if self._queue.qsize() > _LONGEST_QUEUE:
            raise StoreUnavailable("too many changes are waiting for the disk")
        self._loop = asyncio.get_running_loop()
        future: _Future = self._loop.create_future()
        self._queue.put((change, future))
        return await future

    def post(self, change: Change) -> None:
        """Make a change with the next group; see ``Engine``. Under overload it is dropped and logged."""
        if self._queue.qsize() > _LONGEST_QUEUE:
            logging.getLogger(__name__).error("a change that nobody waits for was dropped: the disk is too slow")
            return
        self._queue.put((change, None))

    def close(self) -> None:
        """Write what was handed over, then close."""
        self._queue.put(None)
        self._thread.join()
        self._reader.close()
        self._writer.close()

    def _write_groups(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group, last = [first], False
            with contextlib.suppress(queue.Empty):
                while len(group) < _LARGEST_GROUP and not last:
                    item = self._queue.get_nowait()
                    if item is None:
                        last = True
                    else:
                        group.append(item)
            self._deliver(self._commit(group))
            if last:
                return

    def _commit(self, group: list[tuple[Change, _Future | None]]) -> list[_Result]:
        try:
            rows = self._transaction([change for change, _ in group])
        except Exception as error:  # the thread must outlive whatever a driver raises
            if len(group) == 1:
                return [(group[0][1], None, _translated(error))]
            # One change spoiled the group and nothing of it was committed: each gets a transaction of its own.
            return [result for item in group for result in self._commit([item])]
        return [(future, result, None) for (_, future), result in zip(group, rows, strict=True)]

    def _transaction(self, changes: Iterable[Change]) -> list[Sequence[Row] | None]:
        execute = self._writer.execute
        execute("BEGIN IMMEDIATE")
        try:
            results = [_run(execute, change) for change in changes]
            execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return results

    def _deliver(self, results: list[_Result]) -> None:
        waiting = [result for result in results if result[0] is not None]
        for future, _, error in results:
            if error is not None and future is None:
                _LOG.error("a change that nobody waits for failed: %s", error)
        if waiting and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, waiting)


def _run(execute: Callable[..., sqlite3.Cursor], change: Change) -> Sequence[Row] | None:
    (first, values), *rest = change.steps
    cursor = execute(first.sql, first.bind(values))
    if first.returns_rows:
        rows: Sequence[Row] = cursor.fetchall()
        touched = len(rows)
    else:
        touched = cursor.rowcount
        rows = [(touched,)]
    if touched == 0:
        return None
    for step, step_values in rest:
        execute(step.sql, step.bind(step_values))
    return rows


def _resolve(results: list[_Result]) -> None:
    for future, rows, error in results:
        if future is None or future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(rows)


def _translated(error: Exception) -> Exception:
    if isinstance(error, sqlite3.IntegrityError):
        return AlreadyExists(str(error))
    return StoreUnavailable(f"writing failed: {error}")
