"""The API's answers: ``{"data": …}`` or ``{"error": …}``, never both (contract §3.8)."""

from enum import Enum
from typing import Any

Payload = dict[str, Any]


class ApiFault(Enum):
    """A kind of error: HTTP status and the class name that clients know."""

    UNSUPPORTED = (400, "java.lang.UnsupportedOperationException")
    NOT_SIGNED_IN = (401, "com.attask.common.AuthenticationException")
    FORBIDDEN = (403, "com.attask.common.SecurityViolationException")
    NOT_FOUND = (404, "com.attask.common.RecordNotFoundException")
    TOO_LARGE = (413, "java.lang.IllegalArgumentException")
    INVALID = (422, "java.lang.IllegalArgumentException")
    TOO_MANY = (429, "com.attask.common.AuthenticationException")
    FAILED = (500, "java.lang.RuntimeException")
    UNAVAILABLE = (503, "com.attask.common.ServiceUnavailableException")

    def __init__(self, status: int, class_name: str) -> None:
        self.status = status
        self.class_name = class_name


class ApiError(Exception):
    """A call that cannot be answered with data.

    Args:
        fault: what kind of error it is.
        message: for the developer of the client; always a text.
        msg_key: Workfront's key of the message, where it is known.
        retry_after: whole seconds to wait, where waiting helps.
    """

    def __init__(
        self, fault: ApiFault, message: str, *, msg_key: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.msg_key = msg_key
        self.retry_after = retry_after

    def payload(self) -> Payload:
        """Give the error's JSON object."""
        error: Payload = {"class": self.fault.class_name, "message": self.message}
        if self.msg_key is not None:
            error |= {"title": None, "msgKey": self.msg_key, "attributes": [], "code": 0}
        return {"error": error}


def not_signed_in() -> ApiError:
    """The answer to a missing, unknown or ended session; clients compare its text word for word."""
    return ApiError(ApiFault.NOT_SIGNED_IN, "You are not currently logged in.")


def not_found(class_name: str, object_id: str) -> ApiError:
    """The answer for an ID that names nothing that the user may see."""
    shown = object_id if object_id.isalnum() and len(object_id) <= 64 else ""
    return ApiError(
        ApiFault.NOT_FOUND,
        f'{class_name} with primary key value(s) "{shown}" not found',
        msg_key="exception.norecordfound",
    )


def invalid(message: str) -> ApiError:
    """The answer to a parameter that cannot be used."""
    return ApiError(ApiFault.INVALID, message)
