"""The JWT exchange's use case: a machine-to-machine application opens a session for the user of one of its keys."""

from workgate.crypto.jwt import PresentedJwt, UnreadableJwt, read_jwt, signed_by
from workgate.crypto.tokens import SALT_BYTES, Mint, TokenKind
from workgate.domain.ids import Clock, Entropy, Milliseconds, RowIds
from workgate.domain.oauth import ApplicationKey, ApplicationType
from workgate.domain.ports import AlreadyExists, ApplicationKeyStore, ExchangeStore, SessionStore, UserStore
from workgate.oauth import jwt_exchange
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.tokens import TokenAnswer
from workgate.service.clients import Client, ClientDesk, ClientRequest, Refused

_TRIES = 3


class JwtExchange:
    """What the exchange endpoint gives to authenticated machines.

    Each exchange is an authorization of its own with one session: so connected applications show it, and it is
    withdrawn as every other.
    """

    def __init__(
        self,
        *,
        desk: ClientDesk,
        keys: ApplicationKeyStore,
        users: UserStore,
        exchanges: ExchangeStore,
        sessions: SessionStore,
        mint: Mint,
        ids: RowIds,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._desk = desk
        self._keys = keys
        self._users = users
        self._exchanges = exchanges
        self._sessions = sessions
        self._mint = mint
        self._ids = ids
        self._clock = clock
        self._entropy = entropy

    async def exchange(self, request: ClientRequest) -> TokenAnswer | Refused:
        """Answer an exchange request (contract §2.7).

        Raises:
            StoreUnavailable: nothing was used up.
        """
        credentials = self._desk.admit(request)
        if isinstance(credentials, Refusal):
            return self._desk.refused(request, credentials)
        client = await self._desk.authenticate(request, credentials, None)
        if isinstance(client, Refusal):
            return self._desk.refused(request, client)
        answer = await self._exchanged(client)
        return self._desk.refused(request, answer, client) if isinstance(answer, Refusal) else answer

    async def _exchanged(self, client: Client) -> TokenAnswer | Refusal:
        application, text = client.application, client.request.params.get("jwt_token")
        if application.type is not ApplicationType.MACHINE:
            return Refusal(fault=Fault.NOT_A_MACHINE, reason=f"a JWT of a {application.type.value} application")
        if text is None:
            return Refusal(fault=Fault.JWT_MISSING, reason="no jwt_token")
        try:
            jwt = read_jwt(text)
        except UnreadableJwt as error:
            return Refusal(fault=Fault.JWT_INVALID, reason=str(error))
        keys = await self._keys.keys(application.environment_id, application.client_id)
        key = next((key for key in keys if signed_by(jwt, key.public_key)), None)
        now = self._clock.now()
        decision = jwt_exchange.decide(
            claims=jwt.claims, key=key, customer_id=client.request.environment.customer_id, now=now
        )
        if isinstance(decision, Refusal):
            return decision
        if key is None:
            raise LookupError("a JWT that nobody signed was let through")
        return await self._open(client, key, jwt, decision.expires_at, now)

    async def _open(
        self, client: Client, key: ApplicationKey, jwt: PresentedJwt, expires_at: Milliseconds, now: Milliseconds
    ) -> TokenAnswer | Refusal:
        environment = client.request.environment
        user = await self._users.user(environment.environment_id, key.user_id)
        if user is None or not user.is_active:
            return Refusal(fault=Fault.JWT_INVALID, reason="the user of the key is disabled or gone")
        key_id, salt = self._mint.current_key(now), self._entropy(SALT_BYTES)
        for _ in range(_TRIES):
            row_id = self._ids.next(now)
            try:
                opened = await self._exchanges.exchange(
                    key,
                    row_id,
                    user=user,
                    digest=jwt.digest,
                    expires_at=expires_at,
                    salt=salt,
                    key_id=key_id,
                    now=now,
                    limits=environment.session_limits(now),
                    note=self._desk.note(client, now),
                )
            except AlreadyExists:
                continue
            if not opened:
                return Refusal(fault=Fault.JWT_INVALID, reason="it was used before")
            session = await self._sessions.session(environment.environment_id, row_id, 1)
            if session is None:
                raise LookupError("a session that was just opened cannot be read")
            token = self._mint.derive(
                TokenKind.SESSION,
                key_id=key_id,
                environment_id=environment.environment_id,
                row_id=row_id,
                generation=1,
                epoch=session.epoch,
                salt=salt,
            )
            return TokenAnswer(
                access_token=token,
                refresh_token=None,
                expires_in=min(environment.session_idle_seconds, environment.session_absolute_seconds),
                wid=user.user_id,
            )
        return Refusal(fault=Fault.UNAVAILABLE, reason=f"no new ID in {_TRIES} tries")
