"""The token answer (RFC 6749 §5.1, contract §2.4) and the introspection answer (RFC 7662 §2.2)."""

import msgspec

from workgate.crypto.tokens import TokenValue
from workgate.domain.accounts import Session
from workgate.domain.ids import Milliseconds, ObjectId
from workgate.domain.oauth import Authorization

TOKEN_TYPE = "sessionID"
"""The documented ``token_type``; connectors use it as the name of the API's header."""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A pair for the application, or an access token alone. ``expires_in`` is in whole seconds and positive."""

    access_token: TokenValue
    refresh_token: TokenValue | None
    expires_in: int
    wid: ObjectId

    def payload(self) -> dict[str, str | int]:
        """Give the answer's JSON object; ``wid`` is the user's ID."""
        refresh = {} if self.refresh_token is None else {"refresh_token": self.refresh_token.reveal()}
        return {
            "token_type": TOKEN_TYPE,
            "access_token": self.access_token.reveal(),
            **refresh,
            "expires_in": self.expires_in,
            "wid": self.wid,
        }


def introspection_of_session(session: Session, *, issuer: str, now: Milliseconds) -> dict[str, str | int | bool]:
    """Describe a live access token to the client that it belongs to; times are in seconds."""
    return {
        "active": True,
        "client_id": str(session.client_id),
        "username": session.user.username,
        "sub": session.user.user_id,
        "wid": session.user.user_id,
        "token_type": TOKEN_TYPE,
        "iat": session.opened_at // 1000,
        "exp": now // 1000 + session.seconds_left(now),
        "iss": issuer,
    }


def introspection_of_refresh_token(
    authorization: Authorization, *, issuer: str, expires_at: Milliseconds | None
) -> dict[str, str | int | bool]:
    """Describe a live refresh token to its client; ``exp`` is there only if it expires."""
    answer: dict[str, str | int | bool] = {
        "active": True,
        "client_id": authorization.client_id,
        "username": authorization.username,
        "sub": authorization.user_id,
        "wid": authorization.user_id,
        "token_type": "refresh_token",
        "iat": authorization.consented_at // 1000,
        "iss": issuer,
    }
    if expires_at is not None:
        answer["exp"] = expires_at // 1000
    return answer
