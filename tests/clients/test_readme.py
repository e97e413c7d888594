"""The README's commands do what it says, exactly as they stand, against the demo that it tells its reader to start."""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.browser import Browser, query_of
from tests.clients.consenting import redirected_from
from tests.clients.terminal import WORKGATE, a_demo, a_terminal, blocks, value

pytestmark = pytest.mark.clients

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
STEPS = ["", "Send the user to the authorize page", "Exchange the code", "Call the API", "Refresh", "Revoke"]


def section(title: str) -> str:
    """The text below a heading of the README."""
    return re.split(r"^## ", README.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def documented_calls() -> dict[str, str]:
    """Each step's title and its block; what comes before the first step has no title."""
    parts = re.split(r"^\*\*\d\. (.*?)\.\*\*", section("The documented calls"), flags=re.M)
    steps = dict(zip(["", *parts[1::2]], parts[0::2], strict=True))
    found = {title: blocks(text) for title, text in steps.items()}
    assert [len(of_step) for of_step in found.values()] == [1] * len(found), "one block a step"
    return {title: of_step[0] for title, of_step in found.items()}


def test_the_documented_calls(tmp_path: Path) -> None:
    calls = documented_calls()
    assert list(calls) == STEPS
    with a_demo(tmp_path), a_terminal(tmp_path) as shell:
        shell.run(calls[""])
        address = shell.run(calls["Send the user to the authorize page"]).strip()
        with httpx.Client(base_url=address.partition("/integrations")[0], trust_env=False, timeout=30) as http:
            back = query_of(redirected_from(Browser(http), address))
        assert set(back) == {"code", "domain", "lane", "state", "iss"}
        assert back["state"] == "my-state"

        assert "\n    CODE=wgc_...\n" in section("The documented calls")
        shell.run(f"CODE={back['code']}")
        first = value(shell.run(calls["Exchange the code"]))
        (promised,) = blocks(section("The documented calls"), "json")
        assert list(first) == list(json.loads(promised))
        assert first["token_type"] == "sessionID"

        projects = value(shell.run(calls["Call the API"]))["data"]
        assert isinstance(projects, list)
        assert {project["name"] for project in projects} == {"Website relaunch", "Annual report", "Brand guidelines"}
        assert all("percentComplete" in project and "owner" in project for project in projects)

        second = value(shell.run(calls["Refresh"]))
        assert second["refresh_token"] != first["refresh_token"]
        # "Send the same request again": the block without the line that reads the new token.
        again = calls["Refresh"].partition("\n")[2]
        assert value(shell.run(again)) == second

        assert value(shell.run(calls["Revoke"])) == {}
        # "dead on the next call"
        for token in (first, second):
            called = shell.run(f"SESSION_ID={token['access_token']}\n{calls['Call the API'].partition(chr(10))[2]}")
            assert "error" in value(called)
        refused = value(shell.run(again))
        assert refused["error"] == "invalid_grant"
        assert isinstance(refused["reference"], str)


def type_in(line: str, answer: str | None, folder: Path) -> None:
    """Run a command at a terminal, and answer its question if it asks one."""
    keyboard, terminal = os.openpty()
    command = ["bash", "-c", line]
    shown = b""
    try:
        with subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PATH": f"{WORKGATE.parent}:{os.environ['PATH']}"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        ) as run:
            os.close(terminal)
            with contextlib.suppress(OSError):  # how a terminal's end of file looks: its last program has gone
                while part := os.read(keyboard, 1024):
                    shown += part
                    if answer is not None and shown.endswith(b": "):
                        os.write(keyboard, answer.encode())
                        answer = None
    finally:
        os.close(keyboard)
    assert answer is None, f"{line} asked nothing:\n{shown.decode()}"
    assert run.returncode == 0, f"{line}\n{shown.decode()}"


def test_your_own_application(tmp_path: Path) -> None:
    """All but the installation, which `make` did, and `serve`, which does not end: other tests start it."""
    (block,) = blocks(section("Your own application"))
    lines = block.splitlines()
    assert lines[0].startswith("python3 -m venv ~/workgate && ")
    assert lines[-1] == "workgate serve"
    for line in lines[1:-1]:
        type_in(line, "a long password\n" if "asks for a password" in line else None, tmp_path)


def test_the_stand_in() -> None:
    (block,) = blocks(section("Your own application"), "python")
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own text
