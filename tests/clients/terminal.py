"""A terminal that documents' commands run in, exactly as they stand, beside the demo that they speak of."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

WORKGATE = Path(sys.executable).with_name("workgate")


def blocks(text: str, language: str = "sh") -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


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
    """A shell in a folder."""
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
