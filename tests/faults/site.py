"""An installation that was set up with commands, as an operator does, and the nodes that serve it."""

import contextlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.browser import PASSWORD, REDIRECT_URI
from tests.database.daemon import Daemon, children
from tests.processes import WORKGATE, Ran, environment_variables, forked

SETTINGS = {
    "client_failures": "1000000",
    "sign_in_failures_per_address": "1000000",
    "sign_in_failures_per_account": "1000000",
}
"""Limits of how often one may fail would only hide what the faults do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where its data lie, and the application that the tests are.

    Args:
        url: the database's address.
        folder: where commands run.
        keys: the key file that all nodes share.
    """

    url: str
    folder: Path
    keys: Path
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    def run(self, *arguments: str) -> Ran:
        """Run a command on the installation."""
        return forked(*arguments, folder=self.folder, **self.settings())

    def settings(self) -> dict[str, str]:
        """The settings that its commands and nodes need."""
        return {"database_url": self.url, "keys": f"file:{self.keys}"}

    def copied(self, folder: Path) -> "Installation":
        """A copy in another folder; nobody may be using the database."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        url = f"sqlite:///{folder / 'workgate.db'}" if self.url.startswith("sqlite:") else self.url
        return replace(self, url=url, folder=folder, keys=folder / self.keys.name)

    def with_another_application(self) -> "Installation":
        """The same with a new application that users need not consent to."""
        options = ("--org", "acme", "--type", "web", "--redirect-uri", REDIRECT_URI, "--consent", "never", "--json")
        made: dict[str, Any] = self.run("app", "create", "Load", *options).json
        return replace(self, client_id=made["client_id"], client_secret=made["client_secret"])

    def at(self, url: str) -> "Installation":
        """The same, reached at another address."""
        return replace(self, url=url)


def install(url: str, folder: Path) -> Installation:
    """Set up acme, Ann, Bob, and a web application that users need not consent to."""
    bare = Installation(url, folder, folder / "fleet.keys")
    if url.startswith("postgresql:"):
        done = bare.run("migrate")
        assert done.code == 0, done.err
    done = bare.run("org", "create", "acme", "--name", "Acme", "--json")
    assert done.json
    for name in ("ann", "bob"):
        assert bare.run("user", "create", name, "--org", "acme", "--password", PASSWORD, "--json").json
    return bare.with_another_application()


class Node:
    """``workgate serve`` over an installation, with all its workers; start it before use.

    Args:
        installation: what it serves.
        arguments: further options of ``serve``.
        within: a command that runs it somewhere else, such as ``ip netns exec NAME``.
        environ: further environment variables.
        settings: further settings.
    """

    def __init__(
        self,
        installation: Installation,
        *arguments: str,
        port: int = 0,
        within: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [*within, WORKGATE, "serve", *arguments]
        self._folder = installation.folder
        named = SETTINGS | installation.settings() | dict(settings or {})
        self._environ = environment_variables(**named) | dict(environ or {})
        self.port = port
        self.daemon: Daemon | None = None

    def start(self) -> "Node":
        """Start it and wait until it serves; after a restart it has the same port."""
        return self.launch().wait()

    def launch(self) -> "Node":
        """Start it without waiting."""
        assert self.daemon is None, "it is running"
        self.daemon = Daemon([*self._command, "--port", str(self.port)], folder=self._folder, environ=self._environ)
        return self

    def wait(self) -> "Node":
        """Wait until it serves, its pages too: on a busy machine they may come later than clients are patient."""
        line = self.running.wait_for_line("Workgate on ")
        found = re.search(r"http://[^ ]*:(\d+)", line)
        assert found is not None, line
        self.port = int(found[1])
        with contextlib.suppress(httpx.TransportError):  # in a network of its own it is not reached from here
            httpx.get(f"{self.url}/no-such-page", trust_env=False, timeout=60)
        return self

    @property
    def running(self) -> Daemon:
        """Its process."""
        assert self.daemon is not None, "it is not running"
        return self.daemon

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> int:
        """Ask it to end, wait until it did; its exit status."""
        if self.daemon is None:
            return 0
        daemon, self.daemon = self.daemon, None
        return daemon.stop()

    def kill(self) -> None:
        """End it with all its workers as a power cut does."""
        self.running.kill()
        self.daemon = None

    def workers(self) -> list[int]:
        """The processes that serve: those right below the first one."""
        return children(self.running.pid)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount disks and cut networks")
