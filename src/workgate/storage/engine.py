"""What the stores ask of a database: statements compiled once, reads, and changes that are durable when done.

Statements are written once, in SQLAlchemy Core, with named parameters. What a busy server does all the time is an
``Operation`` or a ``Lookup``: data, not code, so that an engine may carry out many of a kind together. What it seldom
does is a ``Change``. In both the first step decides: if it touches no row, nothing of the rest happens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Column, Table, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement, ColumnElement
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.selectable import ReturnsRows

from workgate.domain.ids import Milliseconds

if TYPE_CHECKING:  # each engine loads its own dialect, and not the other one
    from sqlalchemy.dialects.sqlite import Insert

Row = Sequence[Any]
Values = Mapping[str, Any]
Key = Mapping[str, Column[Any]]
"""Which parameters name the row that an operation decides about, and the columns that they are compared with."""


def given(column: Column[Any], name: str | None = None) -> BindParameter[Any]:
    """A parameter for a column's value, named like the column or otherwise, and of its type."""
    return bindparam(name or column.name, type_=column.type)


class Prepared:
    """A SQLAlchemy Core statement compiled once, when it is first needed, to be executed on the raw driver.

    ``names`` are the parameters that are given at each call, ``columns`` what it returns, if it does.
    """

    __slots__ = ("_dialect", "_fixed", "_names", "_pick", "_statement", "columns", "names", "returns_rows", "sql")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        self._statement = statement
        self._dialect = dialect

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the attribute is
        """Compile: Python asks here for what is not there yet. So no start waits for what it does not use."""
        if name not in self.__slots__:
            raise AttributeError(name)
        self._compile(self._statement, self._dialect)
        return getattr(self, name)

    def _compile(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
        binds = getattr(compiled, "binds", {})
        self._fixed = {name: _as_sent(bind, dialect) for name, bind in binds.items() if not bind.required}
        self._pick = itemgetter(*self._names) if len(self._names) > 1 else None
        self.names = tuple(name for name in self._names if name not in self._fixed)
        self.columns = _columns(statement)
        self.returns_rows = bool(self.columns)

    def order_among(self, names: Sequence[str]) -> tuple[Sequence[int], list[Any]]:
        """Where in a list of these parameters' values, followed by the statement's own, each of its values stands."""
        place = {name: number for number, name in enumerate([*names, *self._fixed])}
        return [place[name] for name in self._names], list(self._fixed.values())

    def bind(self, values: Values) -> Sequence[Any]:
        """Put the values in the statement's order."""
        if self._fixed:
            values = {**self._fixed, **values}
        if self._pick is not None:
            return self._pick(values)  # type: ignore[no-any-return]  # itemgetter of several names gives a tuple
        return [values[name] for name in self._names]


def _as_sent(bind: BindParameter[Any], dialect: Dialect) -> object:
    """A value that the statement itself holds, as its type sends it: a JSON member's name becomes its path."""
    processor = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return bind.value if processor is None else processor(bind.value)


def _columns(statement: ClauseElement) -> tuple[str, ...]:
    if not isinstance(statement, ReturnsRows):
        return ()
    return tuple(str(column.key) for column in statement.exported_columns)


@dataclass(frozen=True, slots=True)
class Change:
    """Steps to be made together or not at all; the first one's effect decides whether the rest happen.

    ``before`` comes first and decides nothing. It takes locks, and does no harm where nothing follows from it.
    """

    steps: tuple[tuple[Prepared, Values], ...]
    before: tuple[tuple[Prepared, Values], ...] = ()


class Lookup(Protocol):
    """A read that a busy server makes all the time."""

    async def __call__(self, values: Values) -> Sequence[Row]:
        """Read rows of what is committed; none for a value that no text can hold, such as NUL.

        Raises ``StoreUnavailable``.
        """


class Operation(Protocol):
    """A conditional change of one row, and what follows from it, that a busy server makes all the time.

    What its row tells is known to the following steps, under the labels of that. A caller who knows all of it already
    may give it too: an engine that finds it there need not ask.
    """

    async def __call__(self, values: Values) -> Row | None:
        """Make it durably; what the row told, or some row where it was not asked. None: nothing was changed.

        Raises:
            AlreadyExists: a key is taken; nothing was changed.
            StoreUnavailable: nothing was changed, unless it is an ``OutcomeUnknown``.
        """

    def post(self, values: Values) -> None:
        """Make it with the next group, without waiting and without learning how it went."""


class Engine(Protocol):
    """A database."""

    def prepare(self, statement: ClauseElement) -> Prepared:
        """Compile a statement for this database."""

    def insert(self, table: Table) -> "Insert":
        """Begin an insert that may say what happens on conflict; every database's own construct is used alike."""

    def lookup(self, statement: ClauseElement) -> Lookup:
        """Compile a read whose every parameter is ``given``; none of them may stand in a join's condition."""

    def operation(
        self, first: UpdateBase, *rest: ClauseElement, key: Key, tells: Sequence[ColumnElement[Any]] = ()
    ) -> Operation:
        """Compile a change whose every parameter is ``given``.

        Args:
            first: the step that decides: it touches one row, or none and then nothing happens.
            rest: the steps that follow.
            key: which row it is.
            tells: what that row tells, afterwards, to the following steps and the caller.
        """

    async def fetch(self, statement: Prepared, values: Values) -> Sequence[Row]:
        """Read rows of what is committed; see ``Lookup``. Raises ``StoreUnavailable``."""

    async def apply(self, change: Change) -> Sequence[Row] | None:
        """Make a change; returns once it is durable.

        Returns:
            The rows that the first step returned, or one row with the number of rows it touched; None if
            it touched none, and then nothing was changed.

        Raises:
            AlreadyExists: a key is taken; nothing was changed.
            StoreUnavailable: nothing was changed, unless it is an ``OutcomeUnknown``.
        """

    async def time(self) -> Milliseconds | None:
        """The database's own clock, None if it has none of its own; either way it proves that the database answers.

        Raises:
            StoreUnavailable: it does not.
        """

    async def flush(self) -> None:
        """Wait until everything that was handed over so far is written, or has failed."""

    async def close(self) -> None:
        """Write what was handed over, then close."""
