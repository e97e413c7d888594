"""Which environment a request's host names, and which one a person means who types an organisation's name.

``{domain}.{lane}.{base domain}`` names one environment, ``oauth.{lane}.{base domain}`` the central host of a lane; any
other well-formed host is the default environment. Decides nothing about whether that environment exists. Workfront
contract §1.1, §1.3.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,253}[a-z0-9_])?\.?)(?::\d{1,5})?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# What people paste: a scheme if any, then the host; what follows it does not matter.
_TYPED = re.compile(r"(?:https?://)?(?P<host>[a-z0-9.-]{1,253}(?::\d{1,5})?)(?:[/?#].*)?", re.DOTALL)
_CENTRAL = "oauth"
_ORIGIN = "origin-"
LONGEST_TYPED = 2048


@dataclass(frozen=True, slots=True)
class NamedEnvironment:
    """The host names an organisation's domain in a lane."""

    domain: str
    lane: str


@dataclass(frozen=True, slots=True)
class CentralHost:
    """The host belongs to no organisation: applications send users of every organisation of the lane there.

    ``suffix`` is what follows ``oauth.`` in it, port and all: that of every organisation's host of this lane.
    """

    lane: str
    suffix: str

    def host_of(self, domain: str) -> str:
        """The host of an organisation in this lane."""
        return f"{domain}.{self.suffix}"


@dataclass(frozen=True, slots=True)
class DefaultEnvironment:
    """The host names no environment: plain ``localhost``, an IP address, a container's name."""


@dataclass(frozen=True, slots=True)
class BadHost:
    """The ``Host`` header is missing or is not a host."""


HostName = NamedEnvironment | CentralHost | DefaultEnvironment | BadHost


def parse_host(host: str, base_domains: Iterable[str]) -> HostName:
    """Read a ``Host`` header.

    Args:
        host: the header as sent, with or without a port.
        base_domains: the suffixes under which environments live, for example ``("localhost",)``.
    """
    lowered = host.lower()
    if not _HOST.fullmatch(lowered):
        return BadHost()
    name, colon, port = (lowered, "", "") if lowered.startswith("[") else lowered.partition(":")
    name = name.removesuffix(".").removeprefix(_ORIGIN)
    for base in base_domains:
        if name.endswith("." + base):
            labels = name.removesuffix("." + base).split(".")
            if len(labels) == 2 and all(_LABEL.fullmatch(label) for label in labels):
                domain, lane = labels
                if domain == _CENTRAL:
                    return CentralHost(lane=lane, suffix=f"{lane}.{base}{colon}{port}")
                return NamedEnvironment(domain=domain, lane=lane)
    return DefaultEnvironment()


def organisation_named(text: str, lane: str, base_domains: Iterable[str]) -> str | None:
    """Give the domain that a person means at the central host of a lane; None: that is no organisation of this lane.

    Understood are the domain alone (``acme``), with its lane (``acme.my``), its host (``acme.my.example.com``) and any
    address there that was pasted, in capitals and with spaces around it too.
    """
    typed = text.strip()
    # Before it is lower-cased: some letters of other alphabets become ASCII then.
    plain = len(typed) <= LONGEST_TYPED and typed.isascii() and typed.isprintable()
    found = _TYPED.fullmatch(typed.lower()) if plain else None
    if found is None:
        return None
    host = found["host"]
    domain = host.removesuffix(f".{lane}")
    if usable_domain(domain):
        return domain
    named = parse_host(host, base_domains)
    return named.domain if isinstance(named, NamedEnvironment) and named.lane == lane else None


def valid_label(text: str) -> bool:
    """Tell whether ``text`` can be a domain's or a lane's name: it must fit in a host name."""
    return _LABEL.fullmatch(text) is not None


def usable_domain(text: str) -> bool:
    """Tell whether ``text`` can be an organisation's domain: a label by which its hosts mean nothing else."""
    return valid_label(text) and text != _CENTRAL and not text.startswith(_ORIGIN)
