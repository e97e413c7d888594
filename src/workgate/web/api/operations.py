"""What an operation of the admin API is: what it takes, what it answers and what can go wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from workgate.web.api.bodies import Nothing
from workgate.web.api.calls import AdminServices, Answer, Call
from workgate.web.api.errors import Code

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
LARGEST_JSON = 256 * 1024
"""Fifty redirect URLs of the greatest length fit in."""
LARGEST_PROVIDER = 960 * 1024
"""The largest metadata that is read fits in, although JSON writes some of it with escapes."""


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that is no JSON: the media types that it may have, and how many bytes."""

    media_types: tuple[str, ...]
    largest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the table.

    Attributes:
        method: of HTTP.
        path: below ``ADMIN_PATH``, with its variable parts in braces.
        handler: what is done.
        query: the parameters that it takes.
        body: the type of its JSON body, or another kind of body; None: it takes none.
        status: of success.
        answer: the type of its answer; None: it answers with nothing.
        media_type: of its answer.
        conflicts: whether what there is can stand against it.
        limited: whether it can be asked for too often.
        everybody: whether every user may, not administrators alone.
        largest: how many bytes its JSON body may have.
    """

    method: str
    path: str
    handler: Callable[[AdminServices, Call[Any, Any]], Awaitable[Answer]]
    query: type[Struct] = Nothing
    body: type[Struct] | RawBody | None = None
    status: int = 200
    answer: type[Struct] | None = None
    media_type: str = JSON
    conflicts: bool = False
    limited: bool = False
    everybody: bool = False
    largest: int = LARGEST_JSON

    @property
    def name(self) -> str:
        """What the OpenAPI document calls it."""
        return self.handler.__name__

    @property
    def errors(self) -> tuple[Code, ...]:
        """Which errors it can answer with."""
        codes = [Code.INVALID, Code.NOT_SIGNED_IN, Code.NOT_ALLOWED, Code.NOT_FOUND]
        if self.conflicts:
            codes.append(Code.CONFLICT)
        if self.body is not None:
            codes += [Code.TOO_LARGE, Code.WRONG_MEDIA_TYPE]
        if self.limited:
            codes.append(Code.TOO_MANY)
        return (*codes, Code.UNAVAILABLE)
