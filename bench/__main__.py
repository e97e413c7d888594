"""``make bench``: Workgate and its peers over the same operations, by the same load, in turns.

It installs what it compares with below build/bench, measures, and writes bench/RESULTS.md with plots. The first answer
that is not a success ends it with that answer.
"""

import argparse
import dataclasses
import json
import shlex
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import agreement, bare, growth, machine, report
from bench.contenders.registry import CONTENDERS
from bench.processes import Failed
from bench.report import Findings
from bench.tournament import Plan, compare, say

_BENCH = Path(__file__).parent
_BUILD = _BENCH.parent / "build" / "bench"
_QUICK_ROWS = 1_000_000


def main() -> None:
    """Measure everything that the options ask for, and write it down."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # what was started is ended
    names = [name for name in options.only.split(",") if name] if options.only else None
    chosen = [contender for contender in CONTENDERS if names is None or contender.name in names]
    plan = Plan(
        seconds=options.seconds,
        warm_up=options.warm_up,
        rounds=options.rounds,
        connections=options.connections,
        starts=options.starts,
    )
    _BUILD.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    findings = Findings(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        command=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        minutes=0.0,
        plan=plan,
        machine=machine.details(),
        rows=options.rows,
    )
    try:
        findings.bare = bare.measure(plan)
        findings.figures = compare(chosen, plan, _BUILD)
        present = {name for name, figures in findings.figures.items() if not figures.absent}
        _grow(findings, present, plan, options.rows)
        _agree(findings, plan, options.agree_with)
    except Failed as failure:
        sys.exit(f"bench: {failure}")
    findings.minutes = (time.perf_counter() - begin) / 60
    (_BUILD / "results.json").write_text(json.dumps(dataclasses.asdict(findings), indent=1))
    page = report.write(findings, options.output)
    print(page.read_text())
    say(f"written to {page}; the raw figures are in {_BUILD / 'results.json'}")


def _grow(findings: Findings, present: set[str], plan: Plan, rows: int) -> None:
    if not rows:
        findings.left_out.append("growth (`--rows 0`)")
        return
    for name, label, postgres in (
        ("workgate-sqlite", "Workgate, SQLite", False),
        ("workgate-postgres", "Workgate, PostgreSQL", True),
    ):
        if name in present:
            findings.growth[label], findings.filling[label] = growth.grow(postgres, rows, plan)


def _agree(findings: Findings, plan: Plan, other: Path) -> None:
    if other.exists():
        findings.agreement = agreement.agree(other, plan)
    else:
        findings.left_out.append("the check against another generator, which is not at hand (`--agree-with PATH`)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    quick = "--quick" in sys.argv

    def default(normal: float, when_quick: float) -> float:
        return when_quick if quick else normal

    number: Callable[[str], int] = int
    parser.add_argument("--quick", action="store_true", help="short turns, one round, fewer rows: a few minutes")
    parser.add_argument("--seconds", type=float, default=default(4.0, 2.0), help="length of each measurement")
    parser.add_argument("--warm-up", type=float, default=default(1.0, 1.0), help="seconds before each, not measured")
    parser.add_argument("--rounds", type=number, default=int(default(3, 1)), help="how often everybody takes a turn")
    parser.add_argument("--connections", type=number, default=32)
    parser.add_argument("--starts", type=number, default=int(default(5, 3)), help="cold starts of each")
    parser.add_argument(
        "--rows",
        type=number,
        default=int(default(10_000_000, _QUICK_ROWS)),
        help="authorizations of the large installation; 0 leaves growth out",
    )
    parser.add_argument("--only", default="", help=f"by commas, of: {', '.join(c.name for c in CONTENDERS)}")
    parser.add_argument(
        "--agree-with", type=Path, default=agreement.OTHER, help="another generator, to check ours with"
    )
    parser.add_argument("--output", type=Path, default=_BENCH, help="the folder of RESULTS.md and plots/")
    return parser.parse_args()


if __name__ == "__main__":
    main()
