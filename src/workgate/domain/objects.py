"""Objects of the API as values: projects today, every type of the contract's part 3 later."""

from collections.abc import Mapping
from dataclasses import dataclass

from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId

FieldValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object with its own fields. References are stored as their ``…ID`` fields."""

    environment_id: EnvironmentId
    obj_code: str
    object_id: ObjectId
    name: str
    entered_at: Milliseconds
    fields: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class Condition:
    """``field`` equals one of ``values``, or lies in one of ``spans`` (both ends included).

    ``ID`` and ``name`` are fields like any other. Dates are milliseconds.
    """

    field: str
    values: tuple[FieldValue, ...]
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectQuery:
    """All objects of a type that meet every condition, from the ``first``-th, at most ``limit``."""

    obj_code: str
    conditions: tuple[Condition, ...] = ()
    first: int = 0
    limit: int = 100
