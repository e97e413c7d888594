"""Turns statements about one row into one statement about many: their parameters become columns of an input.

``UPDATE t SET x = :x WHERE id = :id`` becomes ``WITH input (x, id) AS (VALUES …) UPDATE t SET x = input.x FROM input
WHERE id = input.id``. What follows a first step becomes further data-modifying parts of the same statement, which see
only the rows that the first step touched. So an operation is one round trip and one commit, alone or with dozens of
others, and its text is derived, not written a second time.

Rows of values, not arrays: unnesting an array for each parameter cost PostgreSQL and the driver twice as much.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, Insert, Integer, Select, String, Text, and_, column, insert, literal_column, select, true
from sqlalchemy import values as sql_values
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.types import TypeEngine

from workgate.storage.engine import Key

ORDINAL = "n"
"""The column that says whose row it is: 1 for the first of the batch."""

Parameters = dict[str, TypeEngine[Any]]


def parameters_of(*statements: ClauseElement) -> Parameters:
    """The types of the parameters that are given at each call.

    Raises:
        TypeError: one of them was not made with ``given`` and has no type.
    """
    found: Parameters = {}
    for statement in statements:
        for element in visitors.iterate(statement):
            if isinstance(element, BindParameter) and element.required:
                if element.type._isnull:
                    raise TypeError(f"the parameter {element.key} has no type: make it with given()")
                # A text's length is its column's business: as a cast it would cut the text off without a word.
                found[str(element.key)] = Text() if isinstance(element.type, String) else element.type
    return found


def input_of(parameters: Parameters, rows: int) -> CTE:
    """The input of so many calls; the parameters of call 0 are named ``name.0`` and so on."""
    if rows == 1:
        values = [_parameter(name, 0, kind).label(name) for name, kind in parameters.items()]
        return select(*values, literal_column("1", Integer).label(ORDINAL)).cte("input")
    columns = [column(name, kind) for name, kind in parameters.items()]
    data = [
        (*(_parameter(name, row, kind) for name, kind in parameters.items()), literal_column(str(row + 1), Integer))
        for row in range(rows)
    ]
    return sql_values(*columns, column(ORDINAL, Integer), name="input").data(data).cte("input")


def _parameter(name: str, row: int, kind: TypeEngine[Any]) -> BindParameter[Any]:
    return BindParameter(f"{name}.{row}", type_=kind, required=True)


def read_of(statement: Select[Any], rows: int) -> Select[Any]:
    """A read for so many calls; its first column is the ordinal."""
    given = input_of(parameters_of(statement), rows)
    read = _from_input(statement, given)
    columns = select(given.c[ORDINAL], *read.selected_columns)
    return columns.select_from(*read.get_final_froms()).where(*_conditions(read))


def change_parameters(steps: Sequence[ClauseElement]) -> Parameters:
    """What the caller of an operation gives: not what its first step returns to the others."""
    first = steps[0]
    known = set(_returned_names(first)) - parameters_of(first).keys()
    return {name: kind for name, kind in parameters_of(*steps).items() if name not in known}


def change_of(steps: Sequence[ClauseElement], key: Key, rows: int) -> Select[Any]:
    """An operation for so many calls; it returns the ordinal and what the first step returns."""
    first, *rest = steps
    given = input_of(change_parameters(steps), rows)
    decided = _decided(first, key, given)
    passed = _passed(decided, given)
    answer = select(*(decided.c[name] for name in (ORDINAL, *_returned_names(first))))
    for number, step in enumerate(rest):
        answer = answer.add_cte(_cte(_from_input(step, passed), f"step_{number + 2}"))
    return answer


def _returned_names(statement: Any) -> tuple[str, ...]:  # noqa: ANN401 - any statement
    return tuple(str(returned.key) for returned in statement._returning)


def _decided(first: Any, key: Key, rows: CTE) -> CTE:  # noqa: ANN401 - an Insert, Update or Delete
    """The first step's rows, each with its ordinal."""
    if not isinstance(first, Insert):
        return _cte(_from_input(first, rows).returning(rows.c[ORDINAL]), "decided")
    # An insert can return columns of its own table only: its rows are found again by their key.
    made = _cte(_from_input(first, rows).returning(*key.values()), "made")
    same = and_(*(rows.c[name] == made.c[target.name] for name, target in key.items()))
    return select(rows.c[ORDINAL]).join_from(made, rows, same).cte("decided")


def _passed(decided: CTE, rows: CTE) -> CTE:
    """What the following steps know: the input of the rows that were touched, and what the first step returned."""
    news = [made for made in decided.c if made.key != ORDINAL]
    kept = [given for given in rows.c if given.key not in {new.key for new in news}]
    return select(*kept, *news).join_from(rows, decided, rows.c[ORDINAL] == decided.c[ORDINAL]).cte("passed")


def _from_input(statement: Any, rows: CTE) -> Any:  # noqa: ANN401 - the kind of statement that came in
    def replace(element: Any, **_: Any) -> Any:  # noqa: ANN401 - the library's own signature
        if isinstance(element, BindParameter) and element.required:
            return rows.c[element.key]
        return None

    if isinstance(statement, Insert) and statement.select is None:
        statement = _inserting_rows(statement)
    return visitors.replacement_traverse(statement, {}, replace)


def _inserting_rows(statement: Insert) -> Insert:
    """``INSERT … VALUES (:a, :b)`` as ``INSERT … SELECT :a, :b``, which can be of many rows."""
    given: Any = statement._values
    values = {str(getattr(target, "key", target)): value for target, value in given.items()}
    made = insert(statement.table).from_select(list(values), select(*values.values()).where(true()))
    made._post_values_clause = statement._post_values_clause
    return made


def _cte(statement: Any, name: str) -> CTE:  # noqa: ANN401 - an Insert, Update or Delete
    made: CTE = statement.cte(name)
    return made


def _conditions(read: Select[Any]) -> Sequence[Any]:
    return read._where_criteria
