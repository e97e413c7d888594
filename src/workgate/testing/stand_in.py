"""The stand-in: the real server in a thread of its own, its clock and its database in the test's hands."""

import asyncio
import ssl
import tempfile
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from workgate.domain.accounts import Environment, User
from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import ApplicationType
from workgate.domain.objects import StoredObject
from workgate.ops.settings import load_settings
from workgate.server import Workgate, server_for
from workgate.service.acting import OPERATOR
from workgate.service.applications import Registered
from workgate.service.definitions import NewApplication
from workgate.serving import listen

T = TypeVar("T")
_START = Milliseconds(1_790_000_000_000)
# Its addresses are http: loading the machine's certificates would be most of the time that making a client takes.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class HeldClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self, now: Milliseconds = _START) -> None:
        self._now = now

    def now(self) -> Milliseconds:
        """Give the present instant."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds."""
        self._now = Milliseconds(self._now + round(seconds * 1000))


class StandIn:
    """A running Workgate; use it in a ``with`` statement.

    Args:
        folder: where its database and its key ring live; by default a temporary one.
        settings: any of ``ops.settings.Settings``, by name.
    """

    def __init__(self, folder: Path | None = None, **settings: Any) -> None:
        self._temporary = tempfile.TemporaryDirectory() if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else Path(str(folder))
        self.clock = HeldClock()
        own = {
            "database_url": f"sqlite:///{self.folder / 'workgate.db'}",
            "keys": f"file:{self.folder.absolute() / 'workgate.keys'}",
        }
        self.workgate = Workgate(load_settings({}, **{**own, **settings}), clock=self.clock)
        self._listener = listen("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self._server = server_for(self.workgate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="workgate-stand-in", daemon=True)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving, and forget everything if the folder was temporary."""
        self._server.should_exit = True
        self._thread.join(timeout=20)
        self._listener.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's event loop and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def client(self, environment: Environment | None = None, **options: Any) -> httpx.Client:
        """Make an HTTP client of one environment; without one it speaks to the default environment."""
        headers = dict(options.pop("headers", {}))
        if environment is not None:
            headers["Host"] = f"{environment.domain}.{environment.lane}.localhost:{self.port}"
        url = f"http://127.0.0.1:{self.port}" if environment is not None else self.url
        settings = {"trust_env": False, "timeout": 30, "verify": _NO_CERTIFICATES, **options}
        return httpx.Client(base_url=url, headers=headers, **settings)

    def create_org(self, domain: str = "acme", lanes: Sequence[str] = ("my",), **more: Any) -> list[Environment]:
        """Create environments; see ``Administration.create_environments``."""
        created = self.workgate.services.administration.create_environments(domain, lanes, **{"name": domain, **more})
        return list(self.run(created))

    def create_user(
        self,
        environment: Environment,
        username: str = "ann",
        password: str = "correct horse battery",
        **more: Any,
    ) -> User:
        """Create a user; see ``Administration.create_user``."""
        return self.run(
            self.workgate.services.administration.create_user(environment, username, password=password, **more)
        )

    def set_password(self, environment: Environment, username: str, password: str) -> None:
        """Give a user another password; see ``PasswordDesk.set_by_operator``."""
        desk = self.workgate.services.password_desk
        self.run(desk.set_by_operator(environment, username, password, any_password=True))

    def create_app(
        self,
        environment: Environment,
        name: str = "ClientApp",
        *,
        kind: str = "web",
        **more: Any,
    ) -> Registered:
        """Register an application; see ``NewApplication`` for the fields."""
        redirect_uris = [] if kind == "machine" else ["https://client.example/callback"]
        new = NewApplication(name=name, type=ApplicationType(kind), **{"redirect_uris": redirect_uris, **more})
        return self.run(self.workgate.services.registry.register(environment, new, by=OPERATOR))

    def insert(self, objects: Sequence[StoredObject]) -> None:
        """Store objects of the API."""
        self.run(self.workgate.database.objects.insert(objects))

    def sweep(self) -> None:
        """Write what was handed over, such as records of the audit log, and clean up: now, not in the background."""
        self.run(self.workgate.database.engine.flush())
        self.run(self.workgate.database.sweeper.sweep(self.clock.now()))

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.serve(sockets=[self._listener]))
        self._loop.close()
