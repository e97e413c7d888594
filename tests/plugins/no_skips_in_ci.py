"""Makes a skipped test a failure where the environment variable CI is set.

On a developer's machine a test may be skipped because a program is missing, and says which. In continuous
integration everything is installed, so a skip there hides a check that nobody runs any more.
"""

import os
from collections.abc import Iterator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # pytest-xdist's workers send their reports to the controller, which alone decides the exit status.
    is_worker = hasattr(config, "workerinput")
    if os.environ.get("CI", "").lower() not in ("", "0", "false") and not is_worker:
        config.pluginmanager.register(_SkipsFail(), "no-skips-in-ci")


class _SkipsFail:
    def __init__(self) -> None:
        self._skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # An expected failure is reported as skipped too, but it did run.
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped[report.nodeid] = _reason(report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._skipped[report.nodeid] = _reason(report.longrepr)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if self._skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._skipped:
            terminalreporter.section("skipped tests are failures in CI", red=True)
            for nodeid, reason in sorted(self._skipped.items()):
                terminalreporter.write_line(f"{nodeid}: {reason}")


def _reason(longrepr: object) -> str:
    match longrepr:
        case (_, _, str(reason)):
            return reason.removeprefix("Skipped: ")
        case _:
            return str(longrepr)
