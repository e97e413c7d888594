"""Search parameters as a query: equality filters, ``fields``, ``$$LIMIT`` and ``$$FIRST`` (contract §3.4)."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from workgate.attask.envelope import ApiError, invalid
from workgate.attask.metadata import FieldType, ObjectType
from workgate.domain.objects import Condition, FieldValue, ObjectQuery

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 2000
_MOST_FIELDS = 500
_MOST_VALUES = 500  # SQLite takes no expression deeper than 1000
NO_WILDCARDS: Mapping[str, str] = MappingProxyType({})
_CONTROL = frozenset({"method", "fields", "sessionID", "apiKey", "map", "username", "password"})
_CORE = ("ID", "name", "objCode")
_COUNT = re.compile(r"[0-9]{1,9}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MODIFIER = re.compile(r"[A-Za-z0-9_: ]{1,80}_(?:Mod|Range|Sort|GroupBy|AggFunc)")
_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:[.:](\d{3}))?(Z|[+-]\d\d:?\d\d)?")
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_WHOLE_NUMBERS = range(-(2**63), 2**63)  # what both databases can compare with


def read_query(
    kind: ObjectType, version: int, params: Mapping[str, list[str]], wildcards: Mapping[str, str] = NO_WILDCARDS
) -> ObjectQuery:
    """Make a query of search parameters.

    Args:
        kind: what is searched.
        version: of the API, for error texts.
        params: as sent.
        wildcards: what stands for values that begin with ``$$``, such as ``$$USER``.

    Raises:
        ApiError: a field that the type does not have, a value that its field cannot have, a bad page.
    """
    conditions = tuple(
        _condition(kind, version, name, [_resolved(value, wildcards) for value in values])
        for name, values in params.items()
        if name not in _CONTROL and not name.startswith("$$")
    )
    if sum(len(condition.values) + len(condition.spans) for condition in conditions) > _MOST_VALUES:
        raise invalid(f"A search can ask for at most {_MOST_VALUES} values at once")
    limit = _count(params, "$$LIMIT", DEFAULT_LIMIT)
    if limit > LARGEST_LIMIT:
        raise invalid(f"The requested limit {limit} is greater than the maximum allowed limit of {LARGEST_LIMIT}")
    return ObjectQuery(obj_code=kind.code, conditions=conditions, first=_count(params, "$$FIRST", 0), limit=limit)


def read_fields(kind: ObjectType, version: int, params: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Say what rows shall show: each key, and for a reference the keys below it.

    Without ``fields`` that is the core and the type's defaults, with it the core and just what was asked.

    Raises:
        ApiError: a field that the type does not have.
    """
    asked = [name.strip() for text in params.get("fields", []) for name in text.split(",") if name.strip()]
    if len(asked) > _MOST_FIELDS:
        raise invalid(f"A call can ask for at most {_MOST_FIELDS} fields at once")
    shown: dict[str, tuple[str, ...]] = dict.fromkeys(_CORE, ())
    for name in asked or kind.default_fields:
        head, colon, below = name.partition(":")
        if name == "*":
            shown |= dict.fromkeys(kind.fields, ())
        elif head in kind.references:
            shown[head] = (*shown.get(head, ()), *([below] if colon else []))
        elif colon or (head not in kind.fields and head not in _CORE):
            raise _no_such_field(kind, version, name)
        else:
            shown[head] = ()
    return shown


def _resolved(value: str, wildcards: Mapping[str, str]) -> str:
    """Put in what a wildcard stands for (contract §3.4.4)."""
    if not value.startswith("$$"):
        return value
    if value not in wildcards:
        raise invalid(f"Invalid Parameter: of the wildcards {', '.join(wildcards) or 'none'} can be used here")
    return wildcards[value]


def _condition(kind: ObjectType, version: int, name: str, values: list[str]) -> Condition:
    field_type = kind.fields.get(name)
    if field_type is FieldType.STRING and name.endswith("ID"):
        # Only fields that hold IDs take a comma for a list (contract §3.4.1).
        values = [part for value in values for part in value.split(",")]
    if field_type is None:
        if _MODIFIER.fullmatch(name):
            raise invalid(f"{name}: search answers equality only, so leave out modifiers, sorting and grouping")
        raise _no_such_field(kind, version, name)
    if field_type in {FieldType.DATE, FieldType.DATE_TIME}:
        spans = [_span(name, value) for value in values]
        return Condition(name, (), spans=tuple(spans))
    return Condition(name, tuple(_value(name, field_type, value) for value in values))


def _value(name: str, field_type: FieldType, text: str) -> FieldValue:
    if field_type is FieldType.INT:
        if not _WHOLE.fullmatch(text) or int(text) not in _WHOLE_NUMBERS:
            raise _invalid_value(name)
        return int(text)
    if field_type is FieldType.DOUBLE:
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            raise _invalid_value(name)
        return float(text)
    if field_type is FieldType.BOOLEAN:
        if text.lower() not in _TRUE | _FALSE:
            raise _invalid_value(name)
        return text.lower() in _TRUE
    return text


def _span(name: str, text: str) -> tuple[int, int]:
    """The milliseconds that a date covers (the whole day), or an instant (that second or millisecond)."""
    try:
        if "T" not in text:
            begin = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return _milliseconds(begin), _milliseconds(begin + timedelta(days=1)) - 1
    except (ValueError, OverflowError):
        raise _invalid_value(name) from None
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise _invalid_value(name)
    day, clock, fraction, zone = match.groups()
    try:
        begin = datetime.fromisoformat(f"{day}T{clock}.{fraction or '000'}{zone or '+00:00'}")
    except ValueError:
        raise _invalid_value(name) from None
    length = 0 if fraction else 999
    return _milliseconds(begin), _milliseconds(begin) + length


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _count(params: Mapping[str, list[str]], name: str, default: int) -> int:
    text = (params.get(name) or [str(default)])[-1]
    if not _COUNT.fullmatch(text):
        raise _invalid_value(name)
    return int(text)


def _invalid_value(name: str) -> ApiError:
    return invalid(f"Invalid Parameter: {name} does not take this value")


def _no_such_field(kind: ObjectType, version: int, name: str) -> ApiError:
    shown = name if len(name) <= 80 and name.isprintable() else "of that name"
    return invalid(f"APIModel V{version}_0 does not support field {shown} ({kind.name})")
