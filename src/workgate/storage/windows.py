"""Large changes in small steps: along a table's primary key, a window at a time, so that no statement takes long."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Table, bindparam, select, true, tuple_
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.dml import UpdateBase

from workgate.storage.engine import Change, Engine, Values

_WINDOW = 5000


async def in_windows(
    engine: Engine,
    table: Table,
    change: Callable[[ColumnElement[bool]], UpdateBase],
    values: Values,
    *,
    size: int = _WINDOW,
) -> int:
    """Make a change to a whole table, window by window; how many rows it touched.

    Args:
        engine: the database.
        table: the table.
        change: gives the statement for the rows that meet a condition.
        values: its parameters.
        size: how many rows a window has.

    Raises:
        StoreUnavailable: the windows before it are done.
    """
    key: list[ColumnElement[Any]] = list(table.primary_key)
    position = tuple_(*key)
    after = position > tuple_(*(bindparam(f"after_{column.key}", type_=column.type) for column in key))
    until = position <= tuple_(*(bindparam(f"until_{column.key}", type_=column.type) for column in key))
    ends = select(*key).order_by(*key).offset(bindparam("skip")).limit(1)
    first_end, next_end = engine.prepare(ends), engine.prepare(ends.where(after))
    changes = {
        (False, True): engine.prepare(change(until)),
        (True, True): engine.prepare(change(after & until)),
        (True, False): engine.prepare(change(after)),
        (False, False): engine.prepare(change(true())),
    }
    begin: dict[str, Any] = {}
    touched = 0
    while True:
        rows = await engine.fetch(next_end if begin else first_end, {**begin, "skip": size - 1})
        end = {f"until_{column.key}": value for column, value in zip(key, rows[0], strict=True)} if rows else {}
        statement = changes[bool(begin), bool(end)]
        done = await engine.apply(Change(((statement, {**values, **begin, **end}),)))
        touched += int(done[0][0]) if done else 0
        if not rows:
            return touched
        begin = {name.replace("until_", "after_", 1): value for name, value in end.items()}
