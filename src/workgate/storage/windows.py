"""Large changes in small steps: along a table's primary key, a window at a time, so that no statement takes long.

Each window lies within one environment. So its rows are a stretch of the primary key, and of no other index: where a
condition spans environments, PostgreSQL may find its rows in any index that begins with the environment, and read all
of that environment's for each window.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Column, Table, and_, bindparam, select, true, tuple_
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.dml import UpdateBase

from workgate.storage.engine import Change, Engine, Row, Values, given

_WINDOW = 5000


@dataclass(frozen=True, slots=True)
class Window:
    """What came of a step: how many rows it touched, and whether its window was full or the environment's last."""

    touched: int
    is_full: bool


class _Key:
    """A table's primary key as windows see it: an environment, and a place in it.

    Args:
        engine: the database.
        table: the table; its key begins with the environment, or has one column.
        place: the columns of the key, after the environment, that tell one place from another; by default all.
    """

    def __init__(self, engine: Engine, table: Table, place: Sequence[Column[Any]] = ()) -> None:
        first, *rest = table.primary_key
        self._engine = engine
        self.place = [*(place or rest or [first])]
        self.within = first == given(first, "in_environment") if rest else true()
        self.after = and_(self.within, tuple_(*self.place) > tuple_(*self._given("after")))
        self.until = tuple_(*self.place) <= tuple_(*self._given("until"))
        environments = select(first).order_by(first).limit(1)
        self._first = engine.prepare(environments)
        self._next = engine.prepare(environments.where(first > given(first, "in_environment"))) if rest else None

    def values(self, bound: str, row: Sequence[Any]) -> Values:
        """What ``after`` or ``until`` is told of a row's place."""
        return {f"{bound}_{column.key}": value for column, value in zip(self.place, row, strict=True)}

    async def environment_after(self, environment: Values | None) -> Values | None:
        """What ``within`` is told of the next environment that has rows. None: there is none."""
        if environment is None:
            rows = await self._engine.fetch(self._first, {})
        else:
            rows = await self._engine.fetch(self._next, environment) if self._next else []
        return {"in_environment": rows[0][0]} if rows else None

    def _given(self, bound: str) -> list[BindParameter[Any]]:
        return [given(column, f"{bound}_{column.key}") for column in self.place]


class Walk:
    """A change to a whole table, window by window, and how far it is.

    Args:
        engine: the database.
        table: the table; its key begins with the environment, or has one column.
        change: gives the statement for the rows that meet a condition.
        size: how many rows a window has.
        place: the columns of the key, after the environment, that tell one place from another; by default all.
    """

    def __init__(
        self,
        engine: Engine,
        table: Table,
        change: Callable[[ColumnElement[bool]], UpdateBase],
        *,
        size: int = _WINDOW,
        place: Sequence[Column[Any]] = (),
    ) -> None:
        key = _Key(engine, table, place)
        self._engine, self._key, self._skip = engine, key, size - 1
        begins = {False: key.within, True: key.after}
        ends = select(*key.place).order_by(*key.place).offset(bindparam("skip")).limit(1)
        self._ends = {begun: engine.prepare(ends.where(begin)) for begun, begin in begins.items()}
        self._changes = {
            (begun, ends): engine.prepare(change(and_(begin, key.until) if ends else begin))
            for begun, begin in begins.items()
            for ends in (False, True)
        }
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self._environment: Values | None = None
        self._after: Values = {}

    @property
    def is_at_start(self) -> bool:
        """Tell whether the next window is the table's first: it came to the end, or never began."""
        return self._environment is None

    async def advance(self, values: Values) -> Window:
        """Make the change to the next window; after the last one it is at the start again.

        Args:
            values: the change's parameters.

        Raises:
            StoreUnavailable: it stands where it stood.
        """
        if self._environment is None:
            self._environment = await self._key.environment_after(None)
            if self._environment is None:
                return Window(0, is_full=False)
        begin = {**self._environment, **self._after}
        rows = await self._engine.fetch(self._ends[bool(self._after)], {**begin, "skip": self._skip})
        until = self._key.values("until", rows[0]) if rows else {}
        statement = self._changes[bool(self._after), bool(rows)]
        done = await self._engine.apply(Change(((statement, {**values, **begin, **until}),)))
        if not rows:
            self._environment = await self._key.environment_after(self._environment)
        self._after = self._key.values("after", rows[0]) if rows else {}
        return Window(int(done[0][0]) if done else 0, is_full=bool(rows))


async def in_windows(
    engine: Engine,
    table: Table,
    change: Callable[[ColumnElement[bool]], UpdateBase],
    values: Values,
    *,
    size: int = _WINDOW,
) -> int:
    """Make a change to a whole table, window by window; how many rows it touched.

    Raises:
        StoreUnavailable: the windows before it are done.
    """
    walk = Walk(engine, table, change, size=size)
    touched = (await walk.advance(values)).touched
    while not walk.is_at_start:
        touched += (await walk.advance(values)).touched
    return touched


async def rows_in_windows(engine: Engine, table: Table, *, size: int = _WINDOW) -> AsyncIterator[Sequence[Row]]:
    """Read a whole table in the order of its key.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    key, names = _Key(engine, table), table.columns.keys()
    rows_of = select(*table.columns).order_by(*key.place).limit(bindparam("size"))
    first, following = engine.prepare(rows_of.where(key.within)), engine.prepare(rows_of.where(key.after))
    environment = await key.environment_after(None)
    while environment is not None:
        rows = await engine.fetch(first, {**environment, "size": size})
        while rows:
            yield rows
            last = dict(zip(names, rows[-1], strict=True))
            after = key.values("after", [last[column.key] for column in key.place])
            rows = await engine.fetch(following, {**environment, **after, "size": size})
        environment = await key.environment_after(environment)
