"""How the commands about applications print what there is."""

from datetime import UTC, datetime
from typing import Any

from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import Application, ApplicationKey, ClientSecret, Connection, safe_to_delete


def described_application(application: Application, now: Milliseconds) -> dict[str, Any]:
    """An application with its secrets, but not their text."""
    secrets = application.secrets
    return {
        "client_id": application.client_id,
        "name": application.name,
        "type": application.type.value,
        "redirect_uris": list(application.redirect_uris),
        "rotate_refresh_tokens": application.rotates,
        "refresh_absolute_seconds": application.refresh_absolute_seconds,
        "refresh_inactivity_seconds": application.refresh_inactivity_seconds,
        "code_seconds": application.code_seconds,
        "consent": application.consent.value,
        "description": application.description,
        "description_url": application.description_url,
        "developer_name": application.developer_name,
        "developer_email": application.developer_email,
        "privacy_url": application.privacy_url,
        "has_logo": application.has_logo,
        "secrets": [
            described_secret(secret) | {"safe_to_delete": safe_to_delete(secret, secrets, now)} for secret in secrets
        ],
    }


def described_secret(secret: ClientSecret) -> dict[str, Any]:
    """A client secret, but not its text."""
    return {
        "id": str(secret.secret_id),
        "mask": "*" * 16 + secret.last_four,
        "note": secret.note,
        "created": moment(secret.created_at),
        "last_used": moment(secret.last_used_at),
    }


def described_key(key: ApplicationKey) -> dict[str, Any]:
    """A public key."""
    return {
        "id": str(key.key_id),
        "user_id": key.user_id,
        "note": key.note,
        "bits": key.bits,
        "fingerprint": key.fingerprint,
        "created": moment(key.created_at),
        "last_used": moment(key.last_used_at),
    }


def described_connection(connection: Connection) -> dict[str, Any]:
    """A user who connected an application."""
    return {
        "user_id": connection.user_id,
        "username": connection.username,
        "since": moment(connection.since),
        "last_used": moment(connection.last_used_at),
        "last_token": moment(connection.last_token_at),
        "expires": moment(connection.expires_at),
    }


def moment(milliseconds: Milliseconds | None) -> str | None:
    """An instant as text."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
