"""A closed loop of HTTP/1.1 requests over kept connections: each sends its next when it has its answer.

Small on purpose: it must cost less than what it measures. What is sent and how an answer must look is a script, one
for each connection; an answer that is not as it must be ends the run, and a run with errors is no measurement.
"""

import asyncio
import gc
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import uvloop

from bench.processes import Failed, cpu_seconds, machine_seconds


class Answer(NamedTuple):
    """An answer: the status, the head with its status line, and the body, no longer chunked."""

    status: int
    head: bytes
    body: bytes


Step = tuple[bytes, bool] | tuple[bytes, bool, int]
"""A whole request, whether its answer completes an operation, and the port if it is not the server's own."""

Script = Generator[Step, Answer, None]
"""Yields steps and is sent the answers.

It ends when there is nothing left to do, and raises ``Failed`` for an answer that is not as it must be.
"""


@dataclass(slots=True)
class Result:
    """What a run showed. Latencies are those of whole operations, in milliseconds; CPU times in seconds."""

    operations: int = 0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    generator_cpu: float = 0.0
    other_cpu: float = 0.0
    stolen_cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds if self.seconds else 0.0

    def microseconds(self, name: str) -> float:
        """CPU time of one of the process trees for an operation."""
        return self.cpu.get(name, 0.0) / self.operations * 1e6 if self.operations else 0.0

    def percentile(self, share: float) -> float:
        """The latency that this share of the operations stayed within; call it on sorted latencies."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] if self.latencies else 0.0


class _Run:
    """The state that the clients of a run share."""

    def __init__(self, port: int, clients: int) -> None:
        self.port = port
        self.result = Result()
        self.measured_from = math.inf
        self.last = 0.0
        self.stopping = False
        self.failure: Failed | None = None
        self.living = clients
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def completed(self, now: float, seconds: float) -> None:
        if now >= self.measured_from and not self.stopping:
            self.result.latencies.append(seconds * 1000)
            self.last = now

    def ended(self, failure: Failed | None) -> None:
        self.living -= 1
        self.failure = self.failure or failure
        if (self.living <= 0 or self.failure) and not self.over.done():
            self.over.set_result(None)


class _Client:
    """Goes through its script, over one kept connection for each port that the script names."""

    __slots__ = ("_begun_at", "_links", "_run", "_script", "_step")

    def __init__(self, script: Script, run: _Run) -> None:
        self._script = script
        self._run = run
        self._links: dict[int, _Link] = {}
        self._step: Step | None = None
        self._begun_at = 0.0

    def begin(self) -> None:
        try:
            self._step = next(self._script, None)
        except Failed as failure:
            self.end(failure)
            return
        self._send()

    def answered(self, answer: Answer) -> None:
        now = time.perf_counter()
        if self._step is not None and self._step[1]:
            self._run.completed(now, now - self._begun_at)
            self._begun_at = 0.0
        try:
            self._step = self._script.send(answer)
        except StopIteration:
            self._step = None
        except Failed as failure:
            self.end(failure)
            return
        self._send()

    def lost(self, port: int) -> None:
        del self._links[port]

    def end(self, failure: Failed | None) -> None:
        for link in self._links.values():
            link.close()
        self._run.ended(failure)

    def _send(self) -> None:
        step, between = self._step, self._begun_at == 0.0
        # What is under way is completed: a flow that stops in the middle leaves things half done.
        if step is None or (self._run.stopping and between):
            self.end(None)
            return
        if between:
            self._begun_at = time.perf_counter()
        port = step[2] if len(step) == 3 else self._run.port
        link = self._links.get(port)
        if link is not None:
            link.send(step[0])
        else:
            asyncio.get_running_loop().create_task(self._connect(port, step[0]))

    async def _connect(self, port: int, request: bytes) -> None:
        try:
            _, link = await asyncio.get_running_loop().create_connection(lambda: _Link(self, port), "127.0.0.1", port)
        except OSError as error:
            self.end(Failed(f"cannot connect to port {port}: {error}"))
            return
        self._links[port] = link
        link.send(request)


class _Link(asyncio.Protocol):
    """A connection of a client."""

    __slots__ = ("_buffer", "_client", "_port", "_transport", "_waiting")

    def __init__(self, client: _Client, port: int) -> None:
        self._client = client
        self._port = port
        self._buffer = b""
        self._waiting = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> None:
        self._waiting = True
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = buffer[:end]
        lowered = head.lower()
        body = whole_body(lowered, buffer, end + 4)
        if body is None:
            return
        self._buffer, self._waiting = b"", False
        if b"\r\nconnection: close" in lowered or lowered.startswith(b"http/1.0"):
            self._client.lost(self._port)
            self.close()
        self._client.answered(Answer(int(head[9:12]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._transport = None
        if self._waiting:
            self._client.end(Failed(f"the server closed the connection without an answer: {exc}"))
        else:
            self._client.lost(self._port)

    def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()


def whole_body(head: bytes, buffer: bytes, begin: int) -> bytes | None:
    """The body, or None if it is not all there. Answers without a length are not for kept connections."""
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        length = int(head[at + 17 :].partition(b"\r\n")[0])
        return buffer[begin:] if len(buffer) - begin >= length else None
    if b"\r\ntransfer-encoding: chunked" not in head:
        return buffer[begin:]
    if not buffer.endswith(b"0\r\n\r\n"):
        return None
    parts: list[bytes] = []
    while True:
        line = buffer.index(b"\r\n", begin)
        length = int(buffer[begin:line].partition(b";")[0], 16)
        if length == 0:
            return b"".join(parts)
        parts.append(buffer[line + 2 : line + 2 + length])
        begin = line + length + 4


async def _load(
    port: int,
    scripts: Sequence[Script],
    roots: Mapping[str, int],
    seconds: float,
    warm_up: float,
) -> Result:
    run = _Run(port, len(scripts))
    result = run.result
    for script in scripts:
        _Client(script, run).begin()
    await asyncio.wait([run.over], timeout=warm_up)
    before, mine, machine = _cpu(roots), time.process_time(), machine_seconds()
    begin = run.measured_from = run.last = time.perf_counter()
    await asyncio.wait([run.over], timeout=seconds)
    end = run.last if run.over.done() else time.perf_counter()
    run.stopping = True
    after, mine_after, machine_after = _cpu(roots), time.process_time(), machine_seconds()
    if not run.over.done():
        await asyncio.wait([run.over], timeout=30)
    if run.failure is not None:
        raise run.failure
    result.latencies.sort()
    result.operations = len(result.latencies)
    result.seconds = end - begin
    result.cpu = {name: after[name] - before[name] for name in roots}
    result.generator_cpu = mine_after - mine
    result.other_cpu = machine_after[0] - machine[0] - result.generator_cpu - sum(result.cpu.values())
    result.stolen_cpu = machine_after[1] - machine[1]
    return result


def _cpu(roots: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(root) for name, root in roots.items()}


def run(
    port: int,
    script: Callable[[int], Script],
    *,
    roots: Mapping[str, int],
    connections: int,
    seconds: float,
    warm_up: float,
) -> Result:
    """Load a server.

    Args:
        port: where it listens on loopback.
        script: makes the script of each connection, by its number.
        roots: the process trees whose CPU time is counted, by name.
        connections: how many clients there are.
        seconds: what is measured.
        warm_up: seconds before that, which are not.

    Raises:
        Failed: an answer was not as it must be.
    """
    scripts = [script(number) for number in range(connections)]
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_load(port, scripts, roots, seconds, warm_up))
    finally:
        gc.enable()
