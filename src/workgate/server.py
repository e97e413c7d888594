"""The composition root: builds the whole server of settings, a clock and a source of randomness."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp

from workgate.asgi import LARGEST_BODY, Front
from workgate.attask.handlers import AttaskApp
from workgate.crypto.keys import KeyRing, KeyRingError, parse_key_ring
from workgate.crypto.tokens import Mint
from workgate.domain.ids import Clock, Entropy, Milliseconds, RowIds
from workgate.domain.ports import StoreUnavailable
from workgate.http11 import Patience
from workgate.oauth.refresh_grant import RefreshPolicy
from workgate.ops.audit import AuditLog
from workgate.ops.settings import Settings
from workgate.ops.telemetry import described, log_refusal
from workgate.service.application_keys import ApplicationKeys
from workgate.service.applications import Registry
from workgate.service.audit_queries import AuditQueries
from workgate.service.authorize import AuthorizeService
from workgate.service.clients import ClientDesk
from workgate.service.connections import Connections
from workgate.service.environments import Administration, DefaultName, EnvironmentDirectory
from workgate.service.health import Health, WatchedClock
from workgate.service.jwt_exchange import JwtExchange
from workgate.service.leases import Lease
from workgate.service.naming import Naming
from workgate.service.sessions import SessionService, SignInPolicy
from workgate.service.token_management import TokenManagement
from workgate.service.tokens import TokenService
from workgate.serving import Server
from workgate.signin.password import Passwords
from workgate.storage.database import Database, open_embedded, open_postgres, require_schema
from workgate.storage.keyfile import KeyFile
from workgate.web.api.app import AdminApi
from workgate.web.api.calls import AdminServices
from workgate.web.api.routes import ADMIN_PATH
from workgate.web.app import WebParts, web_app
from workgate.web.cross_origin import METHODS_OF_API, METHODS_OF_PAGES, CrossOrigin
from workgate.web.errors import ErrorStyle
from workgate.web.health import LIVE_PATH, READY_PATH, ReadyEndpoint, live

_UPKEEP_SECONDS = 1.0


class SystemClock(WatchedClock):
    """The machine's clock, watched by one that counts since the machine was started."""

    def __init__(self) -> None:
        super().__init__(time.time_ns, partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME))


@dataclass(frozen=True, slots=True)
class Keys:
    """The key ring with where it came from: a file is read again when it changes."""

    ring: KeyRing
    file: KeyFile | None


def load_keys(settings: Settings, entropy: Entropy) -> Keys:
    """Find the key ring: in the settings, in a named file, or in the file beside the embedded database.

    Raises:
        KeyRingError: with what is wrong.
    """
    if settings.keys is not None and not settings.keys.startswith("file:"):
        return Keys(parse_key_ring(settings.keys), None)
    file = key_file(settings)
    return Keys(file.load(entropy), file)


def key_file(settings: Settings) -> KeyFile:
    """Where the key ring is, made or not.

    Raises:
        KeyRingError: the settings name no file.
    """
    path = settings.embedded_path
    if settings.keys is not None and settings.keys.startswith("file:"):
        folder = path.parent if path is not None else Path()
        return KeyFile(folder / settings.keys.removeprefix("file:"))
    if path is not None and settings.keys is None:
        return KeyFile(path.with_suffix(".keys"))
    raise KeyRingError("with PostgreSQL the key ring must be named: WORKGATE_KEYS=file:/path/of/workgate.keys")


def open_database(settings: Settings, now: Milliseconds) -> Database:
    """Open the database that the settings name.

    Raises:
        StoreUnavailable, ValueError: it cannot be used; the message says why.
    """
    path = settings.embedded_path
    return open_postgres(settings.database_url) if path is None else open_embedded(path, now)


class Workgate:
    """One installation, opened: its stores and its services.

    Args:
        settings: what the operator chose.
        clock: the one source of time.
        entropy: the one source of randomness.

    Raises:
        StoreUnavailable, KeyRingError, ValueError: it cannot be opened; the message says why.
    """

    def __init__(self, settings: Settings, *, clock: Clock, entropy: Entropy = os.urandom) -> None:
        self.settings = settings
        self.clock = clock
        self.entropy = entropy
        self.keys = load_keys(settings, entropy)
        self.database = open_database(settings, clock.now())
        self.mint = Mint(self.keys.ring)
        self.database.sweeper.audit_days = settings.audit_days
        self.health = Health(clock, self.database.installation)
        self._clock_settled = True
        self.lease = Lease(self.database.leases, name="clean-up", holder=entropy(16).hex(), clock=clock)
        self.ids = RowIds(entropy)
        self.passwords = Passwords()
        self.audit = AuditLog(self.database.audit, self.ids, clock, entropy)
        self.administration = Administration(
            environments=self.database.environments,
            users=self.database.users,
            passwords=self.passwords,
            ids=self.ids,
            clock=clock,
            entropy=entropy,
        )
        self.registry = Registry(
            applications=self.database.applications,
            environments=self.database.environments,
            users=self.database.users,
            audit=self.audit,
            ids=self.ids,
            clock=clock,
            entropy=entropy,
            at_most=settings.applications_per_environment,
        )
        self.application_keys = ApplicationKeys(
            registry=self.registry, keys=self.database.keys, audit=self.audit, ids=self.ids, clock=clock
        )
        self.connections = Connections(
            registry=self.registry,
            connections=self.database.connections,
            authorizations=self.database.authorizations,
            audit=self.audit,
            clock=clock,
        )
        self.audit_queries = AuditQueries(self.database.audit)

    def app(self) -> ASGIApp:
        """Make the ASGI application; its lifespan runs the upkeep and closes everything at the end."""
        parts = self._web_parts()
        endpoints, site = web_app(parts, self._lifespan)
        endpoints |= {LIVE_PATH: live, READY_PATH: ReadyEndpoint(self.health)}
        attask = AttaskApp(
            directory=parts.directory,
            sessions=parts.sessions,
            users=self.database.users,
            objects=self.database.objects,
            largest_body=LARGEST_BODY,
        )
        of_pages = partial(CrossOrigin, directory=parts.directory, applications=parts.applications)
        endpoints |= {path: of_pages(endpoints[path], methods=methods) for path, methods in METHODS_OF_PAGES.items()}
        admin = AdminApi(parts.directory, parts.sessions, self._admin_services())  # no other origin's page calls it
        below: dict[str, ASGIApp] = {"/attask/": of_pages(attask, methods=METHODS_OF_API), f"{ADMIN_PATH}/": admin}
        return Front(endpoints, below=below, site=site)

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
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        await self._settle_clock()
        tasks = [asyncio.create_task(self.upkeep()), asyncio.create_task(self.watch_keys())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            with contextlib.suppress(StoreUnavailable):
                await self.lease.release()
            await self.close()

    def _web_parts(self) -> WebParts:
        settings, database = self.settings, self.database
        refresh = RefreshPolicy(settings.refresh_retry_seconds)
        desk = ClientDesk(
            applications=database.applications,
            authorizations=database.authorizations,
            mint=self.mint,
            clock=self.clock,
            audit=self.audit,
            failures_per_client=settings.client_failures,
        )
        return WebParts(
            directory=EnvironmentDirectory(
                database.environments,
                self.health,  # every request finds its environment first, and none is answered at a wrong time
                base_domains=settings.base_domains,
                default=_default_name(settings.default_environment),
            ),
            sessions=self._session_service(),
            authorize=AuthorizeService(
                applications=database.applications,
                authorizations=database.authorizations,
                mint=self.mint,
                ids=self.ids,
                clock=self.clock,
                entropy=self.entropy,
                audit=self.audit,
            ),
            desk=desk,
            tokens=TokenService(
                desk=desk,
                authorizations=database.authorizations,
                mint=self.mint,
                clock=self.clock,
                policy=refresh,
            ),
            management=TokenManagement(
                desk=desk,
                sessions=database.sessions,
                mint=self.mint,
                clock=self.clock,
                policy=refresh,
                overlap_seconds=settings.session_overlap_seconds,
            ),
            exchange=self._jwt_exchange(desk),
            applications=database.applications,
            users=database.users,
            registry=self.registry,
            application_keys=self.application_keys,
            connections=self.connections,
            audit_queries=self.audit_queries,
            naming=Naming(users=database.users, applications=database.applications),
            audit=self.audit,
            mint=self.mint,
            clock=self.clock,
            entropy=self.entropy,
            error_style=ErrorStyle(settings.error_style),
        )

    def _admin_services(self) -> AdminServices:
        return AdminServices(
            registry=self.registry,
            keys=self.application_keys,
            connections=self.connections,
            audit_queries=self.audit_queries,
            audit=self.audit,
            applications=self.database.applications,
            users=self.database.users,
            clock=self.clock,
        )

    def _jwt_exchange(self, desk: ClientDesk) -> JwtExchange:
        return JwtExchange(
            desk=desk,
            keys=self.database.keys,
            users=self.database.users,
            exchanges=self.database.exchanges,
            sessions=self.database.sessions,
            mint=self.mint,
            ids=self.ids,
            clock=self.clock,
            entropy=self.entropy,
        )

    def _session_service(self) -> SessionService:
        settings = self.settings
        return SessionService(
            sessions=self.database.sessions,
            users=self.database.users,
            passwords=self.passwords,
            mint=self.mint,
            ids=self.ids,
            clock=self.clock,
            entropy=self.entropy,
            audit=self.audit,
            policy=SignInPolicy(
                lock_tries=settings.lock_tries,
                lock_minutes=settings.lock_minutes,
                failures_per_address=settings.sign_in_failures_per_address,
                failures_per_account=settings.sign_in_failures_per_account,
            ),
            overlap_seconds=settings.session_overlap_seconds,
        )


def _default_name(text: str | None) -> DefaultName | None:
    if text is None:
        return None
    domain, dot, lane = text.partition(".")
    if not (domain and dot and lane):
        raise ValueError(f"default_environment {text!r} must be of the form domain.lane")
    return DefaultName(domain, lane)


def server_for(
    workgate: Workgate,
    *,
    ready: Callable[[], None] | None = None,
    patience: Patience | None = None,
    supervisor: socket.socket | None = None,
) -> Server:
    """Make the server of an installation; see ``Server`` for the arguments."""

    def stopping() -> None:
        workgate.health.draining = True

    return Server(
        workgate.app(),
        trusted_proxies=workgate.settings.trusted_proxies,
        drain_seconds=workgate.settings.drain_seconds,
        stopping=stopping,
        ready=ready,
        patience=patience,
        supervisor=supervisor,
    )
