"""A connection that owes the rest of its request is closed in time; a server that stops answers what it was asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from workgate.http11 import Patience
from workgate.serving import Server, listen

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


@dataclass
class App:
    """Reads a request, waits until it is allowed to answer, and answers."""

    allowed: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{word}.complete"})
            return
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.request":
            self.asked.set()
            await self.allowed.wait()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> str:
        """The head of the next answer, with its body read."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert await self.reader.readexactly(2) == b"ok"
        return head.decode()

    async def ended(self) -> bool:
        """Wait until the server closed it; nothing came before."""
        return await asyncio.wait_for(self.reader.read(), timeout=20) == b""

    async def trickle(self, data: bytes) -> bool:
        """Send byte after byte, a few a second, until the server closes it."""
        for byte in data:
            self.writer.write(bytes([byte]))
            try:
                return await asyncio.wait_for(self.reader.read(1), timeout=0.3) == b""
            except TimeoutError:
                pass
        return False


@dataclass
class Served:
    """A running server."""

    server: Server
    app: App
    port: int
    stopped: asyncio.Event
    clients: list[Client] = field(default_factory=list)

    async def connect(self, first: bytes = b"") -> Client:
        """Open a connection and send something."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        client.writer.write(first)
        self.clients.append(client)
        return client


@asynccontextmanager
async def served(drain_seconds: int = 0) -> AsyncIterator[Served]:
    app, ready, stopped = App(), asyncio.Event(), asyncio.Event()
    listener = listen("127.0.0.1", 0)
    server = Server(
        app,
        drain_seconds=drain_seconds,
        ready=ready.set,
        stopping=stopped.set,
        patience=Patience(head_seconds=1, body_seconds=1),
    )
    port = listener.getsockname()[1]
    async with asyncio.timeout(30):
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await ready.wait()
        made = Served(server, app, port, stopped)
        yield made
        server.should_exit = True
        await serving
        for client in made.clients:
            client.writer.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main())


def test_slow_clients() -> None:
    async def scenario() -> None:
        async with served() as it:
            it.app.allowed.set()
            slow = [await it.connect(begun) for begun in (b"", b"\r\n", b"GET / HT", HEAD, HEAD + b"abc")]
            after_an_answer = await it.connect(HEAD + b"abcd")
            await after_an_answer.answer()
            after_an_answer.writer.write(b"\r\n")
            idle = await it.connect(HEAD + b"abcd")
            await idle.answer()
            trickling = await it.connect()
            ended = await asyncio.gather(
                *(client.ended() for client in (*slow, after_an_answer)), trickling.trickle(HEAD + b"abcd")
            )
            assert all(ended)
            idle.writer.write(HEAD + b"abcd")
            assert "200 OK" in await idle.answer()

    run(scenario)


def test_a_slow_answer_is_not_the_clients_fault() -> None:
    async def scenario() -> None:
        async with served() as it:
            client, slow = await it.connect(HEAD + b"abcd"), await it.connect(b"GET")
            assert await slow.ended()
            it.app.allowed.set()
            assert "200 OK" in await client.answer()

    run(scenario)


def test_stopping() -> None:
    """What is in flight is answered, and each answer says that it is the connection's last."""

    async def scenario() -> None:
        async with served(drain_seconds=600) as it:
            begun, idle = await it.connect(HEAD + b"abcd"), await it.connect(HEAD + b"abcd")
            await it.app.asked.wait()
            it.app.allowed.set()
            assert "connection" not in await idle.answer()
            await begun.answer()
            it.app.allowed.clear()
            it.app.asked.clear()
            begun.writer.write(HEAD + b"abcd")
            await it.app.asked.wait()
            it.server.handle_exit(15, None)
            await it.stopped.wait()
            it.app.allowed.set()
            idle.writer.write(HEAD + b"abcd")
            fresh = await it.connect(HEAD + b"abcd")
            for client in (begun, idle, fresh):
                assert (await client.answer()).count("connection: close") == 1
                assert await client.ended()

    run(scenario)


def test_a_server_that_failed_never_says_that_it_serves() -> None:
    ours, theirs = socket.socketpair()
    ready: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        server.fail(LookupError("a page is missing"))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    server = Server(app, supervisor=theirs, ready=lambda: ready.append(True))
    with ours, theirs, listen("127.0.0.1", 0) as listener:
        asyncio.run(server.serve(sockets=[listener]))
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
    assert isinstance(server.failure, LookupError)
    assert ready == []
