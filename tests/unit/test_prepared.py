"""A prepared statement is compiled once, and not before somebody needs it."""

import pytest
from sqlalchemy import column, select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import UnsupportedCompilationError
from sqlalchemy.sql import ColumnElement

from workgate.storage.engine import Prepared

_DIALECT = SQLiteDialect_pysqlite(paramstyle="qmark")


class _Unwritable(ColumnElement[int]):
    """What no dialect can write."""

    __visit_name__ = "unwritable"
    inherit_cache = False


def test_it_is_compiled_when_it_is_first_needed() -> None:
    unwritable = Prepared(select(_Unwritable()), _DIALECT)
    with pytest.raises(UnsupportedCompilationError):
        _ = unwritable.sql


def test_it_is_compiled_once() -> None:
    prepared = Prepared(select(column("a")), _DIALECT)
    assert (prepared.returns_rows, prepared.columns, prepared.names) == (True, ("a",), ())
    assert prepared.sql is prepared.sql
    with pytest.raises(AttributeError):
        _ = prepared.nothing_of_that_name
