"""The central host's use cases: what becomes of an authorization request that names no organisation yet.

The request is checked here against the application itself; then it goes on, as it is, at the organisation that the user
names. Whether there is no such organisation or it has not installed the application is the same answer: who has
installed what is nobody's business, and an organisation's existence shows at its own address anyway.
"""

from dataclasses import dataclass

from workgate.domain.audit import AuditEvent
from workgate.domain.central import CentralApplication, CentralStore
from workgate.domain.hosts import CentralHost, organisation_named
from workgate.domain.ids import Clock
from workgate.domain.limits import FailureLimit
from workgate.domain.oauth import Application
from workgate.domain.ports import EnvironmentStore
from workgate.oauth.authorization import AuthorizationRequest, SendError, ShowError, read_request
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.metadata import AUTHORIZE_PATH
from workgate.oauth.params import AUTHORIZE_PARAMETERS, from_form
from workgate.oauth.redirects import SafeRedirect
from workgate.ops.audit import AuditLog
from workgate.service.authorize import ErrorPage, SendBack, error_location


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralVisit:
    """A browser at a central host. ``issuer`` is the host's own address, ``address`` the browser's."""

    host: CentralHost
    issuer: str
    address: str


@dataclass(frozen=True, slots=True)
class AskOrganisation:
    """Ask the user for the organisation, on behalf of this application."""

    application: Application
    redirect: SafeRedirect


@dataclass(frozen=True, slots=True)
class GoOn:
    """The same request goes on at the organisation's own host."""

    domain: str
    location: str


@dataclass(frozen=True, slots=True)
class NoSuchOrganisation:
    """There is no such organisation, or it has not installed the application: nobody is told which."""

    asked: AskOrganisation


@dataclass(frozen=True, slots=True)
class TooManyTries:
    """Too many names that were none: wait so many seconds."""

    asked: AskOrganisation
    retry_after: int


class CentralHostService:
    """From an authorization request at the central host to the organisation's.

    Args:
        tries_per_address: how many names that are none may come from one address within a minute.
    """

    def __init__(
        self,
        *,
        central: CentralStore,
        environments: EnvironmentStore,
        clock: Clock,
        audit: AuditLog,
        base_domains: tuple[str, ...],
        tries_per_address: int,
    ) -> None:
        self._central = central
        self._environments = environments
        self._clock = clock
        self._audit = audit
        self._base_domains = base_domains
        self._tries = FailureLimit(tries_per_address)

    async def application(self, visit: CentralVisit, client_id: str) -> Application | None:
        """Give the application that every organisation of the lane may install; None: it is none."""
        found = await self._central.in_lane(visit.host.lane, client_id)
        return None if found is None else found.application

    async def request(self, visit: CentralVisit, query: str) -> ErrorPage | SendBack | AskOrganisation:
        """Decide what becomes of an authorization request (RFC 6749 §4.1.1).

        Args:
            visit: the browser.
            query: of the address, percent-encoded.

        Raises:
            StoreUnavailable: nothing was recorded.
        """
        params = from_form(query.encode(), AUTHORIZE_PARAMETERS)
        if isinstance(params, Refusal):
            return ErrorPage(params, None)
        found = await self._central.in_lane(visit.host.lane, params.get("client_id", ""))
        match read_request(params, None if found is None else found.application):
            case AuthorizationRequest(application=application, redirect=redirect):
                return AskOrganisation(application, redirect)
            case SendError(refusal, redirect, state):
                reference = await self._refused(visit, refusal, found)
                return SendBack(error_location(redirect, refusal.fault, state, reference, issuer=visit.issuer))
            case ShowError(refusal):
                if refusal.fault is Fault.UNKNOWN_CLIENT:
                    refusal = Refusal(fault=Fault.NOT_CENTRAL, reason=refusal.reason)
                return ErrorPage(refusal, await self._refused(visit, refusal, found))

    async def choose(
        self, visit: CentralVisit, query: str, typed: str
    ) -> ErrorPage | SendBack | GoOn | NoSuchOrganisation | TooManyTries:
        """Lead a request on to the organisation that the user named.

        Raises:
            StoreUnavailable: nothing was recorded.
        """
        asked = await self.request(visit, query)
        if not isinstance(asked, AskOrganisation):
            return asked
        now = self._clock.now()
        wait = self._tries.wait(visit.address, now)
        if wait is not None:
            return TooManyTries(asked, wait)
        lane, client_id = visit.host.lane, asked.application.client_id
        domain = organisation_named(typed, lane, self._base_domains)
        # Asked for what cannot be a name, too, so that the time tells nothing either.
        if not await self._central.serves(domain or "", lane, client_id) or domain is None:
            self._tries.failed(visit.address, now)
            return NoSuchOrganisation(asked)
        scheme = visit.issuer.partition("://")[0]
        return GoOn(domain, f"{scheme}://{visit.host.host_of(domain)}{AUTHORIZE_PATH}?{query}")

    async def _refused(self, visit: CentralVisit, refusal: Refusal, found: CentralApplication | None) -> str | None:
        """Put a refusal on the owner's audit log; of a request that names no application nobody has one."""
        if found is None:
            return None
        owner = await self._environments.environment(found.owner_domain, visit.host.lane)
        if owner is None:
            return None
        return self._audit.refuse(
            AuditEvent.AUTHORIZE_REFUSED,
            owner,
            reason=f"at the central host: {refusal.reason}",
            client_id=found.application.client_id,
            address=visit.address,
        )
