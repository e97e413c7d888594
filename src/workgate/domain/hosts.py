"""Which environment a request's host names.

``{domain}.{lane}.{base domain}`` names one environment; any other well-formed host is the default one.
Decides nothing about whether that environment exists. Workfront contract §1.3.
"""

import re
from dataclasses import dataclass

_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,253}[a-z0-9_])?\.?)(?::\d{1,5})?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class NamedEnvironment:
    """The host names an organisation's domain in a lane."""

    domain: str
    lane: str


@dataclass(frozen=True, slots=True)
class DefaultEnvironment:
    """The host names no environment: plain ``localhost``, an IP address, a container's name."""


@dataclass(frozen=True, slots=True)
class BadHost:
    """The ``Host`` header is missing or is not a host."""


HostName = NamedEnvironment | DefaultEnvironment | BadHost


def parse_host(host: str, base_domains: tuple[str, ...]) -> HostName:
    """Read a ``Host`` header.

    Args:
        host: the header as sent, with or without a port.
        base_domains: the suffixes under which environments live, for example ``("localhost",)``.
    """
    lowered = host.lower()
    if not _HOST.fullmatch(lowered):
        return BadHost()
    name = lowered if lowered.startswith("[") else lowered.partition(":")[0]
    name = name.removesuffix(".").removeprefix("origin-")
    for base in base_domains:
        if name.endswith("." + base):
            labels = name.removesuffix("." + base).split(".")
            if len(labels) == 2 and all(_LABEL.fullmatch(label) for label in labels):
                return NamedEnvironment(domain=labels[0], lane=labels[1])
    return DefaultEnvironment()


def valid_label(text: str) -> bool:
    """Tell whether ``text`` can be a domain's or a lane's name: it must fit in a host name."""
    return _LABEL.fullmatch(text) is not None
