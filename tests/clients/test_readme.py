"""The README's commands do what it says, exactly as they stand, against the demo that it tells its reader to start."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.browser import Browser, query_of
from tests.clients.consenting import redirected_from

pytestmark = pytest.mark.clients

ROOT = Path(__file__).parents[2]
WORKGATE = Path(sys.executable).with_name("workgate")
README = (ROOT / "README.md").read_text(encoding="utf-8")
STEPS = ["", "Send the user to the authorize page", "Exchange the code", "Call the API", "Refresh", "Revoke"]


def section(title: str) -> str:
    """The text below a heading of the README."""
    return re.split(r"^## ", README.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def blocks(text: str, language: str = "sh") -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


def documented_calls() -> dict[str, str]:
    """Each step's title and its block; what comes before the first step has no title."""
    parts = re.split(r"^\*\*\d\. (.*?)\.\*\*", section("The documented calls"), flags=re.M)
    steps = dict(zip(["", *parts[1::2]], parts[0::2], strict=True))
    found = {title: blocks(text) for title, text in steps.items()}
    assert [len(of_step) for of_step in found.values()] == [1] * len(found), "one block a step"
    return {title: of_step[0] for title, of_step in found.items()}


@dataclass
class Shell:
    """A terminal: one bash that keeps its variables from block to block."""

    bash: "subprocess.Popen[str]"
    errors: Path

    def run(self, block: str) -> str:
        """Run a block as it stands, see that it worked and complained of nothing, and give what it printed."""
        assert self.bash.stdin is not None
        assert self.bash.stdout is not None
        print(f"{block}\nprintf '\\036%s\\n' $?", file=self.bash.stdin, flush=True)
        printed = ""
        while "\036" not in printed:
            line = self.bash.stdout.readline()
            assert line, f"bash ended in:\n{block}\n{self.errors.read_text()}"
            printed += line
        output, _, status = printed.rpartition("\036")
        assert status.strip() == "0", f"{block}\n{output}\n{self.errors.read_text()}"
        assert self.errors.read_text() == ""
        return output


@contextmanager
def a_terminal(folder: Path) -> Iterator[Shell]:
    errors = folder / "stderr"
    with (
        errors.open("w") as sink,
        subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-u", "-o", "pipefail"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
        ) as bash,
    ):
        try:
            yield Shell(bash, errors)
        finally:
            bash.kill()


@contextmanager
def a_demo(folder: Path) -> Iterator[None]:
    """``workgate demo`` in a folder, on free ports, until Ctrl-C."""
    with ExitStack() as held:
        free = [held.enter_context(socket.socket()) for _ in range(2)]
        for one in free:
            one.bind(("127.0.0.1", 0))
        port, app_port = (str(one.getsockname()[1]) for one in free)
    command = [str(WORKGATE), "demo", "--port", port, "--app-port", app_port]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            seen = ""
            while "Ctrl-C" not in seen:
                line = demo.stdout.readline()
                assert line, f"the demo ended:\n{seen}"
                seen += line
            yield
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=30)


def value(output: str) -> dict[str, object]:
    """A JSON answer that a command printed."""
    return dict(json.loads(output))


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
