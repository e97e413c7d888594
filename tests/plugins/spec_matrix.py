"""Prints which sentences of the specifications were proved: source, section, statement and result.

A test says what it proves with ``@pytest.mark.spec("RFC 7636", "4.6", "verifier mismatch is refused")``. The mark
travels in the report's user properties, so that pytest-xdist's controller sees it too.
"""

import re
from collections import Counter
from collections.abc import Iterable

import pytest

_PROPERTY = "spec"
_Statement = tuple[str, str, str]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Matrix(), "spec-matrix")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers(_PROPERTY):
            if len(mark.args) != 3 or mark.kwargs or not all(isinstance(part, str) for part in mark.args):
                raise pytest.UsageError(f"{item.nodeid}: write @pytest.mark.spec(source, section, statement)")
            item.user_properties.append((_PROPERTY, list(mark.args)))


class _Matrix:
    def __init__(self) -> None:
        self._results: dict[_Statement, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Setup and teardown say something only where they went wrong, or where the test was skipped.
        if report.when != "call" and report.passed:
            return
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, (list, tuple)):
                source, section, statement = value
                self._results.setdefault((source, section, statement), Counter())[report.outcome] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._results:
            return
        terminalreporter.section("what the specifications say")
        widths = [max(len(statement[column]) for statement in self._results) for column in range(3)]
        for statement in sorted(self._results, key=_order):
            cells = (text.ljust(width) for text, width in zip(statement, widths, strict=True))
            result = _result(self._results[statement])
            terminalreporter.write_line(f"{'  '.join(cells)}  {result}", red=not result.startswith("passed"))


def _order(statement: _Statement) -> tuple[list[tuple[int, str]], ...]:
    """Sort 4.6 before 4.10: numbers as numbers."""
    return tuple(list(_numbers_padded(text)) for text in statement)


def _numbers_padded(text: str) -> Iterable[tuple[int, str]]:
    return ((int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text))


def _result(outcomes: Counter[str]) -> str:
    """Give the worst outcome, and of how many tests."""
    for outcome in ("failed", "skipped", "passed"):
        if outcomes[outcome]:
            count = outcomes.total()
            return outcome if count == 1 else f"{outcome} ({outcomes[outcome]} of {count})"
    return "not run"
