"""The composition root: one installation, opened, served and kept up."""

import asyncio
import contextlib
import importlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from workgate.asgi import LARGEST_BODY, Front, Later
from workgate.attask.handlers import AttaskApp
from workgate.crypto.keys import KeyRingError
from workgate.domain.ids import Clock, Entropy
from workgate.domain.ports import StoreUnavailable
from workgate.endpoint_assembly import endpoint_parts
from workgate.http11 import Patience
from workgate.opening import Opened
from workgate.ops.settings import Settings
from workgate.ops.telemetry import described, log_refusal
from workgate.service.leases import Lease
from workgate.serving import Server
from workgate.storage.database import require_schema
from workgate.web.api import ADMIN_PATH
from workgate.web.cross_origin import METHODS_OF_API, METHODS_OF_PAGES, CrossOrigin
from workgate.web.endpoints import EndpointParts, client_endpoints
from workgate.web.health import LIVE_PATH, READY_PATH, ReadyEndpoint, live

if TYPE_CHECKING:
    from workgate.assembly import Services

Loaded = Callable[[Exception | None], None]

_UPKEEP_SECONDS = 1.0
_MAIL_SECONDS = 3.0


class Workgate(Opened):
    """An installation that can be administered and served; see ``Opened`` for the arguments."""

    def __init__(self, settings: Settings, *, clock: Clock, entropy: Entropy = os.urandom) -> None:
        super().__init__(settings, clock=clock, entropy=entropy)
        self.lease = Lease(self.database.leases, name="clean-up", holder=entropy(16).hex(), clock=clock)
        self._clock_settled = True
        self._services: Services | None = None
        self._making_services = threading.Lock()

    @property
    def services(self) -> "Services":
        """What people do in it; loaded when it is first needed, so that programs are answered before that."""
        with self._making_services:
            if self._services is None:
                from workgate.assembly import Services  # noqa: PLC0415 - loaded when it is first needed

                self._services = Services(self)
            return self._services

    def app(self, loaded: Loaded | None = None, *, at_once: bool = False) -> ASGIApp:
        """Make the ASGI application; its lifespan runs the upkeep and closes everything at the end.

        Args:
            loaded: called when what the start does not wait for is there, or with what went wrong.
            at_once: let the start wait for that, too.
        """
        parts = endpoint_parts(self)
        pages = Later(partial(self._pages, parts))
        admin = Later(partial(self._admin_api, parts))
        attask = AttaskApp(
            directory=parts.directory,
            sessions=parts.sessions,
            signing_in=parts.signing_in,
            users=self.database.users,
            objects=self.database.objects,
            largest_body=LARGEST_BODY,
        )
        of_pages = partial(CrossOrigin, directory=parts.directory, applications=self.database.applications)
        endpoints = client_endpoints(parts) | {LIVE_PATH: live, READY_PATH: ReadyEndpoint(self.health)}
        endpoints |= {path: of_pages(endpoints[path], methods=methods) for path, methods in METHODS_OF_PAGES.items()}
        # No other origin's page calls the admin API.
        below: dict[str, ASGIApp] = {"/attask/": of_pages(attask, methods=METHODS_OF_API), f"{ADMIN_PATH}/": admin}
        lifespan = partial(self._lifespan, partial(_load, [pages, admin], loaded), at_once=at_once)
        return Front(endpoints, below=below, site=pages, lifespan=lifespan)

    def _pages(self, parts: EndpointParts) -> ASGIApp:
        from workgate import web_assembly  # noqa: PLC0415 - loaded when it is first needed

        return web_assembly.pages(self.services, parts)

    def _admin_api(self, parts: EndpointParts) -> ASGIApp:
        from workgate import web_assembly  # noqa: PLC0415 - loaded when it is first needed

        return web_assembly.admin_api(self.services, parts)

    async def ready(self) -> None:
        """Make sure that the database can be used, and that the key ring is its own.

        Raises:
            StoreUnavailable: the database cannot be used; the message says what to do.
            KeyRingError: a node among others was started without their key ring.
        """
        await require_schema(self.database)
        file = self.keys.file
        just_made = file is not None and file.made and self.settings.embedded_path is None
        if file is not None and just_made and await self.database.installation.has_issued():
            file.path.unlink()
            raise KeyRingError(
                f"there is no key file {file.path}, and tokens of this database are out: put the other nodes' key "
                "ring there; if it is lost, 'workgate keys create' makes one, and everybody signs in again"
            )

    async def close(self) -> None:
        """Write what is under way, then close."""
        await self.database.close()
        self.passwords.close()
        if self._services is not None:
            self._services.close()
        self.outbox.close()

    def refresh_keys(self) -> None:
        """Read the key file again if it changed."""
        if self.keys.file is not None and self.keys.file.changed():
            try:
                self.mint.ring = self.keys.file.load(self.entropy)
                self.health.keys_readable = True
            except KeyRingError as error:
                self.health.keys_readable = False
                log_refusal(event="key_ring_unusable", error=str(error))

    async def watch_keys(self) -> None:
        """Once a second, whatever the database does: read changed keys."""
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            self.refresh_keys()

    async def upkeep(self) -> None:
        """Once a second: look at the clock, and clean up one window of each table if it is on us."""
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            try:
                await self._settle_clock()
                if await self.lease.held():
                    await self.database.sweeper.step(self.clock.now())
            except Exception as error:
                log_refusal(event="upkeep_failed", error=described(error))

    async def _settle_clock(self) -> None:
        settled = await self.health.settle()
        if settled is not None and settled != self._clock_settled:
            what = "its time is right" if settled else "until it is the database's, requests are refused"
            log_refusal(event="clock_was_set", reason=what)
            self._clock_settled = settled

    @contextlib.asynccontextmanager
    async def _lifespan(self, load: Callable[[], Coroutine[None, None, None]], *, at_once: bool) -> AsyncIterator[None]:
        await self._settle_clock()
        loading = asyncio.create_task(load())
        if at_once:
            await loading
        tasks = [asyncio.create_task(work()) for work in (self.upkeep, self.watch_keys, self.outbox.run)]
        try:
            yield
        finally:
            await self.outbox.finish(_MAIL_SECONDS)
            for task in tasks:
                task.cancel()
            await asyncio.wait([loading, *tasks])
            with contextlib.suppress(StoreUnavailable):
                await self.lease.release()
            await self.close()


def load_everything() -> None:
    """Load now what else is loaded when it is first needed: before processes are made that shall share its memory."""
    importlib.import_module("workgate.web_assembly")


async def _load(later: Sequence[Later], loaded: Loaded | None) -> None:
    """Load what the start does not wait for."""
    failure = None
    try:
        for each in later:
            await each.load()
    except Exception as error:
        failure = error
        log_refusal(event="pages_not_loaded", error=described(error))
    if loaded is not None:
        loaded(failure)


def server_for(
    workgate: Workgate,
    *,
    ready: Callable[[], None] | None = None,
    loaded: Callable[[], None] | None = None,
    patience: Patience | None = None,
    supervisor: socket.socket | None = None,
) -> Server:
    """Make the server of an installation, which ends if its pages cannot be loaded.

    Args:
        workgate: the installation.
        ready: called when it serves.
        loaded: called when the pages are there, some time after; a supervisor's worker serves only then.
        patience: see ``Server``, as for the next.
        supervisor: the line to one.
    """

    def stopping() -> None:
        workgate.health.draining = True

    def pages_loaded(failure: Exception | None) -> None:
        if failure is not None:
            server.fail(failure)
        elif loaded is not None:
            loaded()

    server = Server(
        workgate.app(pages_loaded, at_once=supervisor is not None),
        trusted_proxies=workgate.settings.trusted_proxies,
        drain_seconds=workgate.settings.drain_seconds,
        stopping=stopping,
        ready=ready,
        patience=patience,
        supervisor=supervisor,
    )
    return server
