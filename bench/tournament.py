"""The comparison: all contenders served at once, loaded one after the other, in turns over several rounds."""

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import load, operations
from bench.contenders import Contender, Running
from bench.load import Result, Script
from bench.operations import Pool
from bench.processes import Failed, memory

OPERATIONS = ("refresh", "code", "session", "introspection", "flow")
_LIVE = 2000
_SLOWLY_MADE = 300
_STARTING_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how often."""

    seconds: float
    warm_up: float
    rounds: int
    connections: int
    starts: int


@dataclass(slots=True)
class Figures:
    """What was measured of one contender; times in µs and ms, memory in MB, medians over the rounds."""

    label: str
    version: str
    durable: bool
    ours: bool
    operations: dict[str, dict[str, float]] = field(default_factory=dict)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    cold_ms: float = 0.0
    remarks: list[str] = field(default_factory=list)
    absent: str = ""


@dataclass(slots=True)
class _Seat:
    """A contender that takes part."""

    contender: Contender
    running: Running
    figures: Figures
    pool: Pool = field(default_factory=Pool)
    results: dict[str, list[Result]] = field(default_factory=dict)
    rate: float = 100.0


def say(text: str) -> None:
    """Tell whoever waits what happens."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def on_disk() -> Iterator[Path]:
    """A folder for data, which by custom is on a disk; other users may enter it, for PostgreSQL must."""
    with tempfile.TemporaryDirectory(prefix="workgate-bench-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def compare(contenders: Sequence[Contender], plan: Plan, build: Path) -> dict[str, Figures]:
    """Measure everybody. Raises ``Failed`` at the first answer that is not a success."""
    figures: dict[str, Figures] = {}
    with on_disk() as folder, contextlib.ExitStack() as stack:
        seats = []
        for contender in contenders:
            seat = _seated(contender, plan, build, folder, figures)
            if seat is not None:
                stack.callback(seat.running.stop)
                seats.append(seat)
        for seat in seats:
            say(f"warming up {seat.contender.label}")
            for operation in OPERATIONS:  # what compiles while it runs has then compiled
                _turn(seat, operation, plan, warming=True)
        for number in range(plan.rounds):
            for operation in OPERATIONS:
                for seat in (*seats[number % len(seats) :], *seats[: number % len(seats)]):
                    _turn(seat, operation, plan)
        for seat in seats:
            _finish(seat, plan)
    return figures


def measures(results: Sequence[Result]) -> dict[str, float]:
    """Medians of what repeated runs showed."""

    def median(of: Callable[[Result], float]) -> float:
        return statistics.median(of(result) for result in results)

    return {
        "rate": median(lambda r: r.rate),
        "server_us": median(lambda r: r.microseconds("server")),
        "database_us": median(lambda r: r.microseconds("database")),
        "total_us": median(lambda r: r.microseconds("server") + r.microseconds("database")),
        "least_us": min(r.microseconds("server") + r.microseconds("database") for r in results),
        "most_us": max(r.microseconds("server") + r.microseconds("database") for r in results),
        "p50_ms": median(lambda r: r.percentile(0.5)),
        "p99_ms": median(lambda r: r.percentile(0.99)),
        "generator_us": median(lambda r: r.generator_cpu / max(r.operations, 1) * 1e6),
        "other_cores": median(lambda r: r.other_cpu / r.seconds if r.seconds else 0.0),
        "stolen_cores": median(lambda r: r.stolen_cpu / r.seconds if r.seconds else 0.0),
        "operations": float(sum(r.operations for r in results)),
    }


def script_of(running: Running, operation: str, pool: Pool) -> Callable[[int], Script] | None:
    """The script of an operation; None if the server does not do it."""
    wire = running.wire
    match operation:
        case "refresh":
            return lambda number: operations.refresh(wire, pool)
        case "code":
            return lambda number: operations.code(wire, pool)
        case "session" if wire.session is not None:
            return lambda number: operations.session(wire, pool, number)
        case "introspection" if wire.introspect is not None:
            return lambda number: operations.introspection(wire, pool, number)
        case "flow":
            return running.flow
    return None


def _seated(contender: Contender, plan: Plan, build: Path, folder: Path, figures: dict[str, Figures]) -> _Seat | None:
    own = Figures(contender.label, "", contender.durable, contender.ours)
    figures[contender.name] = own
    say(f"installing and starting {contender.label}")
    data = folder / contender.name
    data.mkdir()
    data.chmod(0o755)
    try:
        own.version = contender.install(build)
        running = contender.start(build, data)
    except Failed as failure:
        own.absent = str(failure)
        say(f"  not here: {failure}")
        return None
    own.remarks = list(running.remarks)
    seat = _Seat(contender, running, own)
    try:
        # What is under way when a turn ends is lost: a token for each connection.
        needed = plan.connections * (plan.rounds + 2)
        seat.pool = running.pool(0, needed if running.slow_to_fill else max(_LIVE, needed))
    except BaseException:
        running.stop()
        raise
    return seat


def _turn(seat: _Seat, operation: str, plan: Plan, *, warming: bool = False) -> None:
    """One contender's turn at one operation."""
    running = seat.running
    script = script_of(running, operation, seat.pool)
    if script is None:
        return
    seconds, warm_up = max(running.warming_seconds, plan.seconds / 2) if warming else plan.seconds, plan.warm_up
    if operation == "code":
        warm_up = min(warm_up, 0.25) if running.slow_to_fill else warm_up
        wanted = int(seat.rate * 1.6 * (seconds + warm_up)) + 100
        # A turn that runs out of codes ends with the last one.
        seat.pool.codes = running.pool(min(wanted, _SLOWLY_MADE) if running.slow_to_fill else wanted, 0).codes
    connections = plan.connections
    if operation == "flow" and running.flow_connections is not None:
        connections = running.flow_connections
    try:
        result = Result()
        for longer in (1, 5):  # a flow may take longer than a turn, if 32 of them share a slow server
            if not result.operations:
                result = load.run(
                    running.port,
                    script,
                    roots=running.roots,
                    connections=connections,
                    seconds=seconds * longer,
                    warm_up=warm_up,
                )
        if not result.operations:
            raise Failed("nothing was completed in the time")
    except Failed as failure:
        raise Failed(f"{seat.contender.label}, {operation}: {failure}; {running.server.last_words()}") from failure
    if operation in {"refresh", "code"}:
        seat.rate = result.rate
    if not warming:
        seat.results.setdefault(operation, []).append(result)
        cpu = sum(result.microseconds(name) for name in running.roots)
        say(f"{seat.contender.name:24}{operation:14}{result.rate:9.0f}/s {cpu:9.0f} µs")


def _finish(seat: _Seat, plan: Plan) -> None:
    """Memory as the load left it, then starts of the server alone."""
    own, running = seat.figures, seat.running
    own.operations = {operation: measures(results) for operation, results in seat.results.items()}
    for name, root in running.roots.items():
        held = memory(root)
        own.memory[name] = {"rss": held.rss, "pss": held.pss}
    times: list[float] = []
    while len(times) < plan.starts and sum(times) < _STARTING_SECONDS:
        running.server.stop()
        running.server = running.start()
        times.append(running.server.wait_for(running.port, running.alive))
    own.cold_ms = statistics.median(times) * 1000 if times else 0.0
    say(f"{seat.contender.name:24}starts in {own.cold_ms:.0f} ms")
    running.stop()
