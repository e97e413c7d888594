"""Parameters as they arrive: query, form or JSON, read strictly.

A parameter that this service knows must be one text of reasonable length without control characters
(RFC 6749 §3.1, §3.2: repeated parameters are refused); one that it does not know is ignored.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from workgate.oauth.errors import Fault, Refusal

Params = Mapping[str, str]
"""Known parameters, each at most once, none of them empty."""

LONGEST_VALUE = 8192
AUTHORIZE_PARAMETERS = frozenset(
    {"client_id", "redirect_uri", "response_type", "state", "code_challenge", "code_challenge_method"}
)
TOKEN_PARAMETERS = frozenset(
    {
        "grant_type",
        "client_id",
        "client_secret",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "token",
        "token_type_hint",
        "jwt_token",
    }
)
SECRET_PARAMETERS = frozenset(
    {"client_secret", "code", "refresh_token", "token", "code_verifier", "password", "jwt_token"}
)

_UNUSABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class _Members(list[tuple[str, Any]]):
    """A JSON object's members as they were written: faster decoders hide a name that comes twice."""


_decode_json = json.JSONDecoder(object_pairs_hook=_Members).decode


def from_form(text: bytes, known: frozenset[str], *, longest: int = LONGEST_VALUE) -> Params | Refusal:
    """Read ``application/x-www-form-urlencoded`` text: a body, or the query of an address.

    Args:
        text: the raw bytes, percent-encoded.
        known: the names to read; all others are ignored.
        longest: how many characters a value may have.
    """
    try:
        ascii_text = text.decode("ascii")
    except UnicodeDecodeError:
        return Refusal(fault=Fault.BODY_MALFORMED, reason="the form holds bytes that are not percent-encoded")
    pairs: list[tuple[str, Any]] = []
    for part in ascii_text.split("&"):
        name, _, value = part.partition("=")
        if "%" in name or "+" in name:
            name = unquote_plus(name, errors="replace")
        if name not in known:
            continue
        if "%" in value or "+" in value:
            try:
                value = unquote_plus(value, errors="strict")
            except UnicodeDecodeError:
                return Refusal(fault=Fault.MALFORMED_PARAMETER, reason=f"{name} is not UTF-8")
        pairs.append((name, value))
    return _checked(pairs, longest)


def from_json(text: bytes, known: frozenset[str]) -> Params | Refusal:
    """Read a JSON object; ``null`` counts as not sent."""
    try:
        members = _decode_json(text.decode())
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, _Members):
        return Refusal(fault=Fault.BODY_MALFORMED, reason="the body is not a JSON object")
    return _checked(
        [(name, value) for name, value in members if name in known and value is not None],
        LONGEST_VALUE,
    )


def _checked(pairs: Iterable[tuple[str, Any]], longest: int) -> Params | Refusal:
    params: dict[str, str] = {}
    for name, value in pairs:
        if name in params:
            return Refusal(fault=Fault.REPEATED_PARAMETER, reason=f"{name} was sent more than once")
        if not isinstance(value, str):
            return Refusal(fault=Fault.MALFORMED_PARAMETER, reason=f"{name} is not a text")
        if len(value) > longest:
            return Refusal(fault=Fault.MALFORMED_PARAMETER, reason=f"{name} has {len(value)} characters")
        if not value.isprintable() and _UNUSABLE.search(value):
            return Refusal(fault=Fault.MALFORMED_PARAMETER, reason=f"{name} holds control characters")
        params[name] = value
    # RFC 6749 §3.1: a parameter without a value is treated as if it were omitted.
    return params if all(params.values()) else {name: value for name, value in params.items() if value}
