"""A call of the admin API as its operations see it, and what they can answer."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct

from workgate.domain.accounts import Environment, User
from workgate.domain.ids import Clock
from workgate.domain.ports import ApplicationStore, UserStore
from workgate.ops.audit import AuditLog
from workgate.service.acting import Acting
from workgate.service.application_keys import ApplicationKeys
from workgate.service.applications import Registry
from workgate.service.audit_queries import AuditQueries
from workgate.service.central import CentralApplications
from workgate.service.connections import Connections
from workgate.service.descriptions import (
    ConnectedApplication,
    OfferedApplication,
    ShownApplication,
    ShownEvent,
    ShownKey,
    ShownSecret,
)
from workgate.service.federations import Federations
from workgate.service.identity_providers import IdentityProviders
from workgate.service.mailed_links import MailedLinks
from workgate.service.people import People
from workgate.service.second_steps import SecondSteps
from workgate.service.sign_in_rules import SignInAdministration

Q_co = TypeVar("Q_co", covariant=True)
B_co = TypeVar("B_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminServices:
    """What the operations ask."""

    registry: Registry
    keys: ApplicationKeys
    connections: Connections
    central: CentralApplications
    audit_queries: AuditQueries
    audit: AuditLog
    people: People
    sign_in: SignInAdministration
    mailed_links: MailedLinks
    second_steps: SecondSteps
    federations: Federations
    identity_providers: IdentityProviders
    applications: ApplicationStore
    users: UserStore
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q_co, B_co]):
    """Who calls, where, and with what.

    ``path`` holds the address's variable parts, already of their shape, ``origin`` scheme and host that were called.
    """

    environment: Environment
    user: User
    acting: Acting
    origin: str
    path: Mapping[str, str]
    query: Q_co
    body: B_co

    @property
    def client_id(self) -> str:
        """Which application the address names."""
        return self.path["client_id"]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to answer with."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Lines:
    """JSON lines to answer with, as they come."""

    chunks: AsyncIterator[bytes]


Answer = Struct | Picture | Lines | None


class ApplicationList(Struct, frozen=True, kw_only=True):
    """Some of the applications, oldest first; ``following`` asks for more."""

    applications: list[ShownApplication]
    following: str | None


class OfferedList(Struct, frozen=True, kw_only=True):
    """Some of the applications that other organisations offer, by client_id; ``following`` asks for more."""

    applications: list[OfferedApplication]
    following: str | None


class SecretList(Struct, frozen=True, kw_only=True):
    """Some of an application's client secrets, oldest first; ``following`` asks for more."""

    secrets: list[ShownSecret]
    following: str | None


class KeyList(Struct, frozen=True, kw_only=True):
    """Some of an application's public keys, oldest first; ``following`` asks for more."""

    keys: list[ShownKey]
    following: str | None


class ConnectedList(Struct, frozen=True, kw_only=True):
    """Some of the applications that may act for whoever asks, by client_id; ``following`` asks for more."""

    connections: list[ConnectedApplication]
    following: str | None


class EventList(Struct, frozen=True, kw_only=True):
    """Some records of the audit log, newest first; ``following`` asks for older ones, even after an empty page."""

    events: list[ShownEvent]
    following: str | None


def page_of(rows: Iterable[T], key: Callable[[T], str], *, after: str, limit: int) -> tuple[list[T], str | None]:
    """Cut a page out of a bounded list, by the order of its keys, which no row shares.

    Returns:
        The page, and the key that the next one begins after; None: there is none.
    """
    later = sorted((row for row in rows if key(row) > after), key=key)
    page = later[:limit]
    return page, key(page[-1]) if len(later) > limit else None


def row_place(row_id: str) -> str:
    """Where a row stands among others, as text that sorts as the numbers do."""
    return row_id.zfill(19)
