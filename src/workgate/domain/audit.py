"""What is recorded of what happened: a closed list of events with a closed list of fields."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from workgate.domain.ids import EnvironmentId, Milliseconds, RowId


class AuditEvent(StrEnum):
    """Everything that the audit log can say happened."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    ACCOUNT_LOCKED = "account_locked"
    SIGNED_OUT = "signed_out"
    SESSIONS_ENDED = "sessions_ended"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET = "password_reset"
    LINK_MAILED = "link_mailed"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    SECOND_FACTORS_RESET = "second_factors_reset"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    USER_CREATED = "user_created"
    USER_PROVISIONED = "user_provisioned"
    USER_CHANGED = "user_changed"
    USER_INVITED = "user_invited"
    SIGN_IN_RULES_CHANGED = "sign_in_rules_changed"
    PROVIDER_CREATED = "provider_created"
    PROVIDER_CHANGED = "provider_changed"
    PROVIDER_DELETED = "provider_deleted"
    PROVIDER_TESTED = "provider_tested"
    CONSENT_GIVEN = "consent_given"
    CONSENT_REFUSED = "consent_refused"
    AUTHORIZE_REFUSED = "authorize_refused"
    CODE_REDEEMED = "code_redeemed"
    CODE_REPLAYED = "code_replayed"
    TOKEN_REFRESHED = "token_refreshed"
    TOKEN_REPEATED = "token_repeated"
    REFRESH_REPLAYED = "refresh_replayed"
    TOKEN_REFUSED = "token_refused"
    TOKEN_REVOKED = "token_revoked"
    JWT_EXCHANGED = "jwt_exchanged"
    SESSION_ENDED = "session_ended"
    CONNECTION_WITHDRAWN = "connection_withdrawn"
    CONNECTION_WITHDRAWN_BY_ADMIN = "connection_withdrawn_by_admin"
    ADMINISTRATION_REFUSED = "administration_refused"
    APPLICATION_CREATED = "application_created"
    APPLICATION_CHANGED = "application_changed"
    APPLICATION_DELETED = "application_deleted"
    APPLICATION_INSTALLED = "application_installed"
    APPLICATION_UNINSTALLED = "application_uninstalled"
    SECRET_ADDED = "secret_added"
    SECRET_NOTED = "secret_noted"
    SECRET_DELETED = "secret_deleted"
    KEY_ADDED = "key_added"
    KEY_GENERATED = "key_generated"
    KEY_DELETED = "key_deleted"


class AuditNote(NamedTuple):
    """What a store needs besides what it knows, to write its own change on the audit log, in the same commit."""

    event_id: RowId
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One line of the audit log. ``reason`` is private; no field ever holds a secret.

    ``actor`` is a user ID, ``address`` the client's IP address, ``reference`` the short code that a
    refusal showed to the client.
    """

    environment_id: EnvironmentId
    event_id: RowId
    at: Milliseconds
    event: AuditEvent
    actor: str | None = None
    client_id: str | None = None
    address: str | None = None
    reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which records to give; what is None does not matter. ``since`` is included, ``until`` is not."""

    event: AuditEvent | None = None
    actor: str | None = None
    client_id: str | None = None
    address: str | None = None
    reference: str | None = None
    since: Milliseconds | None = None
    until: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some records, newest first. ``following`` is where the next page begins; None: there is none.

    A page can be short, or empty, and have a following one: a look goes through so many records at a time.
    """

    records: Sequence[AuditRecord]
    following: RowId | None
