"""Client authentication: which client says it is asking, how it proves it, and whether that holds.

RFC 6749 §2.3 and §3.2.1: HTTP Basic, or client_id and client_secret in the body; a public client names
itself by client_id alone. Two methods at once are refused.
"""

import binascii
import hashlib
import hmac
import re
from urllib.parse import unquote_plus

import msgspec

from workgate.domain.ids import RowId
from workgate.domain.oauth import Application
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.params import Params

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a client presented; nothing is proved yet. ``readings`` are the possible (id, secret) pairs."""

    readings: tuple[tuple[str, str], ...]
    basic: bool

    @property
    def client_id(self) -> str:
        """The decoded reading's client_id: for limits, which no spelling of an ID may get around."""
        return self.readings[-1][0]

    def __repr__(self) -> str:
        """Leave the secret out of tracebacks and logs."""
        return f"Credentials({self.client_id!r}, basic={self.basic})"


class AuthenticatedClient(msgspec.Struct, frozen=True):
    """An application that proved who it is, or a public one that named itself."""

    application: Application
    secret_id: RowId | None


def present(authorization: str | None, params: Params) -> Credentials | Refusal:
    """Read the client's credentials from the Authorization header and the body.

    Args:
        authorization: the header as sent, or None.
        params: the body's parameters.
    """
    client_id, client_secret = params.get("client_id", ""), params.get("client_secret", "")
    if authorization is None:
        if not client_id:
            return Refusal(fault=Fault.CLIENT_AUTHENTICATION, reason="neither an Authorization header nor a client_id")
        return Credentials(readings=((client_id, client_secret),), basic=False)
    readings = _basic(authorization)
    if readings is None:
        return Refusal(fault=Fault.CLIENT_AUTHENTICATION, reason="the Authorization header is not HTTP Basic")
    if client_secret:
        return Refusal(fault=Fault.TWO_METHODS, reason="Basic credentials and a client_secret in the body")
    if client_id and all(client_id != reading[0] for reading in readings):
        return Refusal(fault=Fault.TWO_METHODS, reason="the body's client_id is not the one of the Basic credentials")
    return Credentials(readings=readings, basic=True)


def _basic(authorization: str) -> tuple[tuple[str, str], ...] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = binascii.a2b_base64(value.strip(), strict_mode=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    raw_id, colon, raw_secret = text.partition(":")
    if not colon or not raw_id:
        return None
    readings = [(raw_id, raw_secret)]
    # RFC 6749 §2.3.1 form-encodes both parts before RFC 7617 encodes them; many clients leave that out.
    if "%" in text or "+" in text:
        decoded = (unquote_plus(raw_id), unquote_plus(raw_secret))
        if decoded != readings[0]:
            readings.append(decoded)
    # RFC 7617 §2: control characters are in neither part.
    return tuple(reading for reading in readings if not _has_control(*reading)) or None


def _has_control(client_id: str, client_secret: str) -> bool:
    text = client_id + client_secret
    return not text.isprintable() and _CONTROL.search(text) is not None


def authenticate(application: Application | None, credentials: Credentials) -> AuthenticatedClient | Refusal:
    """Decide whether the credentials are the application's.

    Args:
        application: the one that the credentials' client_id names, or None.
        credentials: as presented.
    """
    if application is None:
        return Refusal(fault=Fault.CLIENT_AUTHENTICATION, reason="no application has this client_id")
    secrets = [secret for client_id, secret in credentials.readings if client_id == application.client_id]
    if not secrets:
        return Refusal(fault=Fault.CLIENT_AUTHENTICATION, reason="the credentials name another application")
    if application.is_public:
        if any(secrets):
            return Refusal(fault=Fault.CLIENT_AUTHENTICATION, reason="a public client sent a client_secret")
        return AuthenticatedClient(application, None)
    if not any(secrets):
        return Refusal(fault=Fault.CLIENT_AUTHENTICATION, reason="no client_secret was sent")
    for secret in secrets:
        digest = secret_digest(secret)
        for known in application.secrets:
            if hmac.compare_digest(known.digest, digest):
                return AuthenticatedClient(application, known.secret_id)
    return Refusal(
        fault=Fault.CLIENT_AUTHENTICATION,
        reason=f"the client_secret is none of the application's {len(application.secrets)}",
    )


def secret_digest(client_secret: str) -> bytes:
    """Compute what is stored of a client secret: random 256 bits need no slow hash."""
    return hashlib.sha256(client_secret.encode("utf-8", errors="replace")).digest()
