"""Applications and authorizations as values. RFC 6749's words wherever it has one."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from workgate.domain.ids import ClientId, EnvironmentId, Milliseconds, ObjectId, RowId


class ApplicationType(StrEnum):
    """The three kinds of application (contract §2.1)."""

    WEB = "web"
    SPA = "spa"
    MACHINE = "machine"


def always_rotates(kind: ApplicationType) -> bool:
    """Refresh tokens of public clients rotate whatever was registered (RFC 9700 §4.14.2)."""
    return kind is ApplicationType.SPA


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A registered OAuth2 client of one environment. Durations are whole seconds; None is without end."""

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

    @property
    def is_public(self) -> bool:
        """A public client in RFC 6749's sense (§2.1): it cannot keep a secret."""
        return self.type is ApplicationType.SPA

    @property
    def rotates(self) -> bool:
        """Whether refresh tokens rotate."""
        return always_rotates(self.type) or self.rotate_refresh_tokens


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
    ``registry_version`` to the environment: it tells whether a remembered application still holds.
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
