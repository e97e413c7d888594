"""The authorize endpoint's use cases: what happens to an authorization request, and to the user's decision.

The consent form carries a signed ticket with the whole request and the row ID that the authorization will
get. Recording the consent inserts that row, so a ticket gives at most one code however often it is posted.
"""

from dataclasses import dataclass, field

import msgspec

from workgate.crypto.tickets import issue_ticket, open_ticket
from workgate.crypto.tokens import SALT_BYTES, Mint, TokenKind
from workgate.domain.accounts import Environment, Session
from workgate.domain.audit import AuditEvent, AuditRecord
from workgate.domain.ids import Clock, Entropy, Milliseconds, RowId, RowIds
from workgate.domain.oauth import Application, ConsentPolicy
from workgate.domain.ports import ApplicationStore, AuthorizationStore
from workgate.oauth.authorization import AuthorizationRequest, SendError, ShowError, read_request
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.params import AUTHORIZE_PARAMETERS, Params, from_form
from workgate.oauth.redirects import SafeRedirect, match_redirect
from workgate.ops.audit import AuditLog

CONSENT_SECONDS = 1800
_PURPOSE = b"consent"


class _Ticket(msgspec.Struct, array_like=True, frozen=True):
    authorization_id: int
    client_id: str
    redirect_uri: str
    state: str | None
    code_challenge: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A browser at the authorize endpoint: where, who if signed in, and from which address."""

    environment: Environment
    issuer: str
    session: Session | None
    address: str


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Show the user what is wrong; nothing is sent to anybody."""

    refusal: Refusal
    reference: str | None


@dataclass(frozen=True, slots=True)
class SendBack:
    """Redirect the browser to the client: with a code, or with an error."""

    location: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskToSignIn:
    """Nobody is signed in: the sign-in page comes first, for this application."""

    application: Application


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Put the request before the user."""

    application: Application
    redirect: SafeRedirect
    session: Session
    ticket: str


@dataclass(frozen=True, slots=True)
class NothingToDecide:
    """The posted decision is forged, too old, somebody else's, or was made before. It did nothing."""

    reference: str | None


class AuthorizeService:
    """From the authorization request to the code."""

    def __init__(
        self,
        *,
        applications: ApplicationStore,
        authorizations: AuthorizationStore,
        mint: Mint,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
        audit: AuditLog,
    ) -> None:
        self._applications = applications
        self._authorizations = authorizations
        self._mint = mint
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._audit = audit

    async def request(self, visit: Visit, query: bytes) -> ErrorPage | SendBack | AskToSignIn | AskConsent:
        """Decide what becomes of an authorization request (RFC 6749 §4.1.1).

        Args:
            visit: the browser.
            query: the raw query of the address.

        Raises:
            StoreUnavailable: nothing was recorded.
        """
        params = from_form(query, AUTHORIZE_PARAMETERS)
        if isinstance(params, Refusal):
            return await self._malformed(visit, query, params)
        outcome = read_request(params, await self._application(visit, params))
        match outcome:
            case ShowError(refusal):
                return ErrorPage(refusal, self._refused(visit, refusal, params.get("client_id")))
            case SendError(refusal, redirect, state):
                reference = self._refused(visit, refusal, params.get("client_id"))
                return self._send_error(visit, redirect, refusal.fault, state, reference)
            case AuthorizationRequest():
                return await self._valid(visit, outcome)

    async def decide(self, visit: Visit, *, ticket: str, allow: bool) -> SendBack | ErrorPage | NothingToDecide:
        """Carry out what the user decided on the consent page.

        Raises:
            StoreUnavailable: nothing was recorded.
        """
        now = self._clock.now()
        session = visit.session
        payload = (
            open_ticket(
                self._mint,
                ticket,
                purpose=_PURPOSE,
                binding=session.binding,
                now=now,
                seconds=CONSENT_SECONDS,
            )
            if session is not None
            else None
        )
        if payload is None or session is None:
            return self._nothing(visit, "a consent form that is forged, too old or of another session")
        asked = msgspec.json.decode(payload, type=_Ticket)
        application = await self._applications.application(visit.environment.environment_id, asked.client_id)
        redirect = _registered(asked.redirect_uri, application)
        if application is None or redirect is None:
            refusal = Refusal(fault=Fault.UNKNOWN_CLIENT, reason="the application changed or went during consent")
            return ErrorPage(refusal, self._refused(visit, refusal, asked.client_id))
        if not allow:
            self._audit.record(self._entry(visit, session, application, AuditEvent.CONSENT_REFUSED))
            return self._send_error(visit, redirect, Fault.ACCESS_DENIED, asked.state, None)
        request = AuthorizationRequest(
            application=application, redirect=redirect, state=asked.state, code_challenge=asked.code_challenge
        )
        location = await self._grant(visit, session, request, RowId(asked.authorization_id), now)
        if location is None:
            return self._nothing(visit, "this consent was given before")
        return SendBack(location)

    async def _valid(self, visit: Visit, request: AuthorizationRequest) -> SendBack | AskToSignIn | AskConsent:
        if visit.session is None:
            return AskToSignIn(request.application)
        now = self._clock.now()
        row_id = self._ids.next(now)
        if request.application.consent is ConsentPolicy.NEVER:
            location = await self._grant(visit, visit.session, request, row_id, now)
            if location is not None:
                return SendBack(location)
        asked = _Ticket(
            row_id,
            request.application.client_id,
            request.redirect.uri,
            request.state,
            request.code_challenge,
        )
        ticket = issue_ticket(
            self._mint,
            purpose=_PURPOSE,
            binding=visit.session.binding,
            payload=msgspec.json.encode(asked),
            now=now,
        )
        return AskConsent(request.application, request.redirect, visit.session, ticket)

    async def _grant(
        self,
        visit: Visit,
        session: Session,
        request: AuthorizationRequest,
        row_id: RowId,
        now: Milliseconds,
    ) -> str | None:
        """Record the consent; the address to redirect to, or None if it was recorded before."""
        environment, application = visit.environment, request.application
        salt, key_id = self._entropy(SALT_BYTES), self._mint.current_key(now)
        if not await self._authorizations.begin(
            environment.environment_id,
            row_id,
            client_id=application.client_id,
            user_id=session.user.user_id,
            redirect_uri=request.redirect.uri,
            code_challenge=request.code_challenge,
            salt=salt,
            key_id=key_id,
            now=now,
            code_expires_at=Milliseconds(now + application.code_seconds * 1000),
            note=self._audit.note(now, visit.address),
        ):
            return None
        code = self._mint.derive(
            TokenKind.CODE,
            key_id=key_id,
            environment_id=environment.environment_id,
            row_id=row_id,
            generation=0,
            epoch=session.epoch,
            salt=salt,
        )
        # Contract §2.3; ``iss`` by RFC 9207.
        where = {"domain": environment.domain, "lane": environment.lane, "iss": visit.issuer}
        return request.redirect.with_query({"code": code.reveal(), "state": request.state, **where})

    async def _application(self, visit: Visit, params: Params) -> Application | None:
        client_id = params.get("client_id")
        if client_id is None:
            return None
        return await self._applications.application(visit.environment.environment_id, client_id)

    async def _malformed(self, visit: Visit, query: bytes, refusal: Refusal) -> ErrorPage | SendBack:
        """Send the fault back if client and redirect_uri are good in spite of it."""
        target = from_form(query, frozenset({"client_id", "redirect_uri"}))
        client_id = None
        if not isinstance(target, Refusal) and {"client_id", "redirect_uri"} <= target.keys():
            client_id = target["client_id"]
            application = await self._application(visit, target)
            redirect = _registered(target["redirect_uri"], application)
            if redirect is not None:
                state = from_form(query, frozenset({"state"}))
                reference = self._refused(visit, refusal, client_id)
                known_state = None if isinstance(state, Refusal) else state.get("state")
                return self._send_error(visit, redirect, refusal.fault, known_state, reference)
        return ErrorPage(refusal, self._refused(visit, refusal, client_id))

    def _send_error(
        self, visit: Visit, redirect: SafeRedirect, fault: Fault, state: str | None, reference: str | None
    ) -> SendBack:
        return SendBack(error_location(redirect, fault, state, reference, issuer=visit.issuer))

    def _nothing(self, visit: Visit, reason: str) -> NothingToDecide:
        refusal = Refusal(fault=Fault.ACCESS_DENIED, reason=reason)
        return NothingToDecide(self._refused(visit, refusal, None))

    def _refused(self, visit: Visit, refusal: Refusal, client_id: str | None) -> str | None:
        return self._audit.refuse(
            AuditEvent.AUTHORIZE_REFUSED,
            visit.environment,
            reason=refusal.reason,
            actor=visit.session.user.user_id if visit.session else None,
            client_id=client_id[:32] if client_id else None,
            address=visit.address,
        )

    def _entry(self, visit: Visit, session: Session, application: Application, event: AuditEvent) -> AuditRecord:
        return self._audit.entry(
            event,
            visit.environment,
            actor=session.user.user_id,
            client_id=application.client_id,
            address=visit.address,
        )


def error_location(
    redirect: SafeRedirect, fault: Fault, state: str | None, reference: str | None, *, issuer: str
) -> str:
    """Where an error is sent back to (RFC 6749 §4.1.2.1, RFC 9207)."""
    description = fault.description if reference is None else f"{fault.description} Reference {reference}."
    return redirect.with_query({"error": fault.code, "error_description": description, "state": state, "iss": issuer})


def _registered(redirect_uri: str, application: Application | None) -> SafeRedirect | None:
    if application is None:
        return None
    return match_redirect(redirect_uri, application.redirect_uris, public_client=application.is_public)
