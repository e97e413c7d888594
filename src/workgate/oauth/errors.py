"""Everything that an OAuth endpoint can refuse, with the constant text that the world sees.

A ``Refusal`` pairs such a ``Fault`` with the private reason, which goes to the audit log only. The public
text never echoes input and never tells one kind of wrong secret from another. RFC 6749 §4.1.2.1 and §5.2,
RFC 7009 §2.2.1. Status codes are not decided here.

What people can meet on a page is marked for translation. Clients always get English: ``error_description`` is
ASCII (RFC 6749 §4.1.2.1), and for developers.
"""

from dataclasses import dataclass
from enum import Enum

from workgate.domain.texts import N_, Text


class Fault(Enum):
    """A public fault: RFC 6749's ``error`` and a constant ``error_description``."""

    UNKNOWN_CLIENT = (
        "invalid_client",
        N_(
            "No application with this client_id exists in this environment. Copy the client ID again from the "
            "application's page, and check that the address names the right organisation and lane."
        ),
    )
    NO_ENVIRONMENT = (
        "invalid_request",
        "No organisation has this address. Check its domain and lane: https://domain.lane.example.com.",
    )
    CENTRAL_HOST = (
        "invalid_request",
        "This is the central host, where users are sent to name their organisation; nothing else is here. Use the host "
        "of the organisation: https://domain.lane.example.com, with the domain and lane of the redirect.",
    )
    NOT_CENTRAL = (
        "invalid_client",
        N_(
            "No application with this client_id is available to every organisation of this lane. Send users to the "
            "address of your own organisation, or ask the operator to make the application available."
        ),
    )
    REDIRECT_URI_MISMATCH = (
        "invalid_request",
        N_(
            "The redirect_uri is not one of the application's registered redirect URLs. They are compared character "
            "by character: check scheme, host, port, path, slash and letter case."
        ),
    )
    REDIRECT_URI_MISSING = ("invalid_request", N_("The parameter redirect_uri is missing."))
    CLIENT_ID_MISSING = ("invalid_request", N_("The parameter client_id is missing."))
    MACHINE_APPLICATION = (
        "unauthorized_client",
        N_("A machine-to-machine application cannot use this grant: it exchanges a JWT."),
    )
    NOT_A_MACHINE = (
        "unauthorized_client",
        "Only a machine-to-machine application exchanges a JWT. Others send the user to the authorize page.",
    )
    JWT_MISSING = ("invalid_request", "The parameter jwt_token is missing.")
    JWT_INVALID = (
        "invalid_grant",
        "The JWT cannot be used. It must be signed with RS256 by one of the application's keys, with the customer ID "
        "as iss, the ID of the key's user as sub and an exp at most an hour away; each JWT works once.",
    )
    RESPONSE_TYPE_MISSING = ("invalid_request", "The parameter response_type is missing: send code.")
    RESPONSE_TYPE = ("unsupported_response_type", "Only response_type=code is supported.")
    CHALLENGE_MISSING = (
        "invalid_request",
        "This application must send code_challenge and code_challenge_method=S256 (PKCE).",
    )
    CHALLENGE_METHOD = ("invalid_request", "Only code_challenge_method=S256 is supported.")
    CHALLENGE_MALFORMED = (
        "invalid_request",
        "The code_challenge must be the base64url SHA-256 of the verifier: 43 characters without padding.",
    )
    ACCESS_DENIED = ("access_denied", "The user did not allow access.")
    REPEATED_PARAMETER = ("invalid_request", N_("A parameter was sent more than once."))
    MALFORMED_PARAMETER = (
        "invalid_request",
        N_("A parameter is too long, is not a text or holds characters that are not allowed."),
    )
    BODY_MALFORMED = (
        "invalid_request",
        N_("The body cannot be read: send a JSON object or an application/x-www-form-urlencoded form, in UTF-8."),
    )
    BODY_TOO_LARGE = ("invalid_request", "The body is too large.")
    CONTENT_TYPE = (
        "invalid_request",
        "Send Content-Type application/json or application/x-www-form-urlencoded.",
    )
    METHOD = ("invalid_request", "This endpoint takes POST only.")
    SECRET_IN_URL = (
        "invalid_request",
        "Codes, tokens and secrets belong in the body or the Authorization header, never in the address.",
    )
    GRANT_TYPE_MISSING = ("invalid_request", "The parameter grant_type is missing.")
    GRANT_TYPE = (
        "unsupported_grant_type",
        "Supported values of grant_type are authorization_code and refresh_token.",
    )
    CODE_MISSING = ("invalid_request", "The parameter code is missing.")
    REFRESH_TOKEN_MISSING = ("invalid_request", "The parameter refresh_token is missing.")
    TOKEN_MISSING = ("invalid_request", "The parameter token is missing.")
    TWO_METHODS = (
        "invalid_request",
        "The client authenticated in two ways at once: use the Authorization header or the body, not both.",
    )
    CLIENT_AUTHENTICATION = (
        "invalid_client",
        "Client authentication failed: check client_id and client_secret. A secret that was lost is replaced on "
        "the application's page.",
    )
    CODE_INVALID = (
        "invalid_grant",
        "The code cannot be used: it works once, for a short time, for the application, redirect_uri and "
        "code_verifier that it was made for. Send the user to the authorize page again.",
    )
    VERIFIER_MALFORMED = (
        "invalid_request",
        "The code_verifier must have 43 to 128 characters of A-Z, a-z, 0-9, '-', '.', '_' and '~'.",
    )
    REFRESH_TOKEN_INVALID = (
        "invalid_grant",
        "The refresh token cannot be used any more. Send the user to the authorize page again.",
    )
    TOO_MANY_FAILURES = (
        "temporarily_unavailable",
        "Too many failed attempts. Wait as long as Retry-After says, then try again.",
    )
    UNAVAILABLE = (
        "temporarily_unavailable",
        "The service cannot answer at this moment. Nothing was used up: try again.",
    )
    INTERNAL = ("server_error", "Something went wrong on our side. Nothing was used up: try again.")

    def __init__(self, code: str, text: str | Text) -> None:
        self.code = code
        self.text = text if isinstance(text, Text) else Text(text)
        self.description = str(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A refusal: the public fault, and the private reason for the audit log.

    Args:
        fault: what the world is told.
        reason: what exactly was wrong; never shown to the client.
        retry_after: whole seconds to wait, where the fault asks to wait.
    """

    fault: Fault
    reason: str
    retry_after: int | None = None
