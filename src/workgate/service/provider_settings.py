"""Reading the settings of an identity provider, whatever its kind, as somebody entered them."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import TypeVar, get_args, get_type_hints

import msgspec

from workgate.domain.problems import Problem

T = TypeVar("T")


def read_settings(protocol: Mapping[str, object], kind: type[T]) -> T:
    """Read settings as the type of their kind, in which each has a field.

    Raises:
        Problem: one is missing, unknown or of another type; it names the field, unless that is not ours to repeat.
    """
    check_names(protocol, kind)
    try:
        return msgspec.convert(protocol, kind)
    except msgspec.ValidationError as error:
        said = str(error)
        missing = re.match(r"Object missing required field `(\w+)`", said)
        if missing is not None:
            raise Problem("it is required", field=missing[1]) from None
        field = re.search(r"\$\.(\w+)", said)
        name = field[1] if field else ""
        choices = _choices(kind, name) if said.startswith("Invalid enum value") else ""
        if choices:
            raise Problem("choose one of: {names}", field=name, names=choices) from None
        raise Problem("it is not of the right kind", field=name or None) from None


def _choices(kind: type[object], name: str) -> str:
    hint = get_type_hints(kind).get(name)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(str(choice.value) for choice in hint)
    return ", ".join(str(choice) for choice in get_args(hint))


def check_names(protocol: Mapping[str, object], kind: type[object]) -> None:
    """Raise ``Problem`` if there is a setting that the type has no field for."""
    known = kind.__annotations__
    if not protocol.keys() <= known.keys():
        raise Problem("there is a setting of an unknown name; these are known: {names}", names=", ".join(known))
