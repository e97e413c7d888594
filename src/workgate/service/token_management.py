"""What a client may ask about and do to its own tokens: revoke (RFC 7009) and introspect (RFC 7662)."""

from collections.abc import Mapping

from workgate.crypto.tokens import Mint, TokenKind, read_token
from workgate.domain.accounts import Session, why_dead
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Milliseconds
from workgate.domain.oauth import Authorization
from workgate.domain.ports import SessionStore
from workgate.oauth import refresh_grant
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.tokens import introspection_of_refresh_token, introspection_of_session
from workgate.service.clients import Client, ClientDesk, ClientRequest, Refused

Introspection = Mapping[str, str | int | bool]
_INACTIVE: Introspection = {"active": False}


class TokenManagement:
    """Revocation and introspection."""

    def __init__(
        self,
        *,
        desk: ClientDesk,
        sessions: SessionStore,
        mint: Mint,
        clock: Clock,
        policy: refresh_grant.RefreshPolicy,
        overlap_seconds: int,
    ) -> None:
        self._desk = desk
        self._sessions = sessions
        self._mint = mint
        self._clock = clock
        self._policy = policy
        self._overlap_seconds = overlap_seconds

    async def revoke(self, request: ClientRequest) -> Refused | None:
        """End a token of this client; None: done, or there was nothing to end (RFC 7009 §2.2).

        A refresh token ends its authorization with all sessions, an access token its own session.
        Raises ``StoreUnavailable``.
        """
        text = request.params.get("token") or request.params.get("refresh_token")
        asked = await self._asked(request, text)
        if isinstance(asked, Refused):
            return asked
        client, authorization, session = asked
        if authorization is not None and authorization.client_id == client.application.client_id:
            await self._desk.revoke(client, authorization, "refresh token revoked by its client")
        elif session is not None and await self._sessions.end_session(session):
            reason = "access token revoked by its client"
            self._desk.record(client, AuditEvent.TOKEN_REVOKED, session.user.user_id, reason)
        return None

    async def introspect(self, request: ClientRequest, issuer: str) -> Introspection | Refused:
        """Tell a confidential client about one of its own tokens. Raises ``StoreUnavailable``."""
        asked = await self._asked(request, request.params.get("token"), confidential=True)
        if isinstance(asked, Refused):
            return asked
        client, authorization, session = asked
        now = self._clock.now()
        if session is not None:
            if why_dead(session, now, self._overlap_seconds) is not None:
                return _INACTIVE
            return introspection_of_session(session, issuer=issuer, now=now)
        return self._introspection_of_refresh_token(client, authorization, issuer, now)

    async def _asked(
        self, request: ClientRequest, text: str | None, *, confidential: bool = False
    ) -> tuple[Client, Authorization | None, Session | None] | Refused:
        """Who asks, and the row that an authentic refresh token names or the client's own session, alive or not."""
        credentials = self._desk.admit(request)
        if isinstance(credentials, Refusal):
            return self._desk.refused(request, credentials)
        authorization = await self._desk.authorization(request.environment, TokenKind.REFRESH, text)
        session = None if text is None else await self._session(request, text)
        row = authorization or session
        client = await self._desk.authenticate(request, credentials, row.registry_version if row else None)
        if isinstance(client, Refusal):
            return self._desk.refused(request, client)
        if confidential and client.application.is_public:
            reason = "introspection by a public client"
            return self._desk.refused(request, Refusal(fault=Fault.CLIENT_AUTHENTICATION, reason=reason), client)
        if text is None:
            return self._desk.refused(request, Refusal(fault=Fault.TOKEN_MISSING, reason="no token"), client)
        if session is not None and session.client_id != client.application.client_id:
            session = None
        return client, authorization, session

    def _introspection_of_refresh_token(
        self, client: Client, authorization: Authorization | None, issuer: str, now: Milliseconds
    ) -> Introspection:
        token = read_token(TokenKind.REFRESH, client.request.params.get("token") or "")
        if authorization is None or token is None:
            return _INACTIVE
        decision = refresh_grant.decide(
            authorization=authorization,
            application=client.application,
            generation=token.generation,
            now=now,
            policy=self._policy,
        )
        if not isinstance(decision, refresh_grant.Rotate | refresh_grant.Renew):
            return _INACTIVE
        return introspection_of_refresh_token(
            authorization,
            issuer=issuer,
            expires_at=refresh_grant.expires_at(authorization, client.application),
        )

    async def _session(self, request: ClientRequest, text: str) -> Session | None:
        """The session that an authentic access token names, alive or not."""
        token = read_token(TokenKind.SESSION, text)
        if token is None:
            return None
        environment_id = request.environment.environment_id
        session = await self._sessions.session(environment_id, token.row_id, token.generation)
        if session is None:
            return None
        authentic = self._mint.verify(token, environment_id=environment_id, epoch=session.epoch, salt=session.salt)
        return session if authentic else None
