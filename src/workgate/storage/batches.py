"""Turns statements about one row into one statement about many: their parameters become columns of an input.

``UPDATE t SET x = :x WHERE id = :id`` becomes ``WITH input AS (SELECT … FROM unnest(:x, :id)) UPDATE t SET x = input.x
FROM input WHERE id = input.id``. What follows a first step becomes further data-modifying parts of the same
statement, which see only the rows that the first step touched. So an operation is one round trip and one commit,
alone or with a hundred others, and its text is derived, not written a second time.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ARRAY, CTE, Insert, Integer, Select, String, Text, and_, column, func, literal, select
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


def one_row(parameters: Parameters) -> CTE:
    """The input of a single call."""
    values = [BindParameter(name, type_=kind, required=True).label(name) for name, kind in parameters.items()]
    return select(*values, literal(1, Integer).label(ORDINAL)).cte("input")


def many_rows(parameters: Parameters) -> CTE:
    """The input of many calls: an array for each parameter."""
    arrays = [BindParameter(name, type_=ARRAY(kind), required=True) for name, kind in parameters.items()]
    columns = [column(name, kind) for name, kind in parameters.items()]
    rows = func.unnest(*arrays).table_valued(*columns, with_ordinality=ORDINAL, name="row").render_derived()
    return select(*(rows.c[name] for name in (*parameters, ORDINAL))).cte("input")


def read_of(statement: Select[Any], source: Callable[[Parameters], CTE]) -> Select[Any]:
    """A read for every row of the input; its first column is the ordinal."""
    rows = source(parameters_of(statement))
    read = _from_input(statement, rows)
    columns = select(rows.c[ORDINAL], *read.selected_columns)
    return columns.select_from(*read.get_final_froms()).where(*_conditions(read))


def change_of(steps: Sequence[ClauseElement], key: Key, source: Callable[[Parameters], CTE]) -> Select[Any]:
    """An operation for every row of the input; it returns the ordinal and what the first step returns."""
    first, *rest = steps
    returned = _returned_names(first)
    parameters = parameters_of(*steps)
    for name in returned:
        if name not in parameters_of(first):
            parameters.pop(name, None)
    rows = source(parameters)
    decided = _decided(first, key, rows)
    passed = _passed(decided, rows)
    answer = select(*(decided.c[name] for name in (ORDINAL, *returned)))
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

    return visitors.replacement_traverse(statement, {}, replace)


def _cte(statement: Any, name: str) -> CTE:  # noqa: ANN401 - an Insert, Update or Delete
    made: CTE = statement.cte(name)
    return made


def _conditions(read: Select[Any]) -> Sequence[Any]:
    return read._where_criteria
