"""Which web pages may read answers across origins: those of single page applications' redirect URIs.

Whoever may receive a code at an origin may redeem it from there, and nobody else: the rule is the one of redirect
URIs, less their paths. An origin is compared as browsers write it (RFC 6454 §6.2), byte for byte.
"""

import re
from collections.abc import Set as AbstractSet
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_WITHOUT_PORT = re.compile(r"http://(?:127\.0\.0\.1|\[::1\])(?=[/?]|$)")
_PORT = re.compile(r":[1-9][0-9]{0,4}")
_HIGHEST_PORT = 65535


class _Registered(NamedTuple):
    origins: AbstractSet[str]
    any_port: AbstractSet[str]


def allows_origin(origin: str, redirect_uris: tuple[str, ...]) -> bool:
    """Tell whether pages of this origin belong to the applications that registered these redirect URIs.

    Args:
        origin: the header ``Origin`` as it came.
        redirect_uris: of an environment's single page applications.
    """
    registered = _registered(redirect_uris)
    return origin in registered.origins or any(
        origin.startswith(f"{loopback}:") and _is_port(origin.removeprefix(loopback))
        for loopback in registered.any_port
    )


def web_origin(uri: str) -> str | None:
    """Give a redirect URI's origin as browsers write it; None: a scheme of an application's own has none."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
        if parts.scheme not in _DEFAULT_PORTS or not host:
            return None
        if ":" in host:
            host = f"[{IPv6Address(host).compressed}]"
    except ValueError:
        return None
    # RFC 6454 §6.2: the scheme's own port is left out
    shown = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


@lru_cache(maxsize=1024)
def _registered(redirect_uris: tuple[str, ...]) -> _Registered:
    # RFC 8252 §7.3: a loopback redirect that names no port may use any, and so may the page that it leads to
    return _Registered(
        origins=frozenset(origin for uri in redirect_uris if (origin := web_origin(uri)) is not None),
        any_port=frozenset(found.group() for uri in redirect_uris if (found := _WITHOUT_PORT.match(uri)) is not None),
    )


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text[1:]) <= _HIGHEST_PORT
