"""Fetches from identity providers: over https, from public addresses, bounded in time and size, without redirects.

Who sets a provider up names addresses that this server then asks: it must not be led to what only this server reaches.
So the host is resolved here, every address that is not public is left out, and the connection goes to the very address
that was judged, while TLS and ``Host`` keep the name: a name that means another address a moment later gains nothing.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, urlencode, urlsplit

from workgate.domain.sso import FetchFailed
from workgate.domain.texts import N_

if TYPE_CHECKING:
    import httpx

LONGEST_URL = 2048
_MOST_ADDRESSES = 4
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """What may be fetched, in how many seconds, of how many bytes, and how many go to one host at once.

    Who asks a host that has so many under way waits, within that time: a slow provider makes nobody wait for others.
    """

    insecure_http_and_private_addresses: bool = False
    seconds: float = 10.0
    largest: int = 512 * 1024
    at_once: int = 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status, other than a redirect."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


class Fetcher:
    """Makes the server's outbound requests.

    Args:
        policy: their bounds.
        certificates: whom TLS trusts; by default the machine's authorities (or ``SSL_CERT_FILE``).
    """

    def __init__(self, policy: FetchPolicy, certificates: ssl.SSLContext | None = None) -> None:
        self.policy = policy
        self._certificates = certificates
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._interested: Counter[str] = Counter()
        # Of their own, for the system's resolver can block for long: nothing else waits for these threads.
        self._resolvers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="workgate-resolver")

    async def get(self, url: str, *, accept: str = "application/json", bearer: str | None = None) -> Fetched:
        """Fetch an address.

        Args:
            url: where from.
            accept: the media type to ask for.
            bearer: an access token to show.

        Raises:
            FetchFailed: with the private reason.
        """
        authorization = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
        return await self._fetch("GET", url, {"accept": accept, **authorization}, None)

    async def post(self, url: str, form: Mapping[str, str], *, authorization: str | None = None) -> Fetched:
        """Post a form.

        Raises:
            FetchFailed: with the private reason.
        """
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        if authorization is not None:
            headers["authorization"] = authorization
        return await self._fetch("POST", url, headers, urlencode(form).encode())

    def check(self, url: str) -> SplitResult:
        """Take an address apart if it is of a shape that could be fetched.

        Raises:
            FetchFailed: it is not; the message says why.
        """
        return fetchable(url, insecure_http=self.policy.insecure_http_and_private_addresses)

    async def _fetch(
        self, method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Fetched:
        parts = self.check(url)
        try:
            async with asyncio.timeout(self.policy.seconds), self._turn(parts.netloc):
                addresses = await self._resolve(parts)
                return await self._from_first(method, parts, addresses, headers, content)
        except TimeoutError:
            raise FetchFailed(
                N_("{host} took longer than {seconds} s", host=parts.hostname, seconds=f"{self.policy.seconds:g}")
            ) from None

    @contextlib.asynccontextmanager
    async def _turn(self, host: str) -> AsyncIterator[None]:
        turns = self._turns.setdefault(host, asyncio.Semaphore(self.policy.at_once))
        self._interested[host] += 1
        try:
            async with turns:
                yield
        finally:
            self._interested[host] -= 1
            if not self._interested[host]:
                del self._interested[host], self._turns[host]

    async def _resolve(self, parts: SplitResult) -> Sequence[_Address]:
        port = _port(parts)
        try:
            look_up = partial(socket.getaddrinfo, parts.hostname, port, type=socket.SOCK_STREAM)
            found = await asyncio.get_running_loop().run_in_executor(self._resolvers, look_up)
        except (OSError, UnicodeError):
            raise FetchFailed(N_("the name {host} has no address", host=parts.hostname)) from None
        addresses = list(dict.fromkeys(ipaddress.ip_address(row[4][0]) for row in found))
        allowed = [one for one in addresses if self.policy.insecure_http_and_private_addresses or is_public(one)]
        if not allowed:
            raise FetchFailed(N_("{host} is at a private address (setting sso_private_addresses)", host=parts.hostname))
        return allowed[:_MOST_ADDRESSES]

    async def _from_first(
        self,
        method: str,
        parts: SplitResult,
        addresses: Sequence[_Address],
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Fetched:
        """Ask the first address that takes a connection."""
        import httpx  # noqa: PLC0415 - whoever has no identity provider need not wait for it to load

        fault: Exception | None = None
        async with httpx.AsyncClient(
            verify=self._tls if parts.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            follow_redirects=False,
            timeout=self.policy.seconds,
        ) as client:
            for address in addresses:
                request = _request(client, method, parts, address, headers, content)
                try:
                    return await self._answer(client, request)
                except httpx.ConnectError as error:
                    fault = error
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    fault = error
                    break
        raise FetchFailed(
            N_("{host} cannot be reached ({fault})", host=parts.hostname, fault=type(fault).__name__)
        ) from None

    async def _answer(self, client: "httpx.AsyncClient", request: "httpx.Request") -> Fetched:
        host = request.headers["host"]
        response = await client.send(request, stream=True)
        try:
            if 300 <= response.status_code < 400:
                raise FetchFailed(N_("{host} answered with a redirect, which is not followed", host=host))
            if response.headers.get("content-encoding", "identity") != "identity":
                raise FetchFailed(N_("{host} compressed its answer though it was asked not to", host=host))
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > self.policy.largest:
                    raise FetchFailed(
                        N_("{host} answered with more than {largest} bytes", host=host, largest=self.policy.largest)
                    )
        finally:
            await response.aclose()
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(response.status_code, media_type, bytes(body))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._certificates or ssl.create_default_context()


def fetchable(url: str, *, insecure_http: bool) -> SplitResult:
    """Take an absolute https address apart.

    Raises:
        FetchFailed: it is none; the message says why, without the address.
    """
    try:
        parts = urlsplit(url)
        usable = parts.hostname is not None and _port(parts) > 0
    except ValueError:
        usable = False
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or not usable:
        raise FetchFailed(N_("it is not an absolute address"))
    if "@" in parts.netloc or "\\" in url or "#" in url:
        raise FetchFailed(N_("it must have neither user information, backslash nor fragment"))
    if parts.scheme != "https" and not (parts.scheme == "http" and insecure_http):
        raise FetchFailed(N_("it does not begin with https://"))
    return parts


def is_public(address: _Address) -> bool:
    """Tell whether an address belongs to the public internet, and carries no other one within that does not."""
    if isinstance(address, ipaddress.IPv6Address):
        within = _v4_within(address)
        if within is not None:
            return is_public(within)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _v4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a gateway or the system itself would make of it."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _V4_COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80


def _request(
    client: "httpx.AsyncClient",
    method: str,
    parts: SplitResult,
    address: _Address,
    headers: Mapping[str, str],
    content: bytes | None,
) -> "httpx.Request":
    """A request to an address in the name of a host."""
    shown = f"[{address}]" if address.version == 6 else str(address)
    target = parts.path or "/"
    url = f"{parts.scheme}://{shown}:{_port(parts)}{target}" + (f"?{parts.query}" if parts.query else "")
    own = {"host": parts.netloc, "accept-encoding": "identity", "user-agent": "workgate", "connection": "close"}
    # TLS asks for, and its certificate must name, the host and not the address.
    return client.build_request(
        method, url, headers={**own, **headers}, content=content, extensions={"sni_hostname": parts.hostname}
    )
