"""The stores of one database, with short ways to bring about what the tests need."""

import asyncio
import os
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import func, select
from tests.builders import a_user, an_application

from workgate.domain.accounts import Environment, SessionLimits, User
from workgate.domain.audit import AuditEvent, AuditNote, AuditRecord
from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId, RowIds
from workgate.domain.oauth import Application, Authorization
from workgate.storage.database import Database
from workgate.storage.schema import metadata

T = TypeVar("T")
START = Milliseconds(1_790_000_000_000)
HOUR, DAY = 3_600, 86_400
NEVER = Milliseconds(-1)


def at(seconds: float) -> Milliseconds:
    """So many seconds after the tests began."""
    return Milliseconds(START + round(seconds * 1000))


def limits(now: Milliseconds = START, idle: int = HOUR, absolute: int = DAY) -> SessionLimits:
    """Sessions of an hour unused, a day at most."""
    return SessionLimits(idle, Milliseconds(now + absolute * 1000))


@dataclass
class Stores:
    """The stores of one database, an event loop to use them in, and what most tests need to be there."""

    database: Database
    runner: asyncio.Runner
    ids: RowIds = field(default_factory=lambda: RowIds(os.urandom))
    acme: Environment = field(init=False)
    globex: Environment = field(init=False)
    ann: User = field(init=False)
    app: Application = field(init=False)

    def __post_init__(self) -> None:
        self.acme, self.globex = self.environment("acme"), self.environment("globex")
        self.ann = self.user("ann")
        self.app = self.application()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do one thing."""
        return self.runner.run(work)

    def gather(self, works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Do many things at once: they meet in the same group commit."""

        async def together() -> list[T]:
            return list(await asyncio.gather(*works))

        return self.runner.run(together())

    def close(self) -> None:
        """Close the database within the loop that it was used in."""

        self.run(self.database.close())

    def flush(self) -> None:
        """Wait for what was written without waiting."""
        self.run(self.database.engine.flush())

    def count(self, table: str) -> int:
        """How many rows a table has."""
        statement = self.database.engine.prepare(select(func.count()).select_from(metadata.tables[table]))
        return int(self.run(self.database.engine.fetch(statement, {}))[0][0])

    def environment(self, domain: str, lane: str = "my") -> Environment:
        """Create an environment."""
        made = Environment(
            environment_id=EnvironmentId(self.ids.next(START)),
            customer_id=ObjectId(os.urandom(16).hex()),
            domain=domain,
            lane=lane,
            name=domain.title(),
            session_idle_seconds=HOUR,
            session_absolute_seconds=DAY,
        )
        self.run(self.database.environments.create_environment(made, START))
        return made

    def user(self, username: str, environment: Environment | None = None) -> User:
        """Create a user."""
        where = (environment or self.acme).environment_id
        made = a_user(environment_id=where, user_id=ObjectId(os.urandom(16).hex()), username=username, session_epoch=0)
        self.run(self.database.users.create_user(made, "a hash", START))
        return made

    def application(self, environment: Environment | None = None, **changes: Any) -> Application:
        """Create an application."""
        where = (environment or self.acme).environment_id
        made = an_application(environment_id=where, client_id=ClientId(os.urandom(16).hex()), **changes)
        assert self.run(
            self.database.applications.create_application(
                made, None, at_most=1000, record=self.record(AuditEvent.APPLICATION_CREATED, where)
            )
        )
        return made

    def begin(self, row_id: RowId | None = None, user: User | None = None, app: Application | None = None) -> bool:
        """Record a consent of Ann to the application, whose code lives two minutes."""
        return self.run(self.beginning(row_id or self.ids.next(START), user, app))

    async def beginning(self, row_id: RowId, user: User | None = None, app: Application | None = None) -> bool:
        """The same, to be run with others."""
        whose, which = user or self.ann, app or self.app
        return await self.database.authorizations.begin(
            whose.environment_id,
            row_id,
            client_id=which.client_id,
            user_id=whose.user_id,
            redirect_uri=which.redirect_uris[0],
            code_challenge=None,
            salt=os.urandom(32),
            key_id=1,
            now=START,
            code_expires_at=at(120),
            note=self.note(),
        )

    def record(self, event: AuditEvent, environment_id: EnvironmentId | None = None) -> AuditRecord:
        """A record of something that is about to be done."""
        where = self.acme.environment_id if environment_id is None else environment_id
        return AuditRecord(environment_id=where, event_id=self.ids.next(START), at=START, event=event)

    def note(self) -> AuditNote:
        """What a store needs to write its own change down."""
        return AuditNote(self.ids.next(START), "192.0.2.1")

    def read(self, row_id: RowId, environment: Environment | User | None = None) -> Authorization:
        """Give an authorization that is there, by default in acme."""
        where = (environment or self.acme).environment_id
        found = self.run(self.database.authorizations.authorization(where, row_id))
        assert found is not None
        return found

    def pending(self, user: User | None = None, app: Application | None = None) -> Authorization:
        """An authorization whose code was not redeemed yet."""
        row_id = self.ids.next(START)
        assert self.begin(row_id, user, app)
        return self.read(row_id, user)

    def active(self, user: User | None = None, app: Application | None = None) -> Authorization:
        """An authorization whose code was redeemed at the start."""
        pending = self.pending(user, app)
        assert self.run(self.redeeming(pending))
        return self.read(pending.authorization_id, user)

    async def redeeming(self, seen: Authorization, now: Milliseconds = START) -> bool:
        """Redeem the code."""
        return await self.database.authorizations.redeem(seen, key_id=1, now=now, limits=limits(now), note=self.note())

    async def rotating(
        self,
        seen: Authorization,
        now: Milliseconds = START,
        *,
        key_id: int = 1,
        consented_after: Milliseconds = NEVER,
        active_after: Milliseconds = NEVER,
    ) -> bool:
        """Rotate the refresh token."""
        return await self.database.authorizations.rotate(
            seen,
            key_id=key_id,
            now=now,
            consented_after=consented_after,
            active_after=active_after,
            limits=limits(now),
            note=self.note(),
        )

    async def renewing(
        self, seen: Authorization, now: Milliseconds = START, *, active_after: Milliseconds = NEVER
    ) -> int | None:
        """Open another session without rotation."""
        return await self.database.authorizations.renew(
            seen,
            now=now,
            consented_after=NEVER,
            active_after=active_after,
            limits=limits(now),
            note=self.note(),
        )

    async def revoking(self, seen: Authorization, now: Milliseconds = START) -> bool:
        """Revoke."""
        record = self.record(AuditEvent.TOKEN_REVOKED, seen.environment_id)
        return await self.database.authorizations.revoke(
            seen.environment_id, seen.authorization_id, now=now, record=record
        )

    def sequences(self, seen: Authorization) -> list[int]:
        """The sessions of an authorization that the store still gives, whether they are alive or not."""
        latest = self.read(seen.authorization_id).session_sequence
        read = self.database.sessions.session
        found = self.gather(read(seen.environment_id, seen.authorization_id, n) for n in range(latest + 2))
        return [session.sequence for session in found if session is not None]
