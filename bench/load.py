"""A closed loop of HTTP/1.1 requests over kept connections: each sends its next when it has its answer.

Small on purpose: it must cost less than what it measures. Every answer is checked; one that is not as it must
be is an error, and a run with errors is no measurement.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from bench.servers import Server

Exchange = Callable[[int, bytes | None], bytes]
"""``exchange(connection, last answer's body or None)`` gives the next request, whole."""


@dataclass(slots=True)
class Result:
    """What a run showed. Latencies are in milliseconds."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    server_cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)
    first_error: bytes = b""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def cpu_microseconds(self) -> float:
        """The server's CPU time for a request."""
        return self.server_cpu / self.requests * 1e6 if self.requests else 0.0

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests stayed within."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, number: int, exchange: Exchange, result: Result, until: Callable[[], bool]) -> None:
        self._number = number
        self._exchange = exchange
        self._result = result
        self._until = until
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        if len(body) < length:
            return
        self._buffer = b""
        self._result.latencies.append((time.perf_counter() - self._sent_at) * 1000)
        self._result.requests += 1
        if not head.startswith(b"HTTP/1.1 200"):
            self._result.errors += 1
            self._result.first_error = self._result.first_error or head + b"\r\n\r\n" + body
            self._finish()
        else:
            self._send(body)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._result.errors += 1
            self.done.set_result(None)

    def _send(self, body: bytes | None) -> None:
        request = self._exchange(self._number, body)
        if self._until() or self._transport is None:
            self._finish()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def _run(server: Server, exchange: Exchange, connections: int, seconds: float) -> Result:
    loop, result = asyncio.get_running_loop(), Result()
    begin, cpu = time.perf_counter(), server.cpu_seconds()
    made = [
        await loop.create_connection(
            lambda number=number: _Connection(  # type: ignore[misc]  # mypy cannot type a lambda's default
                number, exchange, result, lambda: time.perf_counter() - begin > seconds
            ),
            server.host,
            server.port,
        )
        for number in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    result.seconds = time.perf_counter() - begin
    result.server_cpu = server.cpu_seconds() - cpu
    return result


def run(server: Server, exchange: Exchange, *, connections: int = 32, seconds: float = 5.0) -> Result:
    """Load a server for so many seconds."""
    return asyncio.run(_run(server, exchange, connections, seconds))
