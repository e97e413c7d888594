"""Bodies and queries of the admin API, read strictly into the types that describe them.

What is wrong is said with the place where it stands, never with what stood there: of a name that is not known, the
number of the member; of a value, its path and what was expected.
"""

import json
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, TypeVar, get_args, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from workgate.web.api.errors import Code, Failure

T = TypeVar("T", bound=msgspec.Struct)

LONGEST_PARAMETER = 2048
_MOST_PARAMETERS = 20
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>\w+)`")
_QUOTED = re.compile(r"`([^`]*)`")
_WORD = re.compile(r"\w+")
_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a time with its zone",
    "null": "null",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class _Members(list[tuple[str, Any]]):
    """A JSON object's members as they were written: other decoders hide a name that comes twice."""


_members = json.JSONDecoder(object_pairs_hook=_Members).decode


def read_json(text: bytes, kind: type[T]) -> T:
    """Read a body.

    Raises:
        Failure: it is not a JSON object of that type.
    """
    try:
        value = msgspec.json.decode(text, type=kind)
        members = _members(text.decode())
    except msgspec.ValidationError as error:
        raise _wrong(str(error), _names(text), kind, "member") from None
    except (ValueError, RecursionError):
        raise Failure(Code.INVALID, "the body must be a JSON object in UTF-8") from None
    seen = set()
    for name, member in members:
        if name in seen:
            raise Failure(Code.INVALID, "it is given more than once", name)
        seen.add(name)
        if any(_repeats(each) for each in _within(member)):
            raise Failure(Code.INVALID, "one of its members is given more than once", name)
    return value


def read_query(text: bytes, kind: type[T]) -> T:
    """Read the parameters of an address.

    Raises:
        Failure: one is not known, comes twice, or has a value that is not of its type.
    """
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(text),
            max_num_fields=_MOST_PARAMETERS,
            errors="strict",
        )
    except ValueError:
        message = f"the query must be at most {_MOST_PARAMETERS} parameters, percent-encoded in UTF-8"
        raise Failure(Code.INVALID, message) from None
    known = set(kind.__struct_fields__)
    for number, (name, value) in enumerate(pairs):
        if name not in known:
            raise _unknown(kind, number, "parameter")
        if any(name == other for other, _ in pairs[:number]):
            raise Failure(Code.INVALID, "it is given more than once", name)
        if len(value) > LONGEST_PARAMETER or _CONTROL.search(value):
            message = f"it must have at most {LONGEST_PARAMETER} characters, and no control characters"
            raise Failure(Code.INVALID, message, name)
    try:
        return msgspec.convert(dict(pairs), kind, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong(str(error), [name for name, _ in pairs], kind, "parameter") from None


def _repeats(value: object) -> bool:
    return isinstance(value, _Members) and len({name for name, _ in value}) != len(value)


def _within(value: object) -> Iterator[object]:
    """Give a value and all that it holds, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, _Members):
            waiting += [member for _, member in value]
        elif isinstance(value, list):
            waiting += value


def _names(text: bytes) -> list[str]:
    try:
        members = _members(text.decode())
    except (ValueError, RecursionError):
        return []
    return [name for name, _ in members] if isinstance(members, _Members) else []


def _wrong(said: str, names: Iterable[str], kind: type[msgspec.Struct], what: str) -> Failure:
    """Say anew what the decoder says, without the value or the name that it quotes."""
    missing = _MISSING.match(said)
    if missing is not None:
        return Failure(Code.INVALID, "it is required", missing["name"])
    match = _PLACE.fullmatch(said)
    path = (match["path"] if match else None) or ""
    field = _WORD.match(path)
    name = field[0] if field else None
    if said.startswith("Object contains unknown field"):
        if name is not None:
            known = _members_of(kind, name)
            return Failure(Code.INVALID, f"one of its members is not known; those that are: {known}", name)
        number = next((number for number, name in enumerate(names) if name not in kind.__struct_fields__), 0)
        return _unknown(kind, number, what)
    if said.startswith("Invalid enum value"):
        message = f"it must be one of: {', '.join(_choices(kind, name))}"
    elif said.startswith("Expected") and match is not None:
        words = _QUOTED.sub(_in_words, match["what"])
        message = words[0].lower() + words[1:]
    else:
        message = "it cannot be read"
    return Failure(Code.INVALID, message if path == (name or "") else f"{path}: {message}", name)


def _in_words(types: re.Match[str]) -> str:
    return _WORD.sub(lambda word: _WORDS.get(word[0], word[0]), types[1])


def _unknown(kind: type[msgspec.Struct], number: int, what: str) -> Failure:
    known = ", ".join(kind.__struct_fields__) or "none"
    return Failure(Code.INVALID, f"{what} {number + 1} is not known; those that are: {known}")


def _members_of(kind: type[msgspec.Struct], name: str) -> str:
    hint = get_type_hints(kind).get(name)
    for each in (hint, *get_args(hint)):
        if isinstance(each, type) and issubclass(each, msgspec.Struct):
            return ", ".join(each.__struct_fields__)
    return "none"


def _choices(kind: type[msgspec.Struct], name: str | None) -> list[str]:
    hint = get_type_hints(kind).get(name or "")
    for each in (hint, *get_args(hint)):
        if isinstance(each, type) and issubclass(each, Enum):
            return [str(choice.value) for choice in each]
    return []
