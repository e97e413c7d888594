"""The token endpoint's use cases: redeem a code, refresh.

Everything is verified first; then one conditional write consumes and issues. A refusal burns nothing.
"""

from collections.abc import Awaitable
from typing import TypeVar, assert_never

from workgate.crypto.tokens import Mint, PresentedToken, TokenKind, TokenValue, read_token
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import Clock, Milliseconds
from workgate.domain.oauth import ApplicationType, Authorization
from workgate.domain.ports import AlreadyExists, AuthorizationStore
from workgate.oauth import code_grant, refresh_grant
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.tokens import TokenAnswer
from workgate.service.clients import Client, ClientDesk, ClientRequest, Refused

_TRIES = 5

T = TypeVar("T")


class TokenService:
    """What the token endpoint gives to authenticated clients."""

    def __init__(
        self,
        *,
        desk: ClientDesk,
        authorizations: AuthorizationStore,
        mint: Mint,
        clock: Clock,
        policy: refresh_grant.RefreshPolicy,
    ) -> None:
        self._desk = desk
        self._authorizations = authorizations
        self._mint = mint
        self._clock = clock
        self._policy = policy

    async def exchange(self, request: ClientRequest) -> TokenAnswer | Refused:
        """Answer a token request (RFC 6749 §4.1.3 and §6).

        Raises:
            StoreUnavailable: nothing was consumed.
        """
        credentials = self._desk.admit(request)
        if isinstance(credentials, Refusal):
            return self._desk.refused(request, credentials)
        # The row is read first: it tells whether what is remembered of the application still holds.
        named = await self._named(request)
        client = await self._desk.authenticate(request, credentials, named.registry_version if named else None)
        if isinstance(client, Refusal):
            return self._desk.refused(request, client)
        answer = await self._granted(client, named)
        return self._desk.refused(request, answer, client) if isinstance(answer, Refusal) else answer

    async def _named(self, request: ClientRequest) -> Authorization | None:
        """The row that the request's code or refresh token names, if that is authentic."""
        params = request.params
        match params.get("grant_type"):
            case "authorization_code":
                return await self._desk.authorization(request.environment, TokenKind.CODE, params.get("code"))
            case "refresh_token":
                token = params.get("refresh_token")
                return await self._desk.authorization(request.environment, TokenKind.REFRESH, token)
        return None

    async def _granted(self, client: Client, named: Authorization | None) -> TokenAnswer | Refusal:
        grant_type = client.request.params.get("grant_type")
        if client.application.type is ApplicationType.MACHINE:
            return Refusal(fault=Fault.MACHINE_APPLICATION, reason=f"a machine application with {grant_type}")
        if grant_type == "authorization_code":
            return await self._redeem(client, named)
        if grant_type == "refresh_token":
            return await self._refresh(client, named)
        if grant_type is None:
            return Refusal(fault=Fault.GRANT_TYPE_MISSING, reason="no grant_type")
        return Refusal(fault=Fault.GRANT_TYPE, reason=f"grant_type {grant_type[:60]!r}")

    async def _redeem(self, client: Client, authorization: Authorization | None) -> TokenAnswer | Refusal:
        if client.request.params.get("code") is None:
            return Refusal(fault=Fault.CODE_MISSING, reason="no code")
        for _ in range(_TRIES):
            if authorization is None:
                return Refusal(fault=Fault.CODE_INVALID, reason="unknown, forged or cleaned-up code")
            now = self._clock.now()
            match code_grant.decide(
                authorization=authorization,
                application=client.application,
                params=client.request.params,
                now=now,
            ):
                case Refusal() as refusal:
                    return refusal
                case code_grant.CodeReplay(refusal):
                    await self._desk.revoke(client, authorization, refusal.reason, AuditEvent.CODE_REPLAYED)
                    return refusal
                case code_grant.Redeem():
                    key_id = self._mint.current_key(now)
                    change = self._authorizations.redeem(
                        authorization,
                        key_id=key_id,
                        now=now,
                        limits=client.request.environment.session_limits(now),
                        note=self._desk.note(client, now),
                    )
                    if await _made(change):
                        return self._pair(client, authorization, key_id=key_id, generation=1, sequence=1)
                case unreachable:
                    assert_never(unreachable)
            authorization = await self._named(client.request)
        return Refusal(fault=Fault.UNAVAILABLE, reason=f"the code changed {_TRIES} times while it was looked at")

    async def _refresh(self, client: Client, authorization: Authorization | None) -> TokenAnswer | Refusal:
        text = client.request.params.get("refresh_token")
        token = None if text is None else read_token(TokenKind.REFRESH, text)
        if text is None:
            return Refusal(fault=Fault.REFRESH_TOKEN_MISSING, reason="no refresh_token")
        for _ in range(_TRIES):
            if authorization is None or token is None:
                return Refusal(fault=Fault.REFRESH_TOKEN_INVALID, reason="unknown, forged or cleaned-up refresh token")
            answer = await self._try_refresh(client, authorization, token)
            if answer is not None:
                return answer
            authorization = await self._named(client.request)
        return Refusal(fault=Fault.UNAVAILABLE, reason=f"the row changed {_TRIES} times while it was looked at")

    async def _try_refresh(
        self, client: Client, authorization: Authorization, token: PresentedToken
    ) -> TokenAnswer | Refusal | None:
        """One attempt; None when the row changed under it and must be read again."""
        now = self._clock.now()
        match refresh_grant.decide(
            authorization=authorization,
            application=client.application,
            generation=token.generation,
            now=now,
            policy=self._policy,
        ):
            case Refusal() as refusal:
                return refusal
            case refresh_grant.RefreshReplay(refusal):
                await self._desk.revoke(client, authorization, refusal.reason, AuditEvent.REFRESH_REPLAYED)
                return refusal
            case refresh_grant.Repeat():
                self._desk.record(client, AuditEvent.TOKEN_REPEATED, authorization.user_id)
                return self._pair(
                    client,
                    authorization,
                    key_id=authorization.key_id,
                    generation=authorization.generation,
                    sequence=authorization.session_sequence,
                )
            case refresh_grant.Rotate():
                return await self._rotate(client, authorization, now)
            case refresh_grant.Renew():
                return await self._renew(client, authorization, now)
            case unreachable:
                assert_never(unreachable)

    async def _rotate(self, client: Client, authorization: Authorization, now: Milliseconds) -> TokenAnswer | None:
        key_id = self._mint.current_key(now)
        consented_after, active_after = refresh_grant.still_valid_after(client.application, now)
        change = self._authorizations.rotate(
            authorization,
            key_id=key_id,
            now=now,
            consented_after=consented_after,
            active_after=active_after,
            limits=client.request.environment.session_limits(now),
            note=self._desk.note(client, now),
        )
        if not await _made(change):
            return None
        return self._pair(
            client,
            authorization,
            key_id=key_id,
            generation=authorization.generation + 1,
            sequence=authorization.session_sequence + 1,
        )

    async def _renew(self, client: Client, authorization: Authorization, now: Milliseconds) -> TokenAnswer | None:
        consented_after, active_after = refresh_grant.still_valid_after(client.application, now)
        change = self._authorizations.renew(
            authorization,
            now=now,
            consented_after=consented_after,
            active_after=active_after,
            limits=client.request.environment.session_limits(now),
            note=self._desk.note(client, now),
        )
        sequence = await _made(change)
        if sequence is None:
            return None
        # The same generation: the refresh token stays the same, until the key ring has a newer key.
        return self._pair(
            client,
            authorization,
            key_id=self._mint.current_key(now),
            generation=authorization.generation,
            sequence=sequence,
        )

    def _pair(
        self, client: Client, authorization: Authorization, *, key_id: int, generation: int, sequence: int
    ) -> TokenAnswer:
        def derive(kind: TokenKind, count: int) -> TokenValue:
            return self._mint.derive(
                kind,
                key_id=key_id,
                environment_id=authorization.environment_id,
                row_id=authorization.authorization_id,
                generation=count,
                epoch=authorization.epoch,
                salt=authorization.salt,
            )

        environment = client.request.environment
        return TokenAnswer(
            access_token=derive(TokenKind.SESSION, sequence),
            refresh_token=derive(TokenKind.REFRESH, generation),
            expires_in=min(environment.session_idle_seconds, environment.session_absolute_seconds),
            wid=authorization.user_id,
        )


async def _made(change: Awaitable[T]) -> T | None:
    """What came of a change; None, as if its row had changed, where another process made the same ID for its record."""
    try:
        return await change
    except AlreadyExists:
        return None
