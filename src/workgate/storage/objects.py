"""The API's objects over SQL: one table, the type's own fields as JSON."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Double, Text, and_, bindparam, insert, literal, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement, Select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from workgate.domain.ids import EnvironmentId
from workgate.domain.objects import ObjectQuery, StoredObject
from workgate.storage.engine import Change, Engine, Prepared, Row, given
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
                table.c.environment_id == given(table.c.environment_id),
                table.c.obj_code == given(table.c.obj_code),
            )
            .order_by(table.c.object_id)
            .limit(bindparam("limit"))
            .offset(bindparam("first"))
        )
        for number, (field, kinds, spans) in enumerate(shape):
            statement = statement.where(_meets(number, field, kinds, spans))
        return self._engine.prepare(statement)


class _Member(FunctionElement[Any]):
    """A member of the object's fields; NULL if it is not there, or null."""

    name = "member"
    inherit_cache = True


class _Value(FunctionElement[Any]):
    """A value as members are compared with."""

    name = "value"
    inherit_cache = True


@compiles(_Member, "sqlite")
def _member_of_text(element: _Member, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the library's own
    fields, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"""json_extract({fields}, '$."' || {name} || '"')"""


@compiles(_Member, "postgresql")
def _member_of_json(element: _Member, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the library's own
    fields, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"nullif(CAST({fields} AS jsonb) -> {name}, 'null')"


@compiles(_Value, "sqlite")
def _value_itself(element: _Value, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the library's own
    return compiler.process(element.clauses, **options)


@compiles(_Value, "postgresql")
def _value_as_json(element: _Value, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the library's own
    return f"to_jsonb({compiler.process(element.clauses, **options)})"


_TYPES: dict[type, TypeEngine[Any]] = {bool: Boolean(), int: BigInteger(), float: Double()}


def _meets(number: int, field: str, kinds: tuple[type, ...], spans: int) -> ColumnElement[bool]:
    column = _COLUMN_FIELDS.get(field)
    subject: ColumnElement[Any] = _Member(table.c.fields, literal(field)) if column is None else column

    def value(name: str, kind: type) -> ColumnElement[Any]:
        if column is not None:
            return given(column, name)
        return _Value(bindparam(name, type_=_TYPES.get(kind, Text())))

    alternatives: list[ColumnElement[bool]] = []
    for i, kind in enumerate(kinds):
        name = f"value_{number}_{i}"
        alternatives.append(subject.is_(None) if kind is type(None) else subject == value(name, kind))
    for i in range(spans):
        low, high = value(f"low_{number}_{i}", int), value(f"high_{number}_{i}", int)
        alternatives.append(and_(subject >= low, subject <= high))
    return or_(*alternatives)


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
