"""The protocol under the server: what leaves in one write, what goes uvicorn's way, and when a connection ends."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from workgate.http11 import BoundedHttp, Patience

T = TypeVar("T")
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
TEXT = (b"content-type", b"text/plain")


class Answers:
    """An application that answers with these messages, one list for each request."""

    def __init__(self, *answers: list[Message]) -> None:
        self.answers = list(answers)
        self.scopes: list[Scope] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive()).get("body", b""))
        for message in self.answers.pop(0):
            await send(message)


def answer(body: bytes, *headers: tuple[bytes, bytes], status: int = 200, length: int | None = None) -> list[Message]:
    declared = (b"content-length", b"%d" % (len(body) if length is None else length))
    return [
        {"type": "http.response.start", "status": status, "headers": [declared, *headers]},
        {"type": "http.response.body", "body": body},
    ]


def served(
    app: Answers,
    client: Callable[[Connect], Coroutine[Any, Any, T]],
    *,
    keep_alive: int = 5,
    protocol: type[BoundedHttp] = BoundedHttp,
) -> T:
    """Serve an application on a free port of the loopback for as long as a client takes."""

    async def run() -> T:
        config = uvicorn.Config(app, log_config=None, ws="none", timeout_keep_alive=keep_alive)
        config.load()
        loop, state = asyncio.get_running_loop(), ServerState()
        server = await loop.create_server(
            lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        async with server:
            result = await client(lambda: asyncio.open_connection("127.0.0.1", port))
        while state.tasks:
            await asyncio.wait(set(state.tasks))
            await asyncio.sleep(0)
        return result

    return asyncio.run(run())


def exchanged(app: Answers, *requests: bytes, keep_alive: int = 5) -> bytes:
    """Everything that comes back for these bytes until the server closes."""

    async def client(connect: Connect) -> bytes:
        reader, writer = await connect()
        writer.writelines(requests)
        try:
            return await reader.read()
        finally:
            writer.close()

    return served(app, client, keep_alive=keep_alive)


def test_a_whole_answer() -> None:
    app = Answers(answer(b"one", TEXT), answer(b"two"))
    assert exchanged(app, GET, CLOSING) == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-type: text/plain\r\n\r\none"
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\ntwo"
    )


def test_what_the_application_is_told() -> None:
    app = Answers(answer(b""))
    request = b"POST /a%20b/c?d=%20 HTTP/1.0\r\nHost: x\r\nX-Y: 1\r\nContent-Length: 2\r\n\r\nhi"
    exchanged(app, request)
    (scope,) = app.scopes
    assert (scope["method"], scope["http_version"], scope["path"]) == ("POST", "1.0", "/a b/c")
    assert (scope["raw_path"], scope["query_string"]) == (b"/a%20b/c", b"d=%20")
    assert scope["headers"] == [(b"host", b"x"), (b"x-y", b"1"), (b"content-length", b"2")]
    assert app.bodies == [b"hi"]


def test_head_has_no_body() -> None:
    assert exchanged(Answers(answer(b"body"), answer(b"")), GET.replace(b"GET", b"HEAD"), CLOSING).count(b"body") == 0


def test_a_stream_is_chunked() -> None:
    stream: list[Message] = [
        {"type": "http.response.start", "status": 200, "headers": [TEXT]},
        {"type": "http.response.body", "body": b"one", "more_body": True},
        {"type": "http.response.body", "body": b"two"},
    ]
    assert b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" in exchanged(
        Answers(stream, answer(b"")), GET, CLOSING
    )


def test_an_answer_without_length_is_chunked() -> None:
    bare: list[Message] = [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": b"one"},
    ]
    assert b"transfer-encoding: chunked" in exchanged(Answers(bare, answer(b"")), GET, CLOSING)


@pytest.mark.parametrize(
    "broken",
    [
        answer(b"secret", (b"x", b"a\r\nset-cookie: b=c")),
        answer(b"secret", (b"x", b"a\x00")),
        answer(b"secret", (b"x: y\r\nz", b"a")),
        answer(b"secret", length=3),
        answer(b"secret", length=30),
    ],
)
def test_what_must_not_be_sent_is_not(broken: list[Message]) -> None:
    text = exchanged(Answers(broken), CLOSING)
    assert b"secret" not in text or b"content-length: 30" in text  # cut short: the client sees that it is not whole
    assert b"set-cookie" not in text


def test_an_application_that_fails_or_says_nothing() -> None:
    for messages in ([], [{"type": "http.response.start", "status": 200, "headers": []}], [{"type": "nonsense"}]):
        assert exchanged(Answers(list(messages)), CLOSING).startswith(b"HTTP/1.1 500 ")


def test_the_answer_may_close_the_connection() -> None:
    assert exchanged(Answers(answer(b"bye", (b"connection", b"close"))), GET).endswith(b"\r\n\r\nbye")


def test_pipelined_requests_are_answered_in_turn() -> None:
    app = Answers(*(answer(b"%d" % number) for number in range(20)))
    text = exchanged(app, GET * 19 + CLOSING)
    assert [part[:2].strip() for part in text.split(b"\r\n\r\n")[1:]] == [
        (b"%d" % number + b"HT")[:2] for number in range(19)
    ] + [b"19"]


def test_an_idle_connection_is_closed() -> None:
    assert exchanged(Answers(answer(b"first"), answer(b"second")), GET, GET, keep_alive=1).endswith(b"second")


def test_a_connection_that_waits_for_its_answer_is_not() -> None:
    looked = asyncio.Event()

    class Watched(BoundedHttp):
        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            looked.set()

    class Slow(Answers):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if self.scopes:
                await looked.wait()
            await super().__call__(scope, receive, send)

    app = Slow(answer(b"first"), answer(b"second"))

    async def client(connect: Connect) -> bytes:
        reader, writer = await connect()
        writer.write(GET)
        await reader.readuntil(b"first")
        writer.write(CLOSING)
        try:
            return await reader.read()
        finally:
            writer.close()

    assert served(app, client, keep_alive=1, protocol=Watched).endswith(b"second")


def test_a_large_request_does_not_count_for_the_next_one() -> None:
    body = b"x" * 200_000
    large = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def client(connect: Connect) -> list[bytes]:
        reader, writer = await connect()
        heads = []
        for request in (large, large, GET):
            writer.write(request)
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(2)
        writer.close()
        return heads

    heads = served(Answers(answer(b"ok"), answer(b"ok"), answer(b"ok")), client)
    assert [head.split(b"\r\n")[0] for head in heads] == [b"HTTP/1.1 200 OK"] * 3


def test_a_pipeline_without_end_is_cut_off() -> None:
    app = Answers(*(answer(b"ok") for _ in range(5000)))

    async def client(connect: Connect) -> bytes:
        reader, writer = await connect()
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                writer.write(GET * 100)
                await writer.drain()
        received = b""
        with contextlib.suppress(ConnectionError):
            received = await reader.read()
        return received

    received = served(app, client)
    assert len(app.scopes) < 200
    assert received.count(b"HTTP/1.1 200 OK") < 200


def test_a_few_pipelined_requests_are_answered_in_order() -> None:
    app = Answers(*(answer(b"%02d" % n) for n in range(10)))

    async def client(connect: Connect) -> list[bytes]:
        reader, writer = await connect()
        writer.write(GET * 10)
        bodies = []
        for _ in range(10):
            await reader.readuntil(b"\r\n\r\n")
            bodies.append(await reader.readexactly(2))
        writer.close()
        return bodies

    assert served(app, client) == [b"%02d" % n for n in range(10)]


LARGE = b"x" * 100_000


class Unread(BoundedHttp):
    """Notes how many bytes of answers lie in memory."""

    made: "asyncio.Future[Unread]"
    most = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.made.set_result(self)

    def on_response_complete(self) -> None:
        self.most = max(self.most, self.transport.get_write_buffer_size())
        super().on_response_complete()

    async def stalls(self) -> bool:
        """Tell whether nothing leaves any more, for many turns of the loop."""
        lying = self.transport.get_write_buffer_size()
        for _ in range(100):
            await asyncio.sleep(0)
            if not self.flow.write_paused or self.transport.get_write_buffer_size() != lying:
                return False
        return True


async def asked_until_it_stalls(connect: Connect, together: int = 1) -> tuple[Unread, Any, Any, int]:
    """Ask again and again and read nothing, until no more is answered: the two ends, and how much was asked."""
    Unread.made = asyncio.get_running_loop().create_future()
    reader, writer = await connect()
    connection, asked = await Unread.made, 0
    async with asyncio.timeout(20):
        while asked < 300 and not (await connection.stalls() and connection.server_state.total_requests < asked):
            if connection.server_state.total_requests == asked:
                writer.write(GET * together)
                asked += together
    return connection, reader, writer, asked


@pytest.mark.parametrize("together", [1, 40])
def test_answers_that_nobody_reads_wait_to_be_made(together: int) -> None:
    """However much is asked, little more than one answer lies in memory; who reads then gets all of them."""
    app = Answers(*(answer(LARGE) for _ in range(400)))

    async def client(connect: Connect) -> None:
        connection, reader, writer, asked = await asked_until_it_stalls(connect, together)
        assert connection.server_state.total_requests < asked < 300
        assert connection.most < 64 * 1024 + 2 * len(LARGE)
        for _ in range(asked):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(LARGE)) == LARGE
        writer.close()

    served(app, client, protocol=Unread)


def test_who_reads_no_answers_is_cut_off() -> None:
    app = Answers(*(answer(LARGE) for _ in range(400)))
    patience = Patience(head_seconds=1000, body_seconds=30)

    async def client(connect: Connect) -> None:
        connection, reader, writer, _ = await asked_until_it_stalls(connect)
        for _ in range(30):
            connection.second_passed(patience)
        assert not connection.transport.is_closing()
        async with asyncio.timeout(20):
            while connection.flow.write_paused:  # it reads on, and has its time anew
                await reader.read(100_000)
        connection.second_passed(patience)
        while not await connection.stalls():
            writer.write(GET)
        for _ in range(30):
            connection.second_passed(patience)
        assert not connection.transport.is_closing()
        connection.second_passed(patience)
        assert connection.transport.is_closing()
        writer.transport.abort()

    served(app, client, protocol=Unread)
