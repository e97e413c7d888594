"""Moves an installation from one database to another, whichever engines keep them, and proves that it arrived.

Rows are read along their primary keys. A table's checksum is the sum, modulo 2²⁵⁶, of the SHA-256 of every row's
canonical JSON: it does not depend on an order, which the engines see differently. The source is read once more at the
end, so a server that changed it meanwhile is noticed. Environments come last: a copy that broke off serves nobody,
and is begun again.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Table, delete, func, insert, select

from workgate.domain.ports import StoreUnavailable
from workgate.storage.engine import Engine, given
from workgate.storage.schema import environments, leases, metadata
from workgate.storage.windows import in_windows, rows_in_windows

_WINDOW = 1000
_MODULUS = 2**256
_TABLES = (*(table for table in metadata.sorted_tables if table not in {environments, leases}), environments)


@dataclass(frozen=True, slots=True)
class TableSum:
    """How many rows a table has, and their checksum in hexadecimal."""

    table: str
    rows: int
    checksum: str


async def copy_installation(source: Engine, target: Engine) -> Sequence[TableSum]:
    """Copy every table; the target must hold no environment.

    Raises:
        StoreUnavailable: a database failed, the target is in use, or the source changed meanwhile.
    """
    occupied = await target.fetch(target.prepare(select(func.count()).select_from(environments)), {})
    if occupied[0][0]:
        raise StoreUnavailable("the database to copy to holds an installation already: name an empty one")
    sums = []
    for table in _TABLES:
        await in_windows(target, table, delete(table).where, {})
        sums.append(await _copy(source, target, table))
    for table, copied in zip(_TABLES, sums, strict=True):
        if await sum_of(target, table) != copied:
            raise StoreUnavailable(f"{table.name} did not arrive as it was sent: empty the target and copy again")
        if await sum_of(source, table) != copied:
            raise StoreUnavailable(f"{table.name} changed while it was copied: stop the server and copy again")
    return sums


async def sum_of(engine: Engine, table: Table) -> TableSum:
    """Read a table, and give its sum."""
    count = total = 0
    async for rows in _windows(engine, table):
        count, total = count + len(rows), total + sum(map(_digest, rows))
    return _sum(table, count, total)


async def _copy(source: Engine, target: Engine, table: Table) -> TableSum:
    columns = list(table.columns)
    key = {column.name: column for column in table.primary_key}
    row = insert(table).values({column.name: given(column) for column in columns})
    put = target.operation(row, key=key)
    count = total = 0
    async for rows in _windows(source, table):
        names = [column.name for column in columns]
        await asyncio.gather(*(put(dict(zip(names, values, strict=True))) for values in rows))
        count, total = count + len(rows), total + sum(map(_digest, rows))
    return _sum(table, count, total)


async def _windows(engine: Engine, table: Table) -> AsyncIterator[list[tuple[Any, ...]]]:
    """A table's rows, window by window, as every engine would give them."""
    async for rows in rows_in_windows(engine, table, size=_WINDOW):
        yield [_plain(table, row) for row in rows]


def _plain(table: Table, row: Sequence[Any]) -> tuple[Any, ...]:
    """Booleans as booleans, which SQLite keeps as numbers."""
    return tuple(
        bool(value) if isinstance(column.type, Boolean) and value is not None else value
        for column, value in zip(table.columns, row, strict=True)
    )


def _digest(row: Sequence[Any]) -> int:
    readable = [base64.b64encode(value).decode() if isinstance(value, bytes) else value for value in row]
    text = json.dumps(readable, ensure_ascii=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def _sum(table: Table, count: int, total: int) -> TableSum:
    return TableSum(table.name, count, f"{total % _MODULUS:064x}")
