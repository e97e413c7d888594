"""How an ASGI application is put on sockets, and how serving begins and ends.

It knows nothing of the application. Uvicorn does the work; what is added are an eye on slow clients, an end that loses
no request, and a line to a supervisor that holds the sockets.
"""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from workgate.http11 import LARGEST_HEAD, BoundedHttp, Patience

READY, RETIRE = b"r", b"x"
"""What a worker says to its supervisor, and the other way round; the end of the line means that the other is gone."""

_BACKLOG = 2048
_TICKS = 10  # uvicorn's, a second
_IN_FLIGHT_SECONDS = 10


def listen(host: str, port: int, *, share: bool = False) -> socket.socket:
    """Open a listening socket.

    Args:
        host: the address.
        port: the port; 0 takes a free one.
        share: let further sockets of ours listen on the same address, among which the system spreads connections.

    Raises:
        OSError: with the address in its message.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named; with it every second write waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if share:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.listen(_BACKLOG)
    return listener


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Open so many listening sockets on one address. Raises ``OSError`` with the address in its message."""
    if port:
        # By itself the system would let us share the address with another server of the same user.
        listen(host, port).close()
    first = listen(host, port, share=True)
    return [first, *(listen(host, first.getsockname()[1], share=True) for _ in range(count - 1))]


class Server(uvicorn.Server):
    """Serves an application until it is told to stop: by SIGTERM, SIGINT, or the end of the supervisor's line.

    Then every answer asks for a new connection, for ``drain_seconds`` it goes on serving, so that load balancers turn
    away, and at last it finishes the requests in flight, for 10 s at most.

    Args:
        app: the application.
        trusted_proxies: addresses whose forwarded headers are believed.
        drain_seconds: for how long it goes on.
        stopping: called when it was told to stop.
        ready: called when it serves.
        patience: for how long clients may take.
        supervisor: the line to a supervisor, which then handles the terminal's signals and may retire this worker.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_proxies: Sequence[str] = (),
        drain_seconds: int = 0,
        stopping: Callable[[], None] | None = None,
        ready: Callable[[], None] | None = None,
        patience: Patience | None = None,
        supervisor: socket.socket | None = None,
    ) -> None:
        super().__init__(_config(app, trusted_proxies))
        self._stopping = stopping
        self._ready = ready
        self._patience = patience or Patience()
        self._supervisor = supervisor
        self.failure: Exception | None = None
        self._asked_to_stop = False
        self._ticks_left = drain_seconds * _TICKS
        self._draining = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        if self.failure is not None:
            return  # it ends, and nobody counts on it
        if self._supervisor is not None:
            self._supervisor.setblocking(False)
            asyncio.get_running_loop().add_reader(self._supervisor.fileno(), self._supervisor_speaks)
            self._supervisor.send(READY)
        if self._ready is not None:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: tell whether to stop serving."""
        if counter % _TICKS == 0:
            for connection in self._connections():
                connection.second_passed(self._patience)
        over = await super().on_tick(counter)
        if self._asked_to_stop and not self._draining:
            self._drain()
        if self._draining:
            self._ticks_left -= 1
            return over or self._ticks_left < 0
        return over

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at signals while serving; they are not passed on, for what they ask for has been done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGTERM,) if self._supervisor is not None else (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def fail(self, failure: Exception) -> None:
        """Stop at once: what is served cannot be."""
        self.failure = failure
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at a second SIGINT without waiting for anybody."""
        del frame
        if self._asked_to_stop and sig == signal.SIGINT:
            self.should_exit = self.force_exit = True
        self._asked_to_stop = True

    def _drain(self) -> None:
        self._draining = True
        if self._stopping is not None:
            self._stopping()
        self._close_connections_after_answers()

    def _close_connections_after_answers(self) -> None:
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)
        self.server_state.default_headers = [*self.server_state.default_headers, close]
        for connection in self._connections():
            connection.answer_and_close()

    def _supervisor_speaks(self) -> None:
        assert self._supervisor is not None  # noqa: S101 - it is what was registered
        word = self._supervisor.recv(1)
        asyncio.get_running_loop().remove_reader(self._supervisor.fileno())
        if word != RETIRE:
            self.should_exit = True
            return
        # A successor accepts connections on the same socket already; ours end with their next answer.
        for server in self.servers:
            server.close()
        self._draining = True
        self._close_connections_after_answers()

    def _connections(self) -> list[BoundedHttp]:
        return [connection for connection in self.server_state.connections if isinstance(connection, BoundedHttp)]


def _config(app: ASGIApp, trusted_proxies: Sequence[str]) -> uvicorn.Config:
    """No access log, forwarded headers only from configured proxies."""
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        lifespan="on",
        ws="none",
        h11_max_incomplete_event_size=LARGEST_HEAD,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_IN_FLIGHT_SECONDS,
    )
