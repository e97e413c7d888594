"""The one place where what goes wrong in the admin API becomes HTTP: a status, and an error in its one shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from workgate.asgi import Headers
from workgate.domain.problems import Conflict, NotAllowed, NotFound, Problem, TooOften


class Code(StrEnum):
    """What ``error`` can say."""

    INVALID = "invalid"
    NOT_SIGNED_IN = "not_signed_in"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    WRONG_MEDIA_TYPE = "wrong_media_type"
    TOO_MANY = "too_many"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


STATUS_OF_CODE: Mapping[Code, int] = {
    Code.INVALID: 400,
    Code.NOT_SIGNED_IN: 401,
    Code.NOT_ALLOWED: 403,
    Code.NOT_FOUND: 404,
    Code.WRONG_METHOD: 405,
    Code.CONFLICT: 409,
    Code.TOO_LARGE: 413,
    Code.WRONG_MEDIA_TYPE: 415,
    Code.TOO_MANY: 429,
    Code.FAILED: 500,
    Code.UNAVAILABLE: 503,
}


class ErrorBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error. ``message`` says in English what to do, ``field`` which field or parameter it is about.

    ``reference`` is where an administrator finds it on the audit log.
    """

    error: Code
    message: str
    field: str | None = None
    reference: str | None = None


@dataclass(slots=True)
class Failure(Exception):
    """A request that is not met."""

    code: Code
    message: str
    field: str | None = None
    reference: str | None = None
    headers: Headers = ()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS_OF_CODE[self.code]

    @property
    def body(self) -> ErrorBody:
        """What is answered."""
        return ErrorBody(error=self.code, message=self.message, field=self.field, reference=self.reference)


def failure_of(problem: Problem) -> Failure:
    """Turn what a service says into an answer."""
    headers: Headers = ()
    match problem:
        case TooOften(retry_after=seconds):
            code, headers = Code.TOO_MANY, [(b"retry-after", b"%d" % seconds)]
        case NotAllowed():
            code = Code.NOT_ALLOWED
        case NotFound():
            code = Code.NOT_FOUND
        case Conflict():
            code = Code.CONFLICT
        case _:
            code = Code.INVALID
    return Failure(code, str(problem), problem.field, headers=headers)
