"""Outbound fetches are bounded in time and size and go to public addresses only (SECURITY 27)."""

import asyncio
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.database.certificates import Authority

from workgate.domain.sso import FetchFailed
from workgate.signin.fetch import Fetched, Fetcher, FetchPolicy, fetchable, is_public

Serve = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def a_server(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer requests at 127.0.0.1; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serve(self)

        def do_POST(self) -> None:
            serve(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that goes away in the middle is what these tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=20)


def answer(status: int, body: bytes = b"{}", **headers: str) -> Serve:
    def serve(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return serve


def fetched(url: str, *, allowed: bool = True, **policy: float) -> Fetched:
    async def work() -> Fetched:
        bounds = {"seconds": 5.0, **policy}
        return await Fetcher(FetchPolicy(insecure_http_and_private_addresses=allowed, **bounds)).get(url)  # type: ignore[arg-type]

    return asyncio.run(work())


def why(url: str, **options: float | bool) -> str:
    with pytest.raises(FetchFailed) as caught:
        fetched(url, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.spec("SECURITY", "27", "private, loopback, link-local and other special addresses are no public ones")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2001:0:7f00:1::",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.spec("SECURITY", "27", "only https, without user information, fragment or odd characters")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://provider.example/",
        "ftp://provider.example/",
        "file:///etc/passwd",
        "//provider.example/",
        "/path",
        "https://",
        "https:///path",
        "https://user@provider.example/",
        "https://user:pw@provider.example/",
        "https://provider.example/#part",
        "https://provider.example\\@127.0.0.1/",
        "https://provider.example/a b",
        "https://provider.example/\r\nHost: x",
        "https://provider.example/\x00",
        "https://provider.exämple/",
        "https://provider.example:99999/",
        "https://provider.example:port/",
        "https://[::1/",
        "https://provider.example:0/",
        "https://provider.example/" + "x" * 2048,
    ],
)
def test_addresses_that_are_not_fetched(url: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        fetchable(url, insecure_http=False)
    assert "provider" not in str(caught.value)


@pytest.mark.spec("SECURITY", "27", "nothing is asked at an address that is not public, by whatever name it goes")
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0"],
)
def test_private_addresses_by_any_name(host: str) -> None:
    came: list[str] = []
    with a_server(lambda handler: came.append(handler.path)) as port:
        said = why(f"https://{host}:{port}/", allowed=False)
    assert "private address" in said or "no address" in said
    assert came == []


def test_what_the_operator_allowed() -> None:
    with a_server(answer(200, b'{"a":1}', content_type="application/json; charset=utf-8")) as port:
        got = fetched(f"http://localhost:{port}/x?y=z")
    assert (got.status, got.media_type, got.body) == (200, "application/json", b'{"a":1}')


@pytest.mark.spec("SECURITY", "27", "no redirect is followed")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_redirects(status: int) -> None:
    came: list[str] = []

    def serve(handler: BaseHTTPRequestHandler) -> None:
        came.append(handler.path)
        answer(status, location="/elsewhere", content_length="2")(handler)

    with a_server(serve) as port:
        assert "redirect" in why(f"http://127.0.0.1:{port}/here")
    assert came == ["/here"]


@pytest.mark.spec("SECURITY", "27", "an endless answer is cut off at its bound")
def test_an_endless_body() -> None:
    sent = 0

    def serve(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        answer(200, b"")(handler)
        while sent < 10_000_000:
            sent += handler.wfile.write(b"x" * 10_000)

    with a_server(serve) as port:
        assert "more than 100000 bytes" in why(f"http://127.0.0.1:{port}/", largest=100_000)
    assert sent < 10_000_000


@pytest.mark.spec("SECURITY", "27", "a slow answer is cut off at its bound, however steadily it drips")
@pytest.mark.parametrize("where", ["before the head", "in the body"])
def test_a_slow_answer(where: str) -> None:
    over = threading.Event()

    def serve(handler: BaseHTTPRequestHandler) -> None:
        if where == "in the body":
            answer(200, b"")(handler)
            while not over.wait(0.05):
                handler.wfile.write(b"x")
        over.wait(20)

    with a_server(serve) as port:
        assert "took longer than 0.5 s" in why(f"http://127.0.0.1:{port}/", seconds=0.5)
        over.set()


@pytest.mark.spec("SECURITY", "27", "a slow provider is asked a few things at once, and makes nobody wait for others")
def test_many_at_once() -> None:
    over = threading.Event()
    came = threading.Semaphore(0)

    def slow(handler: BaseHTTPRequestHandler) -> None:
        came.release()
        over.wait(20)
        answer(200)(handler)

    async def work(slow_port: int, quick_port: int) -> None:
        fetcher = Fetcher(FetchPolicy(insecure_http_and_private_addresses=True, seconds=20, at_once=3))
        waiting = [asyncio.create_task(fetcher.get(f"http://127.0.0.1:{slow_port}/")) for _ in range(5)]
        for _ in range(3):
            await asyncio.to_thread(came.acquire)
        assert (await fetcher.get(f"http://127.0.0.1:{quick_port}/")).status == 200
        assert not came.acquire(blocking=False)
        over.set()
        assert [found.status for found in await asyncio.gather(*waiting)] == [200] * 5

    with a_server(slow) as slow_port, a_server(answer(200)) as quick_port:
        asyncio.run(work(slow_port, quick_port))


def test_a_compressed_answer_is_refused() -> None:
    with a_server(answer(200, b"x", content_encoding="gzip")) as port:
        assert "compressed" in why(f"http://127.0.0.1:{port}/")


def test_nobody_listens_and_nonsense() -> None:
    with a_server(answer(200)) as port:
        pass
    assert "cannot be reached" in why(f"http://127.0.0.1:{port}/")

    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"nonsense\r\n\r\n")

    with a_server(nonsense) as port:
        assert "cannot be reached" in why(f"http://127.0.0.1:{port}/")


@pytest.mark.spec(
    "SECURITY", "27", "the address that was judged is asked in the host's name, which the certificate must have"
)
def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    hosts: list[str] = []

    def serve(handler: BaseHTTPRequestHandler) -> None:
        hosts.append(handler.headers["host"])
        answer(200, content_length="2")(handler)

    async def get(port: int, trusts: ssl.SSLContext) -> int:
        policy = FetchPolicy(insecure_http_and_private_addresses=True, seconds=5)
        return (await Fetcher(policy, trusts).get(f"https://localhost:{port}/")).status

    for name, works in (("localhost", True), ("elsewhere.example", False)):
        certificate = authority.certificate_for(name)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate.certificate, certificate.key)
        ours = ssl.create_default_context(cafile=authority.certificate)
        with a_server(serve, tls) as port:
            if works:
                assert asyncio.run(get(port, ours)) == 200
                assert hosts == [f"localhost:{port}"]
                with pytest.raises(FetchFailed):
                    asyncio.run(get(port, ssl.create_default_context()))
            else:
                with pytest.raises(FetchFailed):
                    asyncio.run(get(port, ours))
