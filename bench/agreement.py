"""Shows that our generator and another one measure the same: ``python -m bench.agreement [PATH]``.

The other one is the program that made the figures of the design page, kept beside this project and not in it. Both
load the same server with the same operations in turns; figures that agree are those of the server.
"""

import argparse
import base64
import json
import statistics
import sys
from pathlib import Path

from bench import load
from bench.contenders import Running
from bench.contenders.workgate import Workgate
from bench.operations import REDIRECT_URI, Pool
from bench.processes import Failed, call
from bench.tournament import Plan, measures, on_disk, say, script_of

_BESIDE = Path("shared") / "tools" / "load.py"
OTHER = next((folder / _BESIDE for folder in Path(__file__).resolve().parents if (folder / _BESIDE).exists()), _BESIDE)
"""Where the other generator lies beside a checkout."""
_COMPARED = ("rate", "server_us", "p50_ms", "p99_ms")

Agreement = dict[str, dict[str, dict[str, float]]]
"""By operation: the figures of either generator, by "ours" and "theirs"."""


def agree(other: Path, plan: Plan) -> Agreement:
    """Load one server with both generators, in turns."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    with on_disk() as folder:
        running = Workgate(postgres=False).start(folder, folder)
        try:
            for number in range(-1, plan.rounds):
                for operation in ("refresh", "code", "introspection"):
                    # As many chains as connections, each beginning with its own token, as the other one has it.
                    codes = int(15_000 * (plan.seconds + plan.warm_up)) if operation == "code" else 0
                    pools = [running.pool(codes, plan.connections) for _ in range(2)]
                    for name in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
                        pool = pools.pop()
                        if name == "ours":
                            figures = _ours(running, operation, pool, plan)
                        else:
                            figures = _theirs(other, running, operation, pool, plan, folder)
                        if number >= 0:
                            found.setdefault(operation, {}).setdefault(name, []).append(figures)
                            say(f"{name:8}{operation:14}{figures['rate']:9.0f}/s {figures['server_us']:8.1f} µs")
        finally:
            running.stop()
    return {
        operation: {
            name: {key: statistics.median(figures[key] for figures in several) for key in _COMPARED}
            for name, several in generators.items()
        }
        for operation, generators in found.items()
    }


def _ours(running: Running, operation: str, pool: Pool, plan: Plan) -> dict[str, float]:
    script = script_of(running, operation, pool)
    if script is None:
        raise Failed(f"Workgate does not do {operation}")
    result = load.run(
        running.port,
        script,
        roots=running.roots,
        connections=plan.connections,
        seconds=plan.seconds,
        warm_up=plan.warm_up,
    )
    return measures([result])


def _theirs(other: Path, running: Running, operation: str, pool: Pool, plan: Plan, folder: Path) -> dict[str, float]:
    wire = running.wire
    lines = {"refresh": pool.refresh_tokens, "code": pool.codes, "introspection": pool.access_tokens}[operation]
    file = folder / "pool.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    path = wire.introspect if operation == "introspection" else wire.token
    credentials = base64.b64decode(wire.basic).decode()
    mode = "form" if operation == "introspection" else operation
    command = [sys.executable, str(other), mode, "--url", f"http://{wire.host}{path}", "--auth", f"basic:{credentials}"]
    command += ["--pool", str(file), "-c", str(plan.connections), "-d", str(plan.seconds), "-w", str(plan.warm_up)]
    command += ["--pid", f"server={running.server.pid}"]
    if operation == "code":
        command += ["--redirect-uri", REDIRECT_URI]
    if operation == "introspection":
        command += ["--expect", '"active":true']
    printed = json.loads(call(command))
    return {
        "rate": printed["rps"],
        "server_us": printed["server_cpu_us_per_req"],
        "p50_ms": printed["p50_ms"],
        "p99_ms": printed["p99_ms"],
    }


def table(agreement: Agreement) -> str:
    """A Markdown table of both, with ratios."""
    lines = [
        "| operation | generator | per second | server CPU µs | p50 ms | p99 ms |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for operation, by in agreement.items():
        for name, label in (("ours", "bench/load.py"), ("theirs", "the other")):
            figures = by[name]
            lines.append(
                f"| {operation} | {label} | {figures['rate']:,.0f} | {figures['server_us']:.1f} "
                f"| {figures['p50_ms']:.2f} | {figures['p99_ms']:.2f} |"
            )
        ratios = [by["ours"][key] / by["theirs"][key] if by["theirs"][key] else 0.0 for key in _COMPARED]
        lines.append(f"| | ratio | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.agreement", description=__doc__)
    parser.add_argument("other", nargs="?", type=Path, default=OTHER)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    plan = Plan(seconds=options.seconds, warm_up=1.0, rounds=options.rounds, connections=32, starts=0)
    print(table(agree(options.other, plan)))


if __name__ == "__main__":
    main()
