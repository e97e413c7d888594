"""The authorization code grant (RFC 6749 §4.1.3): may this client redeem this code now?"""

from dataclasses import dataclass

from workgate.domain.ids import Milliseconds
from workgate.domain.oauth import Application, Authorization, AuthorizationStatus
from workgate.oauth import pkce
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.params import Params
from workgate.oauth.redirects import describe_mismatch


@dataclass(frozen=True, slots=True)
class Redeem:
    """Everything was verified: consume the code and issue, in one transaction."""


@dataclass(frozen=True, slots=True)
class CodeReplay:
    """The right client presented a code for the second time: revoke what the first gave (RFC 6749 §4.1.2)."""

    refusal: Refusal


def decide(
    *, authorization: Authorization, application: Application, params: Params, now: Milliseconds
) -> Redeem | CodeReplay | Refusal:
    """Decide over an authentic code.

    Args:
        authorization: the row that the code names, its MAC verified.
        application: the authenticated client.
        params: the token request.
        now: the present instant.
    """
    if authorization.client_id != application.client_id:
        return _refuse(f"the code belongs to client {authorization.client_id}")
    # RFC 6749 §4.1.3: the same redirect_uri as in the authorization request.
    if params.get("redirect_uri") != authorization.redirect_uri:
        came = params.get("redirect_uri")
        if came is None:
            return _refuse(f"no redirect_uri, the request had {authorization.redirect_uri!r}")
        return _refuse("redirect_uri of the request: " + describe_mismatch(came, [authorization.redirect_uri]))
    refusal = _verifier_refusal(params.get("code_verifier"), authorization.code_challenge)
    if refusal is not None:
        return refusal
    if authorization.status is not AuthorizationStatus.PENDING:
        return CodeReplay(
            Refusal(fault=Fault.CODE_INVALID, reason=f"code replayed, it is {authorization.status.name.lower()}")
        )
    if now >= authorization.code_expires_at:
        return _refuse(f"code expired {(now - authorization.code_expires_at) / 1000:.0f} s ago")
    if not authorization.user_active:
        return _refuse("the user is disabled")
    return Redeem()


def _verifier_refusal(code_verifier: str | None, code_challenge: str | None) -> Refusal | None:
    if code_challenge is None:
        # RFC 9700 §2.1.1: a verifier without a challenge is a downgrade.
        return None if code_verifier is None else _refuse("a code_verifier, but the request had no code_challenge")
    if code_verifier is None:
        return _refuse("no code_verifier, but the request had a code_challenge")
    if not pkce.valid_verifier(code_verifier):
        return Refusal(fault=Fault.VERIFIER_MALFORMED, reason="the code_verifier is malformed")
    if not pkce.verify(code_verifier=code_verifier, code_challenge=code_challenge):
        return _refuse("the code_verifier does not match the code_challenge")
    return None


def _refuse(reason: str) -> Refusal:
    return Refusal(fault=Fault.CODE_INVALID, reason=reason)
