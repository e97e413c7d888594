"""The API's objects over SQL: one table, the type's own fields as JSON."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, bindparam, insert, or_, select, type_coerce
from sqlalchemy.sql import ColumnElement, Select

from workgate.domain.ids import EnvironmentId
from workgate.domain.objects import ObjectQuery, StoredObject
from workgate.storage.engine import Change, Engine, Prepared, Row
from workgate.storage.schema import objects as table

_COLUMN_FIELDS = {"ID": table.c.object_id, "name": table.c.name, "entryDate": table.c.entered_at}
_Shape = tuple[tuple[str, tuple[type, ...], int], ...]


class SqlObjectStore:
    """``ports.ObjectStore`` over SQL. A statement is compiled once for each shape of query."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._insert = engine.prepare(insert(table))
        self._prepared = lru_cache(maxsize=256)(self._prepare)

    async def insert(self, objects: Sequence[StoredObject]) -> None:
        """Store new objects; see the port."""
        if objects:
            await self._engine.apply(Change(tuple((self._insert, _values(stored)) for stored in objects)))

    async def find(self, environment_id: EnvironmentId, query: ObjectQuery) -> Sequence[StoredObject]:
        """Give the objects that a query names; see the port."""
        shape = tuple((c.field, tuple(type(value) for value in c.values), len(c.spans)) for c in query.conditions)
        values: dict[str, object] = {
            "environment_id": environment_id,
            "obj_code": query.obj_code,
            "first": query.first,
            "limit": query.limit,
        }
        for number, condition in enumerate(query.conditions):
            values |= {f"value_{number}_{i}": value for i, value in enumerate(condition.values)}
            for i, (low, high) in enumerate(condition.spans):
                values |= {f"low_{number}_{i}": low, f"high_{number}_{i}": high}
        rows = await self._engine.fetch(self._prepared(shape), values)
        return [_stored(row) for row in rows]

    def _prepare(self, shape: _Shape) -> Prepared:
        statement: Select[tuple[object, ...]] = (
            select(
                table.c.environment_id,
                table.c.obj_code,
                table.c.object_id,
                table.c.name,
                table.c.entered_at,
                table.c.fields,
            )
            .where(
                table.c.environment_id == bindparam("environment_id"),
                table.c.obj_code == bindparam("obj_code"),
            )
            .order_by(table.c.object_id)
            .limit(bindparam("limit"))
            .offset(bindparam("first"))
        )
        for number, (field, kinds, spans) in enumerate(shape):
            statement = statement.where(_meets(number, field, kinds, spans))
        return self._engine.prepare(statement)


def _meets(number: int, field: str, kinds: tuple[type, ...], spans: int) -> ColumnElement[bool]:
    alternatives: list[ColumnElement[bool]] = []
    for i, kind in enumerate(kinds):
        subject = _subject(field, kind)
        if kind is type(None):
            alternatives.append(subject.is_(None))
        else:
            alternatives.append(subject == bindparam(f"value_{number}_{i}", type_=subject.type))
    alternatives += [
        _subject(field, int).between(bindparam(f"low_{number}_{i}"), bindparam(f"high_{number}_{i}"))
        for i in range(spans)
    ]
    return or_(*alternatives)


def _subject(field: str, kind: type) -> ColumnElement[Any]:
    column = _COLUMN_FIELDS.get(field)
    return _json_field(field, kind) if column is None else column


def _json_field(field: str, kind: type) -> ColumnElement[Any]:
    element: Any = type_coerce(table.c.fields, JSON)[field]
    readings: dict[type, Callable[[], Any]] = {
        bool: element.as_boolean,
        int: element.as_integer,
        float: element.as_float,
    }
    read: ColumnElement[Any] = readings.get(kind, element.as_string)()
    return read


def _stored(row: Row) -> StoredObject:
    environment_id, obj_code, object_id, name, entered_at, fields = row
    return StoredObject(environment_id, obj_code, object_id, name, entered_at, json.loads(fields))


def _values(stored: StoredObject) -> dict[str, object]:
    return {
        "environment_id": stored.environment_id,
        "obj_code": stored.obj_code,
        "object_id": stored.object_id,
        "name": stored.name,
        "entered_at": stored.entered_at,
        "fields": json.dumps(dict(stored.fields)),
    }
