"""What a large installation costs: the same operations with few and with many authorizations stored, in turns.

The tokens in use are spread evenly over all that is stored, so that what the large one does not keep at hand counts.
"""

import time
from pathlib import Path

from bench import load
from bench.contenders.workgate import Started, Workgate
from bench.load import Result
from bench.operations import Pool
from bench.processes import Failed
from bench.tournament import Plan, measures, on_disk, say, script_of

SMALL = 10_000
_OPERATIONS = ("refresh", "code", "session", "introspection")
_LIVE = 2500
_DAYS = 30.0
_PER_USER = 10

Growth = dict[str, dict[str, dict[str, float]]]
"""By operation: the figures of the small and of the large installation."""


def grow(postgres: bool, rows: int, plan: Plan) -> tuple[Growth, float]:
    """Measure both sizes; gives the figures, and the seconds that filling took."""
    results: dict[tuple[str, str], list[Result]] = {}
    with on_disk() as folder:
        small = _filled(postgres, folder / "small", SMALL)
        try:
            begin = time.perf_counter()
            large = _filled(postgres, folder / "large", rows)
            filling = time.perf_counter() - begin
            try:
                for number in range(-1, plan.rounds):
                    for operation in _OPERATIONS:
                        for name, (started, pool) in (("small", small), ("large", large)):
                            result = _turn(started, pool, operation, plan)
                            if number >= 0:
                                results.setdefault((operation, name), []).append(result)
                                say(f"{name:8}{operation:14}{result.rate:9.0f}/s p99 {result.percentile(0.99):7.2f} ms")
            finally:
                large[0].running.stop()
        finally:
            small[0].running.stop()
    sizes = ("small", "large")
    return {name: {size: measures(results[name, size]) for size in sizes} for name in _OPERATIONS}, filling


def _filled(postgres: bool, folder: Path, rows: int) -> tuple[Started, Pool]:
    folder.mkdir()
    folder.chmod(0o755)
    started = Workgate(postgres=postgres).started(folder)
    say(f"storing {rows:,} authorizations{' in PostgreSQL' if postgres else ' in SQLite'}")
    try:
        made = started.multiplier.multiply(rows, days=_DAYS, users=max(1, rows // _PER_USER))
        started.sql.settle()
        return started, started.multiplier.sample(made, _LIVE)
    except BaseException:
        started.running.stop()
        raise


def _turn(started: Started, pool: Pool, operation: str, plan: Plan) -> Result:
    script = script_of(started.running, operation, pool)
    if script is None:
        raise Failed(f"Workgate does not do {operation}")
    if operation == "code":
        pool.codes = started.running.pool(int(12_000 * (plan.seconds + plan.warm_up)), 0).codes
    return load.run(
        started.running.port,
        script,
        roots=started.running.roots,
        connections=plan.connections,
        seconds=plan.seconds,
        warm_up=plan.warm_up,
    )
