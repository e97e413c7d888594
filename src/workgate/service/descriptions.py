"""How applications and what belongs to them are shown as JSON, by whichever way they are asked for.

The command line prints these and the admin API answers with them, so they cannot disagree. Instants are texts
(RFC 3339); what is shown once (a client secret, a private key) is in no ``repr``.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from workgate.domain.audit import AuditRecord
from workgate.domain.central import CentralApplication
from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import (
    Application,
    ApplicationKey,
    ApplicationType,
    ClientSecret,
    Connection,
    ConnectionCount,
    ConsentPolicy,
    safe_to_delete,
)

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class ShownSecret(Struct, frozen=True, kw_only=True):
    """A client secret, but not its text. ``safe_to_delete``: nobody used it for 30 days, while another was used."""

    id: str
    mask: str
    note: str
    created: Moment
    last_used: Moment | None
    safe_to_delete: bool = False


class NewSecret(ShownSecret, frozen=True, kw_only=True):
    """A client secret that was just added, with its text: the one time it is shown."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        """Leave the secret out of tracebacks and logs."""
        return f"NewSecret({self.id})"


class ShownApplication(Struct, frozen=True, kw_only=True):
    """An application. Durations are whole seconds; null is without end. ``customer_id`` is its environment's.

    ``is_central``: every organisation of the lane may install it, which the operator decides.
    """

    client_id: str
    customer_id: str | UnsetType = UNSET
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
    is_central: bool
    created: Moment
    secrets: tuple[ShownSecret, ...]


class NewlyRegistered(ShownApplication, frozen=True, kw_only=True):
    """An application that was just created, with its client secret if its type has one: the one time it is shown."""

    client_secret: str | UnsetType = UNSET

    def __repr__(self) -> str:
        """Leave the secret out of tracebacks and logs."""
        return f"NewlyRegistered({self.client_id})"


class OfferedApplication(Struct, frozen=True, kw_only=True):
    """An application of another organisation, which this one may install; null ``installed``: it has not."""

    client_id: str
    name: str
    type: ApplicationType
    description: str
    description_url: str
    developer_name: str
    developer_email: str
    privacy_url: str
    has_logo: bool
    owner_domain: str
    owner_name: str
    installed: Moment | None


class ShownKey(Struct, frozen=True, kw_only=True):
    """A public key; ``user_id`` is whom it speaks for, ``fingerprint`` the SHA-256 of its DER."""

    id: str
    user_id: str
    note: str
    bits: int
    fingerprint: str
    created: Moment
    last_used: Moment | None


class GeneratedPair(ShownKey, frozen=True, kw_only=True):
    """A key pair that was just made; its private half, in PEM, is kept nowhere else."""

    private_key: str

    def __repr__(self) -> str:
        """Leave the private half out of tracebacks and logs."""
        return f"GeneratedPair({self.id})"


class ShownConnection(Struct, frozen=True, kw_only=True):
    """A user for whom an application may act; ``expires`` is when that ends if nobody uses it, null: never."""

    user_id: str
    username: str
    since: Moment
    last_used: Moment
    last_token: Moment | None
    expires: Moment | None


class ShownConnections(Struct, frozen=True, kw_only=True):
    """Some of an application's users, by user ID; ``following`` asks for more.

    ``users`` and ``expiring`` (within 14 days) count all of them, up to a bound; ``more``: it was reached.
    """

    users: int
    expiring: int
    more: bool
    last_token: Moment | None
    connections: tuple[ShownConnection, ...]
    following: str | None


class ConnectedApplication(Struct, frozen=True, kw_only=True):
    """An application that may act for whoever asks."""

    client_id: str
    name: str
    since: Moment
    last_used: Moment
    last_token: Moment | None
    expires: Moment | None


class ShownEvent(Struct, frozen=True, kw_only=True):
    """A record of the audit log; ``actor`` is a user ID, ``reference`` what an error showed for it."""

    id: str
    at: Moment
    event: str
    actor: str | None
    client_id: str | None
    address: str | None
    reference: str | None
    reason: str | None


def show_secret(secret: ClientSecret, secrets: Iterable[ClientSecret], now: Milliseconds) -> ShownSecret:
    """Show one secret among all of its application's."""
    return ShownSecret(**_secret(secret), safe_to_delete=safe_to_delete(secret, secrets, now))


def show_new_secret(client_id: str, secret: ClientSecret, client_secret: str) -> NewSecret:
    """Show a secret that was just added."""
    return NewSecret(**_secret(secret), client_id=client_id, client_secret=client_secret)


def show_application(
    application: Application, now: Milliseconds, customer_id: str | UnsetType = UNSET
) -> ShownApplication:
    """Show an application."""
    return ShownApplication(**_application(application, now), customer_id=customer_id)


def show_registered(
    application: Application, client_secret: str | None, now: Milliseconds, customer_id: str | UnsetType = UNSET
) -> NewlyRegistered:
    """Show an application that was just created."""
    return NewlyRegistered(
        **_application(application, now),
        customer_id=customer_id,
        client_secret=UNSET if client_secret is None else client_secret,
    )


def show_offered(offered: CentralApplication) -> OfferedApplication:
    """Show an application that another organisation offers: nothing of it that only its owner should see."""
    return OfferedApplication(
        **{name: getattr(offered.application, name) for name in _OFFERED},
        owner_domain=offered.owner_domain,
        owner_name=offered.owner_name,
        installed=moment(offered.installed_at),
    )


def show_key(key: ApplicationKey) -> ShownKey:
    """Show a public key."""
    return ShownKey(**_key(key))


def show_pair(key: ApplicationKey, private_key: str) -> GeneratedPair:
    """Show a pair that was just made."""
    return GeneratedPair(**_key(key), private_key=private_key)


def show_connections(
    count: ConnectionCount, connections: Iterable[Connection], following: str | None
) -> ShownConnections:
    """Show a page of an application's users."""
    return ShownConnections(
        users=count.users,
        expiring=count.expiring,
        more=count.more,
        last_token=moment(count.last_token_at),
        connections=tuple(
            ShownConnection(user_id=one.user_id, username=one.username, **_times(one)) for one in connections
        ),
        following=following,
    )


def show_connected(connection: Connection) -> ConnectedApplication:
    """Show whoever asks one of his own applications."""
    return ConnectedApplication(client_id=connection.client_id, name=connection.application, **_times(connection))


def show_event(record: AuditRecord) -> ShownEvent:
    """Show a record of the audit log."""
    return ShownEvent(
        id=str(record.event_id),
        at=datetime.fromtimestamp(record.at / 1000, UTC).isoformat(timespec="milliseconds"),
        event=record.event.value,
        actor=record.actor,
        client_id=record.client_id,
        address=record.address,
        reference=record.reference,
        reason=record.reason,
    )


def moment(milliseconds: Milliseconds | None) -> str | None:
    """An instant as text, to the second."""
    return None if milliseconds is None else _text(milliseconds)


def _text(milliseconds: Milliseconds) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _secret(secret: ClientSecret) -> dict[str, Any]:
    return {
        "id": str(secret.secret_id),
        "mask": "*" * 16 + secret.last_four,
        "note": secret.note,
        "created": _text(secret.created_at),
        "last_used": moment(secret.last_used_at),
    }


_OFFERED = frozenset(OfferedApplication.__struct_fields__) - {"owner_domain", "owner_name", "installed"}
_SAME = frozenset(ShownApplication.__struct_fields__) - {"customer_id", "rotate_refresh_tokens", "created", "secrets"}


def _application(application: Application, now: Milliseconds) -> dict[str, Any]:
    secrets = application.secrets
    return {name: getattr(application, name) for name in _SAME} | {
        "rotate_refresh_tokens": application.rotates,
        "created": _text(application.created_at),
        "secrets": tuple(show_secret(secret, secrets, now) for secret in secrets),
    }


def _key(key: ApplicationKey) -> dict[str, Any]:
    return {
        "id": str(key.key_id),
        "user_id": key.user_id,
        "note": key.note,
        "bits": key.bits,
        "fingerprint": key.fingerprint,
        "created": _text(key.created_at),
        "last_used": moment(key.last_used_at),
    }


def _times(connection: Connection) -> dict[str, Any]:
    return {
        "since": _text(connection.since),
        "last_used": _text(connection.last_used_at),
        "last_token": moment(connection.last_token_at),
        "expires": moment(connection.expires_at),
    }
