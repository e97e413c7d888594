"""The program as its users run it: the command ``workgate`` in a process of its own, and a server to start and kill."""

import asyncio
import json
import multiprocessing
import os
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from tests.browser import PASSWORD, REDIRECT_URI
from workgate.cli.main import run
from workgate.domain.oauth import ApplicationType
from workgate.opening import SystemClock
from workgate.ops.settings import Settings
from workgate.server import Workgate
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered
from workgate.service.definitions import NewApplication

_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them takes longer than the requests
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.processes", "workgate.cli.commands"])
WORKGATE = str(Path(sys.executable).parent / "workgate")


def environment_variables(**settings: str) -> dict[str, str]:
    """The variables of a process: ours, without any setting of Workgate but the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKGATE_")}
    return kept | {f"WORKGATE_{name.upper()}": value for name, value in settings.items()}


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        assert self.code == 0, self.err
        assert self.err == ""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def complaint(self) -> str:
        """The one line on standard error of a command that failed."""
        assert self.code not in {0, -9}
        assert self.out == ""
        assert self.err.endswith("\n"), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.rstrip("\n")


def workgate(*args: str, folder: Path, stdin: str = "", **settings: str) -> Ran:
    """Run a command to its end, in a folder."""
    done = subprocess.run(
        [WORKGATE, *args],
        cwd=folder,
        env=environment_variables(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        umask=0,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def forked(*args: str, folder: Path, stdin: str = "", **settings: str) -> Ran:
    """The same in a process that forks off one which has imported the program already: ten times as fast."""
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin)
        command = [WORKGATE, *args]
        process = _FORKS.Process(target=_become, args=(command, folder, environment_variables(**settings), streams))
        process.start()
        process.join(timeout=60)
        assert process.exitcode is not None
        return Ran(process.exitcode, streams[1].read_text(), streams[2].read_text())


def _become(command: Sequence[str], folder: Path, variables: Mapping[str, str], streams: Sequence[Path]) -> None:
    """In the forked process: be what the command would be."""
    os.chdir(folder)
    os.umask(0)
    os.environ.clear()
    os.environ.update(variables)
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.argv = list(command)
    with open(0) as sys.stdin, open(1, "w") as sys.stdout, open(2, "w") as sys.stderr:
        run()


class ServerProcess:
    """``workgate serve`` on a free port; use it in a ``with`` statement.

    Args:
        folder: where it runs; its database is ``workgate.db`` there unless ``settings`` say otherwise.
        options: further options of the command.
        settings: settings by name, as text.
    """

    def __init__(self, folder: Path, *options: str, **settings: str) -> None:
        self._process = subprocess.Popen(
            [WORKGATE, "serve", "--port", "0", *options],
            cwd=folder,
            env=environment_variables(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=0,  # what the program keeps private, it keeps private by itself
        )
        self.lines: list[str] = []
        self.printed = ""
        self._address: str | None = None
        self._known = threading.Event()
        self._reader = threading.Thread(target=self._read, name="reads the server's log", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        assert self._known.wait(timeout=30), "the server does not start"
        assert self._address is not None, "".join(self.lines)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._address is not None
        return self._address

    @property
    def pid(self) -> int:
        """The process that serves."""
        return self._process.pid

    def client(self, **options: Any) -> httpx.Client:
        """An HTTP client of this server."""
        return httpx.Client(
            base_url=self.url, **{"trust_env": False, "timeout": 30, "verify": _NO_CERTIFICATES, **options}
        )

    def stop(self) -> int:
        """Ask it to end, and wait until it did; its exit status."""
        if self._process.poll() is None:
            self._process.terminate()
        return self.end()

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        assert self.end() == -9

    def end(self) -> int:
        """Wait until it ended; its exit status."""
        code = self._process.wait(timeout=30)
        self._reader.join(timeout=30)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            if not stream.closed:
                self.printed += stream.read() if stream is self._process.stdout else ""
                stream.close()
        return code

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            if line.startswith("Workgate on "):
                self._address = line.removeprefix("Workgate on ").strip()
                self._known.set()
        self._known.set()


def installed(folder: Path, **app: Any) -> dict[str, Registered]:
    """Make ``workgate.db`` with acme, Ann and a web and a single page application, faster than commands would.

    Args:
        folder: where.
        app: further fields of both applications; see ``NewApplication``.
    """

    async def work(opened: Workgate) -> dict[str, Registered]:
        (acme,) = await opened.services.administration.create_environments("acme", ["my"], name="Acme")
        await opened.services.administration.create_user(acme, "ann", password=PASSWORD)
        kinds = {kind: ApplicationType(kind) for kind in ("web", "spa")}
        return {
            name: await opened.services.registry.register(
                acme, NewApplication(name=name, type=kind, redirect_uris=[REDIRECT_URI], **app), by=OPERATOR
            )
            for name, kind in kinds.items()
        }

    async def within_loop() -> dict[str, Registered]:
        opened = Workgate(Settings(database_url=f"sqlite:///{folder / 'workgate.db'}"), clock=SystemClock())
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(within_loop())
