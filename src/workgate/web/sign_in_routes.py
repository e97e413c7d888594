"""The addresses of signing in: by password, at an identity provider, step by step, by a mailed link; and out."""

from starlette.routing import BaseRoute, Route

from workgate.service.mailed_links import FORGOTTEN_PATH
from workgate.web.factor_forms import FactorForms
from workgate.web.parts import WebParts
from workgate.web.passwords import PasswordPages
from workgate.web.recovery import RecoveryPages
from workgate.web.saml import SamlPages
from workgate.web.second_step import SecondStepPages
from workgate.web.security import SecurityPages
from workgate.web.signin import SIGN_IN_PATH, SIGN_OUT_PATH, SIGNED_OUT_PATH, SignInPages
from workgate.web.site import Frame
from workgate.web.sso import SsoAnswers, SsoPages


def sign_in_routes(parts: WebParts, frame: Frame) -> list[BaseRoute]:
    """Signing in by every way, and out."""
    page = frame.site.page
    signin = SignInPages(
        sessions=parts.sessions,
        signing_in=parts.signing_in,
        sso=parts.sso,
        protocols=parts.protocols,
        pending=frame.pending,
        applications=parts.applications,
        browsers=frame.browsers,
        pages=frame.pages,
        forgotten_url=FORGOTTEN_PATH if parts.mailed_links.can_mail else None,
    )
    return [
        Route(SIGN_IN_PATH, page(signin.show), methods=["GET"]),
        Route(SIGN_IN_PATH, page(signin.sign_in), methods=["POST"]),
        Route(SIGN_OUT_PATH, page(signin.sign_out), methods=["POST"]),
        Route(SIGNED_OUT_PATH, page(signin.signed_out), methods=["GET"]),
        *_sso_routes(parts, frame),
        *_second_step_routes(parts, frame),
        *_password_routes(parts, frame),
    ]


def _sso_routes(parts: WebParts, frame: Frame) -> list[BaseRoute]:
    """Sign-in at identity providers."""
    answers = SsoAnswers(sso=parts.sso, pending=frame.pending, pages=frame.pages)
    sso = SsoPages(
        sso=parts.sso,
        protocols=parts.protocols,
        oidc=parts.oidc,
        answers=answers,
        browsers=frame.browsers,
        pages=frame.pages,
    )
    routes = sso.routes(frame.site.page, frame.entrance)
    if parts.saml is not None:
        saml = SamlPages(sso=parts.sso, saml=parts.saml, answers=answers, browsers=frame.browsers)
        routes += saml.routes(frame.site.page)
    return routes


def _second_step_routes(parts: WebParts, frame: Frame) -> list[BaseRoute]:
    """Two-step sign-in: at the sign-in, and on one's account pages."""
    forms = FactorForms(second_steps=parts.second_steps, pages=frame.pages)
    steps = SecondStepPages(
        pending=frame.pending,
        signing_in=parts.signing_in,
        answers=parts.answers,
        second_steps=parts.second_steps,
        forms=forms,
        applications=parts.applications,
        browsers=frame.browsers,
        pages=frame.pages,
        clock=parts.clock,
    )
    security = SecurityPages(
        second_steps=parts.second_steps,
        confirming=parts.confirming,
        forms=forms,
        browsers=frame.browsers,
        pages=frame.pages,
    )
    return [*steps.routes(frame.site.page), *security.routes(frame.entrance)]


def _password_routes(parts: WebParts, frame: Frame) -> list[BaseRoute]:
    """Changing the password, and choosing one with a mailed link."""
    passwords = PasswordPages(
        own=parts.own_password,
        links=parts.mailed_links,
        signing_in=parts.signing_in,
        pending=frame.pending,
        clock=parts.clock,
        browsers=frame.browsers,
        pages=frame.pages,
    )
    recovery = RecoveryPages(links=parts.mailed_links, browsers=frame.browsers, pages=frame.pages)
    return [*passwords.routes(frame.site.page), *recovery.routes(frame.site.page)]
