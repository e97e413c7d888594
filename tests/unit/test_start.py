"""What a server is made of when it begins to serve, and what comes later."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from workgate import __version__
from workgate.asgi import Later
from workgate.testing import StandIn

LATER = (
    "jinja2",
    "webauthn",
    "cryptography",
    "pydantic",
    "alembic",
    "asyncpg",
    "sqlalchemy.dialects.postgresql",
    "workgate.assembly",
    "workgate.web.pages",
    "workgate.web.api.app",
    "workgate.cli.app_commands",
)


def test_what_the_start_does_not_wait_for(tmp_path: Path) -> None:
    with StandIn(tmp_path):
        pass  # its database exists from now on, and is of today's schema
    script = (
        "import sys, workgate.cli.commands\n"
        "from pathlib import Path\n"
        "from workgate.cli.serve import serve\n"
        "from workgate.testing import StandIn\n"
        f"stand_in = StandIn(Path({str(tmp_path)!r}))\n"
        f"print([name for name in {LATER} if name in sys.modules])\n"
        "with stand_in:\n"
        "    print(stand_in.client().get('/login').status_code)\n"
        f"print('jinja2' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout.split("\n")[:3] == ["[]", "404", "True"], ran.stderr


def _program(first: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program, some statements first."""
    script = f"import sys\n{first}\nsys.argv = ['workgate', *{arguments!r}]\nfrom workgate.cli.main import run\nrun()\n"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)


HIDDEN = """
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("typer", ["serve"]),
        ("uvicorn", ["serve", "--help"]),
        ("sqlalchemy", ["org", "list"]),
        ("sqlalchemy", ["--help"]),
    ],
)
def test_a_library_that_is_not_installed(name: str, command: list[str]) -> None:
    ran = _program(HIDDEN.format(name=name), *command)
    assert ran.returncode == 1
    assert ran.stderr == f"workgate: {name} is not installed; the server needs: pip install 'workgate[server]'\n"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_whose_pages_cannot_be_loaded_ends(tmp_path: Path, workers: str) -> None:
    database = f"sqlite:///{tmp_path / 'workgate.db'}"
    serve = ["serve", "--port", "0", "--workers", workers, "--database", database]
    ran = _program(HIDDEN.format(name="jinja2"), *serve)
    assert ran.returncode == 1
    assert "jinja2" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_version_is_printed() -> None:
    ran = _program("", "--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"workgate {__version__}\n", "")


def test_the_collector_rests_while_a_command_is_loaded() -> None:
    look = """
import gc
class Look:
    def find_spec(self, name, path=None, target=None):
        if name in {"sqlalchemy", "workgate.server"}:
            print(name, gc.isenabled())
sys.meta_path.insert(0, Look())
import atexit
atexit.register(lambda: print("afterwards", gc.isenabled()))
"""
    ran = _program(look, "serve", "--help")
    assert {*ran.stdout.split("\n")} >= {"sqlalchemy False", "workgate.server False", "afterwards True"}


class Made:
    """An application that counts how often it was made, once it may be."""

    def __init__(self, *, fails: bool = False) -> None:
        self.may_go_on = threading.Event()
        self.times = 0
        self._fails = fails

    def __call__(self) -> ASGIApp:
        self.may_go_on.wait(10)
        self.times += 1
        if self._fails:
            raise LookupError("a template is missing")
        return answer


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def asked(app: Later) -> int:
    sent: list[int] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message["status"])

    async def receive() -> dict[str, object]:
        raise AssertionError("nobody reads")

    await app({"type": "http"}, receive, send)
    return sent[0]


def in_a_loop(made: Made, ask: Callable[[Later], object]) -> None:
    async def work() -> None:
        await ask(Later(made))  # type: ignore[misc]  # what is given is a coroutine function

    asyncio.run(work())


def test_requests_wait_while_others_are_served_and_it_is_made_once() -> None:
    made = Made()

    async def ask(app: Later) -> None:
        first = [asyncio.create_task(asked(app)) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in first)  # and the loop turns: this line is reached
        first[0].cancel()  # a client that goes away takes nothing from the others
        made.may_go_on.set()
        assert await asyncio.gather(*first[1:]) == [200] * 4
        assert await asked(app) == 200
        await app.load()

    in_a_loop(made, ask)
    assert made.times == 1


def test_what_cannot_be_made_is_said_to_everybody_who_asks() -> None:
    made = Made(fails=True)
    made.may_go_on.set()

    async def ask(app: Later) -> None:
        for _ in range(2):
            with pytest.raises(LookupError, match="a template is missing"):
                await asked(app)

    in_a_loop(made, ask)
    assert made.times == 1
