"""The authorization request (RFC 6749 §4.1.1): an ordered table of one-rule checks.

Faults found before the client and its redirect_uri are known good are shown to the user; faults found
after that are sent back to the client.
"""

from collections.abc import Callable
from dataclasses import dataclass

from workgate.domain.oauth import Application, ApplicationType
from workgate.oauth import pkce
from workgate.oauth.errors import Fault, Refusal
from workgate.oauth.params import Params
from workgate.oauth.redirects import SafeRedirect, describe_mismatch, match_redirect


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request that may be put before the user."""

    application: Application
    redirect: SafeRedirect
    state: str | None
    code_challenge: str | None


@dataclass(frozen=True, slots=True)
class ShowError:
    """The request is refused on a page of our own: there is no redirect_uri that could be trusted."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class SendError:
    """The request is refused by redirecting to the client with ``error`` (RFC 6749 §4.1.2.1)."""

    refusal: Refusal
    redirect: SafeRedirect
    state: str | None


def read_request(params: Params, application: Application | None) -> AuthorizationRequest | ShowError | SendError:
    """Check an authorization request.

    Args:
        params: the query's known parameters.
        application: the one that ``client_id`` names, or None.
    """
    if "client_id" not in params:
        return ShowError(Refusal(fault=Fault.CLIENT_ID_MISSING, reason="no client_id"))
    if application is None:
        return ShowError(Refusal(fault=Fault.UNKNOWN_CLIENT, reason="no application has this client_id"))
    if application.type is ApplicationType.MACHINE:
        return ShowError(Refusal(fault=Fault.MACHINE_APPLICATION, reason="a machine application at the authorize page"))
    if "redirect_uri" not in params:
        return ShowError(Refusal(fault=Fault.REDIRECT_URI_MISSING, reason="no redirect_uri"))
    redirect = match_redirect(params["redirect_uri"], application.redirect_uris, public_client=application.is_public)
    if redirect is None:
        reason = describe_mismatch(params["redirect_uri"], application.redirect_uris)
        return ShowError(Refusal(fault=Fault.REDIRECT_URI_MISMATCH, reason=reason))
    # From here on client and redirect_uri are known good: faults go back to the client.
    state = params.get("state")
    for check in _CHECKS:
        refusal = check(params, application)
        if refusal is not None:
            return SendError(refusal, redirect, state)
    return AuthorizationRequest(
        application=application, redirect=redirect, state=state, code_challenge=params.get("code_challenge")
    )


def _response_type(params: Params, application: Application) -> Refusal | None:
    del application
    match params.get("response_type"):
        case "code":
            return None
        case None:
            return Refusal(fault=Fault.RESPONSE_TYPE_MISSING, reason="no response_type")
        case other:
            return Refusal(fault=Fault.RESPONSE_TYPE, reason=f"response_type {other[:40]!r}")


def _challenge_present(params: Params, application: Application) -> Refusal | None:
    # RFC 9700 §2.1.1: public clients must use PKCE.
    if application.is_public and "code_challenge" not in params:
        return Refusal(fault=Fault.CHALLENGE_MISSING, reason="a public client without code_challenge")
    if "code_challenge_method" in params and "code_challenge" not in params:
        return Refusal(fault=Fault.CHALLENGE_MISSING, reason="code_challenge_method without code_challenge")
    return None


def _challenge_method(params: Params, application: Application) -> Refusal | None:
    del application
    # RFC 7636 §4.3: without a method the challenge would be "plain", which is not offered.
    if "code_challenge" in params and params.get("code_challenge_method") != "S256":
        method = params.get("code_challenge_method", "none")
        return Refusal(fault=Fault.CHALLENGE_METHOD, reason=f"code_challenge_method {method[:40]!r}")
    return None


def _challenge_form(params: Params, application: Application) -> Refusal | None:
    del application
    if "code_challenge" in params and not pkce.valid_challenge(params["code_challenge"]):
        return Refusal(fault=Fault.CHALLENGE_MALFORMED, reason="the code_challenge is not an S256 value")
    return None


_CHECKS: tuple[Callable[[Params, Application], Refusal | None], ...] = (
    _response_type,
    _challenge_present,
    _challenge_method,
    _challenge_form,
)
