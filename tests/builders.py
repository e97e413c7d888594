"""Whole values for tests of the pure parts: a test names only what it is about."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

from workgate.crypto.keys import Key, KeyRing
from workgate.crypto.tokens import Mint
from workgate.domain.accounts import Session, SessionOrigin, User
from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.oauth import (
    Application,
    ApplicationType,
    Authorization,
    AuthorizationStatus,
    ConsentPolicy,
)

NOW = Milliseconds(1_800_000_000_000)
REDIRECT_URI = "https://client.example/callback"
SALT = sha256(b"the salt of the tests").digest()
MATERIAL = sha256(b"the key of the tests").digest()


def later(seconds: float, start: int = NOW) -> Milliseconds:
    """So many seconds after the tests' present; negative is before."""
    return Milliseconds(start + round(seconds * 1000))


class Bytes:
    """An entropy source that gives other bytes each time, and the same ones in every run."""

    def __init__(self, seed: bytes = b"") -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        made = b"".join(sha256(self._seed + b"%d.%d" % (self._count, i)).digest() for i in range(size // 32 + 1))
        return made[:size]


def a_mint(*key_ids: int) -> Mint:
    """A mint over keys that are in use one after another; without arguments one key."""
    keys = (Key(i, Milliseconds(n), sha256(MATERIAL + b"%d" % i).digest()) for n, i in enumerate(key_ids or (1,)))
    return Mint(KeyRing(tuple(keys)))


_USER = User(
    environment_id=EnvironmentId(7),
    user_id=ObjectId("0123456789abcdef0123456789abcdef"),
    username="ann",
    first_name="Ann",
    last_name="Archer",
    email="ann@acme.example",
    is_admin=False,
    is_active=True,
    session_epoch=3,
)
_APPLICATION = Application(
    environment_id=EnvironmentId(7),
    client_id=ClientId("f" * 32),
    name="ClientApp",
    type=ApplicationType.WEB,
    redirect_uris=(REDIRECT_URI,),
    rotate_refresh_tokens=True,
    refresh_absolute_seconds=None,
    refresh_inactivity_seconds=None,
    code_seconds=120,
    consent=ConsentPolicy.ALWAYS,
    description="",
    description_url="",
    developer_name="",
    developer_email="",
    privacy_url="",
    has_logo=False,
    created_at=NOW,
)
_AUTHORIZATION = Authorization(
    environment_id=EnvironmentId(7),
    authorization_id=RowId(4711),
    client_id=_APPLICATION.client_id,
    user_id=_USER.user_id,
    redirect_uri=REDIRECT_URI,
    code_challenge=None,
    status=AuthorizationStatus.ACTIVE,
    salt=SALT,
    key_id=1,
    generation=5,
    session_sequence=5,
    consented_at=NOW,
    code_expires_at=later(120),
    active_at=NOW,
    rotated_at=NOW,
    username="ann",
    user_active=True,
    user_epoch=3,
    epoch=1,
)
_SESSION = Session(
    environment_id=EnvironmentId(7),
    row_id=RowId(4711),
    sequence=5,
    origin=SessionOrigin.APPLICATION,
    user=_USER,
    user_epoch=3,
    client_id=_APPLICATION.client_id,
    salt=SALT,
    epoch=1,
    opened_at=NOW,
    last_seen_at=NOW,
    idle_seconds=1800,
    absolute_expires_at=later(86_400),
    authorization_live=True,
    application_exists=True,
    rotates=True,
    latest_sequence=5,
    replaced_at=None,
)


def a_user(**changes: Any) -> User:
    """An active user; her sessions are of epoch 3."""
    return _USER._replace(**changes)


def an_application(**changes: Any) -> Application:
    """A web application with rotation, without expiries and without secrets."""
    return replace(_APPLICATION, **changes)


def an_authorization(**changes: Any) -> Authorization:
    """An authorization in use: generation 5, consented to and rotated just now."""
    return _AUTHORIZATION._replace(**changes)


def a_session(**changes: Any) -> Session:
    """The live latest session of an authorization: half an hour idle, a day at all."""
    return _SESSION._replace(**changes)
