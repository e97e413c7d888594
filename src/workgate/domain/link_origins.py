"""What the links of a mail begin with. Whoever has a mail sent must not choose where its links lead.

The host of a request is whatever its sender wrote: a link to it would hand the secret in it to them.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from workgate.domain.accounts import Environment
from workgate.domain.hosts import NamedEnvironment, parse_host


@dataclass(frozen=True, slots=True)
class LinkOrigins:
    """Where an environment's pages are, for whoever reads a mail.

    Attributes:
        base_domains: the suffixes under which environments live.
        template: what the operator says, with ``{domain}`` and ``{lane}`` to be filled in; None: nothing.
    """

    base_domains: tuple[str, ...]
    template: str | None

    def of(self, environment: Environment, asked: str) -> str:
        """Give the origin of an environment's pages.

        Without the operator's word it is the one that was asked for, if that can be nobody else's: a name under a base
        domain, or this machine itself. Else it is made of the first base domain.
        """
        if self.template is not None:
            return self.template.format(domain=environment.domain, lane=environment.lane).rstrip("/")
        parts = urlsplit(asked)
        if _is_loopback(parts.hostname or "") or isinstance(
            parse_host(parts.netloc, self.base_domains), NamedEnvironment
        ):
            return asked
        base = next(iter(self.base_domains), "localhost")
        _, colon, port = parts.netloc.rpartition(":")
        port = f":{port}" if colon and port.isdecimal() else ""
        return f"{parts.scheme}://{environment.domain}.{environment.lane}.{base}{port}"

    @property
    def fault(self) -> str | None:
        """Say what is wrong with the operator's word; None: nothing."""
        if self.template is None:
            return None
        try:
            parts = urlsplit(self.template.format(domain="domain", lane="lane"))
        except (KeyError, IndexError, ValueError):
            parts = urlsplit("")
        if parts.scheme in {"http", "https"} and parts.hostname and parts.path in {"", "/"} and not parts.query:
            return None
        return "mail_origin must be an address like https://{domain}.{lane}.acme.example"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
