"""The desk where every client request begins: who is asking, and how refusals and events are recorded."""

import msgspec

from workgate.crypto.tokens import Mint, TokenKind, read_token
from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent, AuditNote, AuditRecord
from workgate.domain.ids import Clock, Milliseconds, RowId
from workgate.domain.limits import FailureLimit
from workgate.domain.oauth import Application, Authorization
from workgate.domain.ports import ApplicationStore, AuthorizationStore
from workgate.oauth import client_auth
from workgate.oauth.client_auth import Credentials
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.params import Params
from workgate.ops.audit import AuditLog

_SECRET_SEEN_MILLISECONDS = 60_000
_MOST_NOTED = 100_000


class ClientRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a client to one of the OAuth endpoints, as the wire carried it."""

    environment: Environment
    params: Params
    authorization: str | None
    address: str

    def __repr__(self) -> str:
        """Leave parameters and credentials out of tracebacks and logs."""
        return f"ClientRequest({self.environment.domain}.{self.environment.lane}, from {self.address})"


class Client(msgspec.Struct, frozen=True):
    """An authenticated client with its request."""

    request: ClientRequest
    application: Application


class Refused(msgspec.Struct, frozen=True):
    """A refusal and the reference under which the audit log keeps its reason, unless it keeps none."""

    refusal: Refusal
    reference: str | None
    basic: bool


class ClientDesk:
    """Authenticates clients and keeps the record of what they did.

    Args:
        failures_per_client: refused requests a minute that one client may make from one address.
    """

    def __init__(
        self,
        *,
        applications: ApplicationStore,
        authorizations: AuthorizationStore,
        mint: Mint,
        clock: Clock,
        audit: AuditLog,
        failures_per_client: int,
    ) -> None:
        self._applications = applications
        self._authorizations = authorizations
        self._mint = mint
        self._clock = clock
        self._audit = audit
        self._noted: dict[RowId, Milliseconds] = {}
        self._failures = FailureLimit(failures_per_client)
        # A client that proved who it is may well present many tokens that have ended, after a key was retired say.
        self._failures_of_proved = FailureLimit(10 * failures_per_client)

    def admit(self, request: ClientRequest) -> Credentials | Refusal:
        """Read who says to be asking, unless that sender has failed too often."""
        credentials = client_auth.present(request.authorization, request.params)
        if isinstance(credentials, Refusal):
            return credentials
        now = self._clock.now()
        sender = (request.address, credentials.client_id)
        wait = self._failures.wait(sender, now) or self._failures_of_proved.wait(sender, now)
        if wait is not None:
            reason = f"more failures a minute than allowed from {request.address}"
            return Refusal(fault=Fault.TOO_MANY_FAILURES, reason=reason, retry_after=wait)
        return credentials

    async def authenticate(
        self, request: ClientRequest, credentials: Credentials, version: int | None
    ) -> Client | Refusal:
        """Find out whether it is that application. Raises ``StoreUnavailable``.

        Args:
            request: what was asked.
            credentials: as admitted.
            version: the environment's ``registry_version`` if the row that the request names has just told it.
        """
        application = await self._application(request.environment, credentials, version)
        found = client_auth.authenticate(application, credentials)
        if isinstance(found, Refusal):
            return found
        if found.secret_id is not None:
            await self._note_use(found.application, found.secret_id)
        return Client(request, found.application)

    async def authorization(self, environment: Environment, kind: TokenKind, text: str | None) -> Authorization | None:
        """Give the row that an authentic code or refresh token of this environment names."""
        token = None if text is None else read_token(kind, text)
        if token is None:
            return None
        environment_id = environment.environment_id
        found = await self._authorizations.authorization(environment_id, token.row_id)
        if found is None or not self._mint.verify(
            token, environment_id=environment_id, epoch=found.epoch, salt=found.salt
        ):
            return None
        return found

    async def revoke(
        self,
        client: Client,
        authorization: Authorization,
        reason: str,
        event: AuditEvent = AuditEvent.TOKEN_REVOKED,
    ) -> None:
        """End an authorization with all its sessions, and say why on the audit log."""
        await self._authorizations.revoke(
            authorization.environment_id,
            authorization.authorization_id,
            now=self._clock.now(),
            record=self.entry(client, event, authorization.user_id, reason),
        )

    def entry(self, client: Client, event: AuditEvent, actor: str, reason: str | None = None) -> AuditRecord:
        """Make the record of what this client is about to do."""
        return self._audit.entry(
            event,
            client.request.environment,
            actor=actor,
            client_id=client.application.client_id,
            address=client.request.address,
            reason=reason,
        )

    def note(self, client: Client, now: Milliseconds) -> AuditNote:
        """Make the note of what this client is about to do, which its store writes down."""
        return self._audit.note(now, client.request.address)

    def record(self, client: Client, event: AuditEvent, actor: str, reason: str | None = None) -> None:
        """Write down what this client did."""
        self._audit.record(self.entry(client, event, actor, reason))

    def refused(self, request: ClientRequest, refusal: Refusal, client: Client | None = None) -> Refused:
        """Record a refusal, count it against whoever proved nothing, and give the answer its reference."""
        if refusal.fault is Fault.TOO_MANY_FAILURES:
            # Those that led here are on record; these could fill the disk.
            return Refused(refusal, None, basic=request.authorization is not None)
        client_id = request.params.get("client_id")
        if request.authorization is not None:
            credentials = client_auth.present(request.authorization, request.params)
            client_id = credentials.client_id if isinstance(credentials, Credentials) else client_id
        proved = client is not None and not client.application.is_public
        limit = self._failures_of_proved if proved else self._failures
        limit.failed((request.address, client_id), self._clock.now())
        reference = self._audit.refuse(
            AuditEvent.TOKEN_REFUSED,
            request.environment,
            reason=refusal.reason,
            client_id=client_id[:32] if client_id else None,
            address=request.address,
        )
        return Refused(refusal, reference, basic=request.authorization is not None)

    async def _application(
        self, environment: Environment, credentials: Credentials, version: int | None
    ) -> Application | None:
        for client_id, _ in credentials.readings:
            found = await self._applications.application(environment.environment_id, client_id, version=version)
            if found is not None:
                return found
        return None

    async def _note_use(self, application: Application, secret_id: RowId) -> None:
        """Note that a secret was used, once a minute: what is remembered of it may be older than the last note."""
        now = self._clock.now()
        noted = self._noted.get(secret_id)
        if noted is not None and 0 <= now - noted < _SECRET_SEEN_MILLISECONDS:
            return
        if len(self._noted) >= _MOST_NOTED:
            self._noted.clear()
        self._noted[secret_id] = now
        await self._applications.secret_used(application.home_id, application.client_id, secret_id, now)
