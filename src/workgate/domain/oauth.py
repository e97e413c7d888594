"""Applications and authorizations as values. RFC 6749's words wherever it has one."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId


class ApplicationType(StrEnum):
    """The three kinds of application (contract §2.1)."""

    WEB = "web"
    SPA = "spa"
    MACHINE = "machine"


def rotates(kind: ApplicationType, registered: bool) -> bool:
    """Whether refresh tokens rotate: of public clients always (RFC 9700 §4.14.2); machines have none."""
    return kind is ApplicationType.SPA or (registered and kind is not ApplicationType.MACHINE)


class ConsentPolicy(StrEnum):
    """When a user is asked. ``NEVER`` is an administrator's choice for a trusted application."""

    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret as stored: its digest, and what a person may see of it."""

    secret_id: RowId
    digest: bytes
    last_four: str
    note: str
    created_at: Milliseconds
    last_used_at: Milliseconds | None

    def __repr__(self) -> str:
        """Leave the digest out of tracebacks and logs."""
        return f"ClientSecret({self.secret_id}, …{self.last_four})"


UNUSED_MILLISECONDS = 30 * 86_400_000


def safe_to_delete(secret: ClientSecret, secrets: Iterable[ClientSecret], now: Milliseconds) -> bool:
    """Whether nobody seems to need a secret: not used for 30 days, while another one is."""

    def in_use(one: ClientSecret) -> bool:
        return one.last_used_at is not None and now - one.last_used_at < UNUSED_MILLISECONDS

    since = secret.created_at if secret.last_used_at is None else secret.last_used_at
    unused = now - since >= UNUSED_MILLISECONDS
    return unused and any(in_use(other) for other in secrets if other.secret_id != secret.secret_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationKey:
    """A public key of a machine-to-machine application; it speaks for the user who added it, and for nobody else."""

    environment_id: EnvironmentId
    client_id: ClientId
    key_id: RowId
    user_id: ObjectId
    note: str
    public_key: str
    fingerprint: str
    bits: int
    created_at: Milliseconds
    last_used_at: Milliseconds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A registered OAuth2 client of one environment. Durations are whole seconds; None is without end.

    ``is_central``: the operator lets every organisation of its lane install it. One that is installed belongs to the
    environment that ``owner_environment_id`` names, and everything that is said of it is said there.
    """

    environment_id: EnvironmentId
    client_id: ClientId
    name: str
    type: ApplicationType
    redirect_uris: tuple[str, ...]
    rotate_refresh_tokens: bool
    refresh_absolute_seconds: int | None
    refresh_inactivity_seconds: int | None
    code_seconds: int
    consent: ConsentPolicy
    description: str
    description_url: str
    developer_name: str
    developer_email: str
    privacy_url: str
    has_logo: bool
    created_at: Milliseconds
    secrets: tuple[ClientSecret, ...] = ()
    is_central: bool = False
    owner_environment_id: EnvironmentId | None = None

    @property
    def is_installed(self) -> bool:
        """Whether it is another environment's."""
        return self.owner_environment_id is not None

    @property
    def home_id(self) -> EnvironmentId:
        """The environment that it belongs to."""
        return self.environment_id if self.owner_environment_id is None else self.owner_environment_id

    @property
    def is_public(self) -> bool:
        """A public client in RFC 6749's sense (§2.1): it cannot keep a secret."""
        return self.type is ApplicationType.SPA

    @property
    def rotates(self) -> bool:
        """Whether refresh tokens rotate."""
        return rotates(self.type, self.rotate_refresh_tokens)


class AuthorizationStatus(IntEnum):
    """An authorization waits for its code to be redeemed, is in use, or is over."""

    PENDING = 0
    ACTIVE = 1
    REVOKED = 2


class Authorization(NamedTuple):
    """One user's consent to one application, from the code to the last refresh.

    ``generation`` counts refresh tokens (0 until the code is redeemed), ``session_sequence`` the sessions
    opened. ``key_id`` is the key under which the current pair was derived; ``salt`` the row's part of
    every token. ``user_active`` and ``user_epoch`` belong to the user, ``epoch`` to the installation,
    ``registry_version`` to environment and installation: it tells whether a remembered application still holds.
    """

    environment_id: EnvironmentId
    authorization_id: RowId
    client_id: ClientId
    user_id: ObjectId
    redirect_uri: str
    code_challenge: str | None
    status: AuthorizationStatus
    salt: bytes
    key_id: int
    generation: int
    session_sequence: int
    consented_at: Milliseconds
    code_expires_at: Milliseconds
    active_at: Milliseconds
    rotated_at: Milliseconds | None
    username: str
    user_active: bool
    user_epoch: int
    epoch: int
    registry_version: int = 0

    def __repr__(self) -> str:
        """Leave the salt out of tracebacks and logs."""
        return f"Authorization({self.authorization_id}, {self.status.name}, generation {self.generation})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An application that may act for a user, however often it was allowed to.

    ``last_used_at`` is the last call or refresh, ``last_token_at`` when it last fetched a token, ``expires_at`` when
    it ends if nobody uses it any more; None: never.
    """

    client_id: ClientId
    user_id: ObjectId
    username: str
    application: str
    since: Milliseconds
    last_used_at: Milliseconds
    last_token_at: Milliseconds | None
    expires_at: Milliseconds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCount:
    """How an application is used. ``users`` and ``expiring`` count up to a bound; ``more``: it was reached."""

    users: int
    expiring: int
    last_token_at: Milliseconds | None
    more: bool
