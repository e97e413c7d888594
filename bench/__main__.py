"""``make bench``: durable refreshes, code exchanges and session checks, each as a share of a bare answer.

One worker, SQLite with full durability. Contenders take turns within the run, because the machine's speed drifts; CPU
time for a request is the figure that repeats.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import servers
from bench.fixtures import REDIRECT_URI, Pool, prepare
from bench.load import Exchange, Result, run

_TOKEN = b"/integrations/oauth2/api/v1/token"
_INTROSPECT = b"/integrations/oauth2/api/v1/introspect"


def main() -> None:
    """Measure and print a table; with --json one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="how often all contenders take their turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, list[Result]] = {}
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "workgate.db"
        pool = prepare(database, live=2000, codes=int(40_000 * options.seconds * options.rounds / 4) + 1000)
        with servers.bare() as bare, servers.workgate(database) as workgate:
            contenders: dict[str, tuple[servers.Server, Callable[[], Exchange]]] = {
                "bare answer": (bare, lambda: _constant(_TOKEN, b"grant_type=refresh_token")),
                "refresh, rotated, durable": (workgate, lambda: _refresh(pool)),
                "code exchange, durable": (workgate, lambda: _redeem(pool)),
                "session check, API": (workgate, lambda: _session(pool)),
                "session check, introspection": (workgate, lambda: _introspect(pool)),
            }
            for _ in range(options.rounds):
                for name, (server, exchange) in contenders.items():
                    result = run(server, exchange(), connections=options.connections, seconds=options.seconds)
                    if result.errors:
                        sys.exit(f"{name}: {result.errors} errors, the first: {result.first_error[:400]!r}")
                    results.setdefault(name, []).append(result)
            memory = workgate.resident_megabytes()
    _print(results, memory, as_json=options.json)


def _print(results: dict[str, list[Result]], memory: float, *, as_json: bool) -> None:
    yardstick = statistics.median(r.cpu_microseconds for r in results["bare answer"])
    rows = []
    for name, measured in results.items():
        cpu = statistics.median(r.cpu_microseconds for r in measured)
        rows.append(
            {
                "operation": name,
                "per_second": round(statistics.median(r.rate for r in measured)),
                "cpu_microseconds": round(cpu, 1),
                "times_bare": round(cpu / yardstick, 2),
                "p50_ms": round(statistics.median(r.percentile(0.5) for r in measured), 2),
                "p99_ms": round(statistics.median(r.percentile(0.99) for r in measured), 2),
            }
        )
    if as_json:
        print(json.dumps({"python": platform.python_version(), "memory_mb": round(memory, 1), "rows": rows}))
        return
    print(f"Python {platform.python_version()}, {platform.machine()}; medians of {len(results['bare answer'])} rounds")
    print(f"{'operation':32}{'/s':>8}{'CPU µs':>9}{'x bare':>8}{'p50 ms':>8}{'p99 ms':>8}")
    for row in rows:
        print(
            f"{row['operation']:32}{row['per_second']:>8}{row['cpu_microseconds']:>9}{row['times_bare']:>8}"
            f"{row['p50_ms']:>8}{row['p99_ms']:>8}"
        )
    print(f"memory of the worker afterwards: {memory:.0f} MB")


def _post(path: bytes, body: bytes, basic: str = "") -> bytes:
    authorization = f"Authorization: Basic {basic}\r\n".encode() if basic else b""
    return (
        b"POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (path, authorization, len(body), body)
    )


def _constant(path: bytes, body: bytes) -> Exchange:
    request = _post(path, body)
    return lambda connection, answer: request


def _refresh(pool: Pool) -> Exchange:
    """Each connection goes on with the refresh token that its last answer gave."""

    def exchange(connection: int, answer: bytes | None) -> bytes:
        if answer is not None:
            pool.refresh_tokens[connection] = json.loads(answer)["refresh_token"]
        body = f"grant_type=refresh_token&refresh_token={pool.refresh_tokens[connection]}"
        return _post(_TOKEN, body.encode(), pool.basic)

    return exchange


def _redeem(pool: Pool) -> Exchange:
    target = REDIRECT_URI.replace(":", "%3A").replace("/", "%2F")

    def exchange(connection: int, answer: bytes | None) -> bytes:
        del connection, answer
        body = f"grant_type=authorization_code&code={pool.codes.pop()}&redirect_uri={target}"
        return _post(_TOKEN, body.encode(), pool.basic)

    return exchange


def _session(pool: Pool) -> Exchange:
    def exchange(connection: int, answer: bytes | None) -> bytes:
        del answer
        session_id = pool.session_ids[100 + connection]
        return (
            b"GET /attask/api/v14.0/session HTTP/1.1\r\nHost: localhost\r\nsessionID: %s\r\n\r\n" % session_id.encode()
        )

    return exchange


def _introspect(pool: Pool) -> Exchange:
    def exchange(connection: int, answer: bytes | None) -> bytes:
        if answer is not None and b'"active":true' not in answer:
            raise RuntimeError(f"not active: {answer!r}")
        return _post(_INTROSPECT, f"token={pool.session_ids[100 + connection]}".encode(), pool.basic)

    return exchange


if __name__ == "__main__":
    main()
