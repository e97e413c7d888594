"""What the stores ask of a database: prepared statements, reads, and changes that are durable when done.

A ``Change`` is data, not code, so that an engine may collect many of them into one commit. Its first
step decides: if it touches no row, nothing of the change happens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import BindParameter

Row = tuple[Any, ...]
Values = Mapping[str, Any]


class Prepared:
    """A SQLAlchemy Core statement compiled once, to be executed on the raw driver."""

    __slots__ = ("_fixed", "_names", "_pick", "returns_rows", "sql")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
        binds = getattr(compiled, "binds", {})
        self._fixed = {name: _as_sent(bind, dialect) for name, bind in binds.items() if not bind.required}
        self._pick = itemgetter(*self._names) if len(self._names) > 1 else None
        self.returns_rows = " RETURNING " in self.sql.replace("\n", " ")

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


@dataclass(frozen=True, slots=True)
class Change:
    """Steps to be made together or not at all; the first one's effect decides whether the rest happen."""

    steps: tuple[tuple[Prepared, Values], ...]


class Engine(Protocol):
    """A database."""

    def prepare(self, statement: ClauseElement) -> Prepared:
        """Compile a statement for this database."""

    async def fetch(self, statement: Prepared, values: Values) -> Sequence[Row]:
        """Read rows of what is committed. Raises ``StoreUnavailable``."""

    async def apply(self, change: Change) -> Sequence[Row] | None:
        """Make a change; returns once it is durable.

        Returns:
            The rows that the first step returned, or one row with the number of rows it touched; None if
            it touched none, and then nothing was changed.

        Raises:
            AlreadyExists: a key is taken; nothing was changed.
            StoreUnavailable: nothing was changed.
        """

    def post(self, change: Change) -> None:
        """Make a change with the next group, without waiting and without learning how it went."""
