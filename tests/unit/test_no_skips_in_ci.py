"""The plugin tests/plugins/no_skips_in_ci.py, in a pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPS = {
    "mark": "@pytest.mark.skip(reason='no xmlsec1 here')\ndef test_one(): pass",
    "call": "def test_one(): pytest.skip('no xmlsec1 here')",
    "fixture": "@pytest.fixture\ndef tool(): pytest.skip('no xmlsec1 here')\ndef test_one(tool): pass",
    "module": "pytest.skip('no xmlsec1 here', allow_module_level=True)",
}


def run_pytest(folder: Path, source: str, ci: str | None, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(f"import pytest\n{source}\n")
    environment = {name: value for name, value in os.environ.items() if name != "CI" and "PYTEST" not in name}
    environment |= {"PYTHONPATH": str(ROOT)} | ({} if ci is None else {"CI": ci})
    command = [sys.executable, "-m", "pytest", "-p", "tests.plugins.no_skips_in_ci", "-p", "no:cacheprovider"]
    command += ["-p", "no:hypothesispytest", "-c", os.devnull, "--rootdir", str(folder), *arguments, str(folder)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_every_way_to_skip_fails_in_ci(tmp_path: Path) -> None:
    for name, source in SKIPS.items():
        (tmp_path / f"test_{name}.py").write_text(f"import pytest\n{source}\n")
    done = run_pytest(tmp_path, "def test_good(): pass", "true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "skipped tests are failures in CI" in done.stdout
    for name in SKIPS:
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"test_{name}.py")][-1:]
        assert line.endswith(": no xmlsec1 here")


@pytest.mark.parametrize("ci", [None, "False"])
def test_elsewhere_a_skip_is_a_skip(tmp_path: Path, ci: str | None) -> None:
    done = run_pytest(tmp_path, SKIPS["mark"] + "\ndef test_good(): pass", ci)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
    assert "1 passed, 1 skipped" in done.stdout


def test_in_ci_what_ran_is_judged_as_ever(tmp_path: Path) -> None:
    expected = "@pytest.mark.xfail(reason='a known fault')\ndef test_known(): assert False\ndef test_good(): pass"
    assert run_pytest(tmp_path, expected, "1").returncode == pytest.ExitCode.OK
    assert run_pytest(tmp_path, "def test_bad(): assert False", "1").returncode == pytest.ExitCode.TESTS_FAILED
    assert run_pytest(tmp_path, "def test_bad(): assert", "1").returncode == pytest.ExitCode.INTERRUPTED


def test_a_module_that_is_skipped_whole_fails_though_nothing_else_is_there(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, SKIPS["module"], "true").returncode == pytest.ExitCode.TESTS_FAILED


def test_in_ci_with_several_workers(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, SKIPS["call"], "true", "-n", "1")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "test_it.py::test_one: no xmlsec1 here" in done.stdout
