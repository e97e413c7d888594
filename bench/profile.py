"""Where the time goes: ``python -m bench.profile refresh|code|session|introspection|flow``.

The operation is measured first as it is, for what it costs, then under Python's profiler, for where. The profiler makes
calls dearer and leaves C code as it is, so its shares are a guide and the first figure is the truth.
"""

import argparse
import cProfile
import os
import pstats
import signal
import sys
from pathlib import Path
from types import FrameType

from bench import load
from bench.contenders.workgate import Started, Workgate
from bench.processes import Failed
from bench.tournament import OPERATIONS, Plan, on_disk, script_of


def serve_profiled(file: str) -> None:
    """Be ``workgate`` with a profiler that SIGUSR1 starts and SIGUSR2 ends, which then writes the file."""
    from workgate.cli.main import run  # noqa: PLC0415 - only in the server's process

    profiler = cProfile.Profile()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        profiler.disable()
        profiler.dump_stats(file)

    signal.signal(signal.SIGUSR1, lambda number, frame: profiler.enable())
    signal.signal(signal.SIGUSR2, end)
    sys.argv = ["workgate", *sys.argv[3:]]
    run()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("operation", choices=OPERATIONS)
    parser.add_argument("--postgres", action="store_true", help="over PostgreSQL instead of the embedded database")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--sort", choices=["tottime", "cumulative", "ncalls"], default="tottime")
    options = parser.parse_args()
    plan = Plan(seconds=options.seconds, warm_up=1.0, rounds=1, connections=32, starts=0)
    with on_disk() as folder:
        stats = folder / "stats"
        program = (sys.executable, "-m", "bench.profile", "serve", str(stats))
        started = Workgate(postgres=options.postgres, program=program).started(folder)
        try:
            _plain(started, options.operation, plan)
            operations = _profiled(started, options.operation, plan, stats)
        finally:
            started.running.stop()
        print(f"\nunder the profiler, {operations:,} operations; times are seconds of the whole run:")
        printed = pstats.Stats(str(stats))
        printed.strip_dirs().sort_stats(options.sort).print_stats(options.lines)


def _plain(started: Started, operation: str, plan: Plan) -> None:
    result = _load(started, operation, plan)
    print(f"{operation}: {result.rate:,.0f}/s, without the profiler:")
    for name in started.running.roots:
        print(f"  {name:10}{result.microseconds(name):8.1f} µs of CPU for one")
    for thread, seconds in _threads(started.running.server.pid):
        print(f"  thread {thread:16} has used {seconds:6.2f} s since the start")


def _profiled(started: Started, operation: str, plan: Plan, stats: Path) -> int:
    os.kill(started.running.server.pid, signal.SIGUSR1)
    result = _load(started, operation, plan)
    os.kill(started.running.server.pid, signal.SIGUSR2)
    started.running.server.wait_for(started.running.port, started.running.alive)
    if not stats.exists():
        raise Failed(f"the profile was not written: {started.running.server.last_words()}")
    return result.operations


def _load(started: Started, operation: str, plan: Plan) -> load.Result:
    codes = int(20_000 * (plan.seconds + plan.warm_up)) if operation == "code" else 0
    script = script_of(started.running, operation, started.running.pool(codes, 2000))
    if script is None:
        raise Failed(f"Workgate does not do {operation}")
    return load.run(
        started.running.port,
        script,
        roots=started.running.roots,
        connections=plan.connections,
        seconds=plan.seconds,
        warm_up=plan.warm_up,
    )


def _threads(pid: int) -> list[tuple[str, float]]:
    ticks = os.sysconf("SC_CLK_TCK")
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, fields = (task / "comm").read_text().strip(), (task / "stat").read_text().rpartition(")")[2].split()
        found.append((name, (int(fields[11]) + int(fields[12])) / ticks))
    return sorted(found, key=lambda item: -item[1])[:5]


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve_profiled(sys.argv[2])
    else:
        main()
