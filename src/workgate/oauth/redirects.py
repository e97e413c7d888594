"""Redirect URIs: which may be registered, which request matches one, and how answers are appended.

Comparison is byte for byte (RFC 9700 §2.1). The one exception is a public client's loopback redirect
registered with an IP literal and without a port: there the port may vary (RFC 8252 §7.3).
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import SplitResult, urlencode, urlsplit

from workgate.domain.texts import N_, Text

LONGEST_URI = 2048
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".test", ".home.arpa")
_LOOPBACK_PORT = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\])):([0-9]{1,5})(?=[/?]|$)")
# The host becomes part of a Content-Security-Policy, where ';' and ',' would end it.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_CSP_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d+)?")
_FORBIDDEN_CHARACTERS = frozenset("<>\"'\\^`{|} ")


class SafeRedirect:
    """A redirect URI that was found to be registered. Only ``match_redirect`` makes one."""

    __slots__ = ("uri",)

    def __init__(self, uri: str, *, proof: object) -> None:
        if proof is not _PROOF:
            raise TypeError("a SafeRedirect comes from match_redirect only")
        self.uri = uri

    def with_query(self, answer: Mapping[str, str | None]) -> str:
        """Append the answer's parameters, keeping an existing query (RFC 6749 §4.1.2)."""
        query = urlencode({name: value for name, value in answer.items() if value is not None})
        if "?" not in self.uri:
            return f"{self.uri}?{query}"
        return f"{self.uri}{'' if self.uri.endswith(('?', '&')) else '&'}{query}"

    @property
    def form_action_source(self) -> str:
        """The CSP source expression that lets a form's answer redirect here.

        CSP knows no IPv6 literals, no "_" in host names and no paths of custom schemes: there the scheme
        stands alone.
        """
        parts = urlsplit(self.uri)
        if parts.scheme not in {"http", "https"} or not _CSP_HOST.fullmatch(parts.netloc):
            return f"{parts.scheme}:"
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host(self) -> str:
        """Where the user will be sent, to show on the consent page."""
        parts = urlsplit(self.uri)
        return parts.netloc or f"{parts.scheme}:"


_PROOF = object()


def match_redirect(requested: str, registered: Iterable[str], *, public_client: bool) -> SafeRedirect | None:
    """Find the requested redirect URI among the registered ones; None if it is not there."""
    for uri in registered:
        if requested == uri:
            return SafeRedirect(requested, proof=_PROOF)
        if public_client and _without_loopback_port(requested) == uri and requested != uri:
            return SafeRedirect(requested, proof=_PROOF)
    return None


def _without_loopback_port(uri: str) -> str | None:
    match = _LOOPBACK_PORT.match(uri)
    if match is None or not 0 < int(match.group(2)) <= 65535:
        return None
    return match.group(1) + uri[match.end() :]


_SHOWN = 60
MARK = ">>>"
"""Stands before the first character that differs."""


def describe_mismatch(requested: str, registered: Sequence[str]) -> str:
    """Say what came beside the registered URI that is nearest to it, with the first difference marked in both."""
    if not registered:
        return f"came {requested[:200]!r}, none is registered"

    def in_common(uri: str) -> int:
        pairs = enumerate(zip(requested, uri, strict=False))
        return next((number for number, (a, b) in pairs if a != b), min(len(requested), len(uri)))

    nearest = max(registered, key=in_common)
    place = in_common(nearest)
    came, beside = _marked(requested, place), _marked(nearest, place)
    others = len(registered) - 1
    rest = f", and {others} more that differ earlier" if others else ""
    return f"came {came!r}, registered is {beside!r}{rest}; they differ from character {place + 1} on"


def _marked(uri: str, place: int) -> str:
    begin, end = max(0, place - _SHOWN), place + _SHOWN
    before, after = uri[begin:place], uri[place:end]
    return ("…" if begin else "") + before + MARK + after + ("…" if end < len(uri) else "")


def registration_problem(uri: str) -> Text | None:
    """Say why a redirect URI cannot be registered, in a sentence for its developer; None if it can.

    Contract §2.1: absolute, no fragment, no wildcard, no public IP address. Besides, ``http`` only where
    https cannot be had (loopback and private names), and custom schemes in reverse-domain form (RFC 8252 §7.1).
    """
    if not uri or len(uri) > LONGEST_URI or not _PRINTABLE.fullmatch(uri) or _FORBIDDEN_CHARACTERS & set(uri):
        return N_("use at most 2048 printable ASCII characters, percent-encoding all others")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return N_("this is not an address: check host and port")
    if not parts.scheme:
        return N_("begin with a scheme: an absolute address such as https://app.example.com/callback")
    if "#" in uri:
        return N_("leave out the fragment ('#' and what follows)")
    if "*" in uri:
        return N_("leave out the wildcard ('*'): register each address as it is")
    if parts.scheme not in {"http", "https"}:
        if "." not in parts.scheme:
            return N_(
                "use https, or for a native application a scheme in reverse-domain form (com.example.app:/callback)"
            )
        return None
    return _web_address_problem(parts, port)


def _web_address_problem(parts: SplitResult, port: int | None) -> Text | None:
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or port == 0 or parts.netloc.endswith(":"):
        return N_("name a host of letters, digits, '-' and '.', and a port above 0 if any")
    if parts.username is not None or parts.password is not None:
        return N_("leave out user name and password")
    if any(segment in {".", ".."} for segment in re.sub("%2e", ".", parts.path, flags=re.I).split("/")):
        return N_("leave out '.' and '..' segments: this is not a relative path")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        # The URL Standard reads a host whose last label is a number as an IPv4 address, however it is written.
        if not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
            return N_("write the host with letters, digits, '-' and '.', and an IP address as four decimal numbers")
        private = "." not in host or host.endswith(_PRIVATE_SUFFIXES)
    else:
        private = address.is_private or address.is_loopback
        if not private:
            return N_("use a host name: public IP addresses are not allowed")
    if parts.scheme == "http" and not private:
        return N_("use https: http is only for this machine (localhost, 127.0.0.1) and private networks")
    return None
