"""Writes bench/RESULTS.md and its plots of what was measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.agreement import Agreement
from bench.agreement import table as agreement_table
from bench.growth import SMALL, Growth
from bench.plots import Bar, chart
from bench.tournament import OPERATIONS, Figures, Plan

_TITLES = {
    "refresh": "Refresh, with rotation",
    "code": "Code exchange",
    "session": "Session check: an API call with the session",
    "introspection": "Session check: introspection",
    "flow": "From a signed-in browser to a token",
}
_EXPLAINED = {
    "refresh": "A refresh token for a new pair; every chain goes on with the token that it was given.",
    "code": "A code for an access token and a refresh token; each code once.",
    "session": "`GET /attask/api/v14.0/session` with the header `sessionID`. The peers' tokens open no API of their "
    "own.",
    "introspection": "RFC 7662, the client authenticated, a live token.",
    "flow": "Authorization request, the consent page, the decision, the redirect, the code's exchange: one operation. "
    "The browser is signed in already, so no password is hashed.",
}
_OURS = ("workgate-sqlite", "workgate-postgres")


@dataclass(frozen=True, slots=True)
class Target:
    """What the figures have to be: at most so many µs, or so many times ahead of the best durable peer."""

    what: str
    contender: str
    operation: str
    at_most_us: float
    ahead: float


_TARGETS = (
    Target("refresh with rotation, SQLite", "workgate-sqlite", "refresh", 100, 5),
    Target("refresh with rotation, PostgreSQL", "workgate-postgres", "refresh", 110, 5),
    Target("code exchange, PostgreSQL", "workgate-postgres", "code", 130, 5),
    Target("session check by the API, SQLite", "workgate-sqlite", "session", 60, 0),
    Target("session check by the API, PostgreSQL", "workgate-postgres", "session", 90, 0),
    Target("whole flow, SQLite", "workgate-sqlite", "flow", 1200, 1),
    Target("whole flow, PostgreSQL", "workgate-postgres", "flow", 1200, 1),
)
_COLD_MS, _GROWTH, _MEMORY_MB = 500.0, 1.3, 120.0


@dataclass(slots=True)
class Findings:
    """All that was measured."""

    date: str
    command: str
    minutes: float
    plan: Plan
    machine: Mapping[str, str]
    figures: dict[str, Figures] = field(default_factory=dict)
    bare: dict[str, float] = field(default_factory=dict)
    growth: dict[str, Growth] = field(default_factory=dict)
    rows: int = 0
    filling: dict[str, float] = field(default_factory=dict)
    agreement: Agreement = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def write(findings: Findings, folder: Path) -> Path:
    """Write the page and its plots; gives the page."""
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    sections = [
        _introduction(findings),
        _targets(findings),
        *(_operation(findings, operation, plots) for operation in OPERATIONS),
        _starts(findings, plots),
        _growth(findings, plots),
        _agreement(findings),
        _contenders(findings),
        "## The machine\n\n" + _table(["", ""], findings.machine.items(), numbers=False),
    ]
    page = folder / "RESULTS.md"
    page.write_text("\n\n".join(section for section in sections if section) + "\n")
    return page


def _introduction(findings: Findings) -> str:
    plan = findings.plan
    left_out = "".join(f"\n\nNot in this run: {what}." for what in findings.left_out)
    return (
        "# Results\n\n"
        f"Written by `{findings.command}` on {findings.date} UTC in {findings.minutes:.0f} minutes: "
        f"{plan.rounds} rounds of {plan.seconds:g} s for each contender and operation, after {plan.warm_up:g} s of "
        f"warm-up, {plan.connections} connections, contenders in turns. Every answer was checked and was a success. "
        "[How to read this](README.md).\n\n"
        "CPU time is that of the server's processes and of its database's, for one operation. It is what repeats; "
        "rates and latencies depend on what else the machine does, and the generator shares it."
        + (
            f" A constant answer of the web server that Workgate runs on cost {findings.bare['total_us']:.0f} µs."
            if findings.bare
            else ""
        )
        + left_out
    )


def _present(findings: Findings, operation: str) -> list[tuple[str, Figures, dict[str, float]]]:
    found = [
        (name, figures, figures.operations[operation])
        for name, figures in findings.figures.items()
        if operation in figures.operations
    ]
    return sorted(found, key=lambda item: item[2]["total_us"])


def _best_peer(findings: Findings, operation: str) -> tuple[str, float] | None:
    """The durable peer that needs least, with what it needs."""
    for _, figures, measured in _present(findings, operation):
        if not figures.ours and figures.durable:
            return figures.label, measured["total_us"]
    return None


def _operation(findings: Findings, operation: str, plots: Path) -> str:
    present = _present(findings, operation)
    if not present:
        return ""
    ours = {name: measured["total_us"] for name, _, measured in present if name in _OURS}
    ratios = [f"times {findings.figures[name].label}" for name in _OURS if name in ours]
    rows: list[Sequence[object]] = []
    for _, figures, measured in present:
        label = f"**{figures.label}**" if figures.ours else figures.label
        rows.append(
            [
                label if figures.durable else f"*{label}*",
                f"{measured['total_us']:,.0f}",
                f"{measured['least_us']:,.0f} to {measured['most_us']:,.0f}",
                f"{measured['server_us']:,.0f}",
                f"{measured['database_us']:,.0f}" if measured["database_us"] else "",
                *(f"{measured['total_us'] / ours[name]:.1f}" for name in _OURS if name in ours),
                f"{measured['rate']:,.0f}",
                f"{measured['p50_ms']:.1f}",
                f"{measured['p99_ms']:.1f}",
            ]
        )
    for figures in findings.figures.values():
        if not figures.absent and operation not in figures.operations:
            rows.append([figures.label, "does not do this", *[""] * (6 + len(ratios))])
    columns = ["", "CPU µs", "least to most", "server", "database", *ratios, "per second", "p50 ms", "p99 ms"]
    bars = [
        Bar(figures.label, (measured["server_us"], measured["database_us"]), figures.ours)
        for _, figures, measured in present
    ]
    title = f"{_TITLES[operation]}: CPU time for one"
    (plots / f"{operation}.svg").write_text(chart(title, bars, unit="µs", names=("server", "its database")))
    heading = f"## {_TITLES[operation]}\n\n{_EXPLAINED[operation]}\n\n"
    return f"{heading}{_table(columns, rows)}\n\n![{title}](plots/{operation}.svg)"


def _starts(findings: Findings, plots: Path) -> str:
    rows: list[Sequence[object]] = []
    bars = []
    for figures in findings.figures.values():
        if figures.absent or not figures.memory:
            continue
        server, database = figures.memory["server"], figures.memory.get("database")
        label = f"**{figures.label}**" if figures.ours else figures.label
        held = f"{database['pss']:.0f}" if database else ""
        rows.append([label, f"{figures.cold_ms:.0f}", f"{server['pss']:.0f}", f"{server['rss']:.0f}", held])
        bars.append(Bar(figures.label, (server["pss"], database["pss"] if database else 0.0), figures.ours))
    if not rows:
        return ""
    title = "Memory after the load"
    (plots / "memory.svg").write_text(chart(title, bars, unit="MB (PSS)", names=("server", "its database")))
    columns = ["", "start ms", "server MB (PSS)", "server MB (RSS)", "database MB (PSS)"]
    explained = (
        f"Start: from the command to the first successful answer over HTTP, its database running already; median of "
        f"{findings.plan.starts}. Memory: of all the server's processes when the rounds were over; what the map in "
        "memory holds is all that was ever issued."
    )
    return f"## Cold start and memory\n\n{explained}\n\n{_table(columns, rows)}\n\n![{title}](plots/memory.svg)"


def _growth(findings: Findings, plots: Path) -> str:
    if not findings.growth:
        return ""
    parts = []
    for label, growth in findings.growth.items():
        rows: list[Sequence[object]] = []
        bars = []
        for operation, by in growth.items():
            small, large = by["small"], by["large"]
            rows.append(
                [
                    _TITLES[operation],
                    *(
                        f"{by[size][key]:,.{places}f}"
                        for key, places in (("p99_ms", 1), ("total_us", 0))
                        for size in by
                    ),
                    f"{large['p99_ms'] / small['p99_ms']:.2f}",
                    f"{large['total_us'] / small['total_us']:.2f}",
                ]
            )
            bars += [
                Bar(f"{operation}, {SMALL:,}", (small["p99_ms"], 0.0)),
                Bar(f"{operation}, {findings.rows:,}", (large["p99_ms"], 0.0), own=True),
            ]
        sizes = (f"{SMALL:,}", f"{findings.rows:,}")
        columns = ["", *(f"{key} {size}" for key in ("p99 ms", "CPU µs") for size in sizes), "p99 ratio", "CPU ratio"]
        name = f"growth-{label.rpartition(' ')[2].lower()}.svg"
        title = f"{label}: p99 with {SMALL:,} and with {findings.rows:,} authorizations"
        (plots / name).write_text(chart(title, bars, unit="ms", shortest_first=False))
        filled = f"Storing the rows took {findings.filling.get(label, 0.0):.0f} s."
        parts.append(f"### {label}\n\n{filled}\n\n{_table(columns, rows)}\n\n![{title}](plots/{name})")
    explained = (
        "The same server with few and with many authorizations stored, each with a session, in turns. "
        "The tokens in use are spread evenly over all that is stored."
    )
    return f"## Growth\n\n{explained}\n\n" + "\n\n".join(parts)


def _targets(findings: Findings) -> str:
    rows: list[Sequence[object]] = []
    for target in _TARGETS:
        figures = findings.figures.get(target.contender)
        if figures is None or target.operation not in figures.operations:
            continue
        took = figures.operations[target.operation]["total_us"]
        verdict = _verdict(took, target.at_most_us)
        best = _best_peer(findings, target.operation) if target.ahead else None
        ahead = ""
        if best is not None:
            times = best[1] / took
            verdict_ahead = "met" if times >= target.ahead else "missed"
            ahead = f"{times:.1f} times ({best[0]}), wanted {target.ahead:g}: {verdict_ahead}"
        rows.append([target.what, f"{took:.0f} µs", f"{target.at_most_us:.0f} µs", verdict, ahead])
    for name in _OURS:
        figures = findings.figures.get(name)
        if figures is not None and figures.memory:
            cold, held = figures.cold_ms, figures.memory["server"]["rss"]
            rows.append([f"cold start, {figures.label}", f"{cold:.0f} ms", "500 ms", _verdict(cold, _COLD_MS), ""])
            rows.append([f"memory, {figures.label}", f"{held:.0f} MB", "120 MB", _verdict(held, _MEMORY_MB), "RSS"])
    for label, growth in findings.growth.items():
        for operation, by in growth.items():
            ratio = by["large"]["p99_ms"] / by["small"]["p99_ms"]
            rows.append([f"growth of p99, {operation}, {label}", f"{ratio:.2f}", "1.3", _verdict(ratio, _GROWTH), ""])
    columns = ["", "measured", "at most", "", "against the best durable peer"]
    return f"## Targets\n\n{_table(columns, rows, numbers=False)}" if rows else ""


def _verdict(value: float, at_most: float) -> str:
    return "met" if value <= at_most else f"missed by {(value / at_most - 1) * 100:.0f} %"


def _agreement(findings: Findings) -> str:
    if not findings.agreement:
        return ""
    explained = (
        "The same server loaded in turns by `bench/load.py` and by the program that made the figures of the design "
        "page (`python -m bench.agreement PATH` repeats it). Ratios near 1 mean that the figures are the server's."
    )
    return f"## The generator, checked against another\n\n{explained}\n\n{agreement_table(findings.agreement)}"


def _contenders(findings: Findings) -> str:
    rows = [
        [figures.label, figures.version, "yes" if figures.durable else "**no**", "; ".join(figures.remarks)]
        for figures in findings.figures.values()
        if not figures.absent
    ]
    absent = [
        f"- {figures.label}: {' '.join(figures.absent.split())[:400]}"
        for figures in findings.figures.values()
        if figures.absent
    ]
    text = f"## Who took part\n\n{_table(['', 'version', 'durable', 'remarks'], rows, numbers=False)}"
    return text + ("\n\nNot here:\n\n" + "\n".join(absent) if absent else "")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: bool = True) -> str:
    rule = "--:" if numbers else "---"
    lines = [f"| {' | '.join(columns)} |", f"|---|{'|'.join([rule] * (len(columns) - 1))}|"]
    lines += [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join(lines)
