"""Reading the settings of an identity provider, whatever its kind, as somebody entered them."""

import re
from collections.abc import Mapping
from typing import TypeVar

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
        field = re.search(r"\$\.(\w+)", str(error)) or re.search(r"`(\w+)`", str(error))
        raise Problem("it is missing or not of the right kind", field=field[1] if field else None) from None


def check_names(protocol: Mapping[str, object], kind: type[object]) -> None:
    """Raise ``Problem`` if there is a setting that the type has no field for."""
    known = kind.__annotations__
    if not protocol.keys() <= known.keys():
        raise Problem("there is a setting of an unknown name; these are known: {names}", names=", ".join(known))
