"""An installation to measure: an application, a user, and authorizations that are live."""

import asyncio
import base64
import os
from dataclasses import dataclass
from pathlib import Path

from workgate.crypto.tokens import TokenKind
from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import ApplicationType
from workgate.ops.settings import load_settings
from workgate.server import SystemClock, Workgate
from workgate.service.applications import NewApplication

REDIRECT_URI = "https://client.example/callback"


@dataclass(frozen=True, slots=True)
class Pool:
    """What the load is made of."""

    basic: str
    codes: list[str]
    refresh_tokens: list[str]
    session_ids: list[str]


def prepare(database: Path, *, live: int, codes: int) -> Pool:
    """Create an installation with so many live authorizations and unredeemed codes."""
    return asyncio.run(_prepare(database, live, codes))


async def _prepare(database: Path, live: int, codes: int) -> Pool:
    workgate = Workgate(load_settings({}, database_url=f"sqlite:///{database}"), clock=SystemClock())
    try:
        (environment,) = await workgate.administration.create_environments("acme", ["my"], name="Acme")
        user = await workgate.administration.create_user(environment, "ann", password="correct horse battery")
        registered = await workgate.registry.register(
            environment, NewApplication(name="App", type=ApplicationType.WEB, redirect_uris=[REDIRECT_URI])
        )
        application, store = registered.application, workgate.database.authorizations
        pool = Pool(_basic(application.client_id, registered.client_secret), [], [], [])

        async def one(number: int) -> None:
            now, salt = workgate.clock.now(), os.urandom(32)
            row_id = workgate.ids.next(now)
            await store.begin(
                environment.environment_id,
                row_id,
                client_id=application.client_id,
                user_id=user.user_id,
                redirect_uri=REDIRECT_URI,
                code_challenge=None,
                salt=salt,
                key_id=workgate.mint.current_key(now),
                now=now,
                code_expires_at=Milliseconds(now + 3_600_000),
                note=workgate.audit.note(now, None),
            )
            row = await store.authorization(environment.environment_id, row_id)
            if row is None:
                raise LookupError("an authorization that was just begun cannot be read")

            def derive(kind: TokenKind, generation: int) -> str:
                return workgate.mint.derive(
                    kind,
                    key_id=row.key_id,
                    environment_id=row.environment_id,
                    row_id=row_id,
                    generation=generation,
                    epoch=row.epoch,
                    salt=salt,
                ).reveal()

            if number < codes:
                pool.codes.append(derive(TokenKind.CODE, 0))
                return
            await store.redeem(
                row,
                key_id=row.key_id,
                now=now,
                limits=environment.session_limits(now),
                note=workgate.audit.note(now, None),
            )
            pool.refresh_tokens.append(derive(TokenKind.REFRESH, 1))
            pool.session_ids.append(derive(TokenKind.SESSION, 1))

        for begin in range(0, live + codes, 200):
            await asyncio.gather(*(one(number) for number in range(begin, min(begin + 200, live + codes))))
    finally:
        await workgate.close()
    return pool


def _basic(client_id: str, client_secret: str | None) -> str:
    return base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
