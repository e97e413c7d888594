"""The authorize page and the consent form."""

from starlette.requests import Request
from starlette.responses import Response

from workgate.domain.signing_in import SsoMode
from workgate.domain.texts import N_
from workgate.oauth.metadata import CONSENT_PATH
from workgate.service.authorize import (
    AskConsent,
    AskToSignIn,
    AuthorizeService,
    ErrorPage,
    NothingToDecide,
    SendBack,
    Visit,
)
from workgate.service.sso import SingleSignOn
from workgate.web.browser import Browsers, Visitor, posted_fields
from workgate.web.errors import status_of
from workgate.web.pages import Pages, path_and_query, redirect
from workgate.web.signin import SIGN_OUT_PATH, application_context, sign_in_address
from workgate.web.sso_addresses import begin_address

_TITLE = N_("This sign-in request cannot be used")
_HINT = N_(
    "Go back to the application that sent you here and try again. If it happens again, tell the people who "
    "run that application; nothing was shared with it."
)


class ConsentPages:
    """GET authorize, and POST of what the user decided."""

    def __init__(self, *, authorize: AuthorizeService, sso: SingleSignOn, browsers: Browsers, pages: Pages) -> None:
        self._authorize = authorize
        self._sso = sso
        self._browsers = browsers
        self._pages = pages

    async def authorize(self, request: Request, visitor: Visitor) -> Response:
        """Answer an authorization request (RFC 6749 §4.1.1)."""
        outcome = await self._authorize.request(_visit(visitor), request.scope["query_string"])
        match outcome:
            case SendBack(location):
                return redirect(location, after_post=False)
            case AskToSignIn():
                return await self._to_sign_in(request, visitor)
            case ErrorPage():
                return self._refused(request, visitor, outcome)
            case AskConsent():
                return self._ask(request, visitor, outcome)

    async def decide(self, request: Request, visitor: Visitor) -> Response:
        """Carry out the decision that was posted."""
        form = await posted_fields(request, "request", "decision")
        decision = form.get("decision")
        ticket = form.get("request", "") if decision in {"allow", "deny"} else ""
        outcome = await self._authorize.decide(_visit(visitor), ticket=ticket, allow=decision == "allow")
        match outcome:
            case SendBack(location):
                return redirect(location, after_post=True)
            case ErrorPage():
                return self._refused(request, visitor, outcome)
            case NothingToDecide(reference):
                return self._pages.error(
                    request,
                    visitor.environment,
                    status=403,
                    title=N_("This decision does not count"),
                    text=N_("The form was answered before, was open for too long, or belongs to another sign-in."),
                    hint=N_("Go back to the application that sent you here and connect again."),
                    reference=reference,
                    for_administrator=visitor.is_administrator,
                )

    async def _to_sign_in(self, request: Request, visitor: Visitor) -> Response:
        """To the sign-in page; straight to the identity provider where nobody signs in otherwise."""
        here = path_and_query(request)
        rules, providers = await self._sso.offered(visitor.environment)
        if rules.sso is SsoMode.ONLY and len(providers) == 1:
            return redirect(begin_address(str(providers[0].provider_id), here), after_post=False)
        return redirect(sign_in_address(here), after_post=False)

    def _refused(self, request: Request, visitor: Visitor, outcome: ErrorPage) -> Response:
        return self._pages.error(
            request,
            visitor.environment,
            status=status_of(outcome.refusal.fault),
            title=_TITLE,
            text=outcome.refusal.fault.text,
            hint=_HINT,
            reference=outcome.reference,
            for_administrator=visitor.is_administrator,
        )

    def _ask(self, request: Request, visitor: Visitor, outcome: AskConsent) -> Response:
        user = outcome.session.user
        context = {
            "application": {
                **application_context(outcome.application),
                "redirect_host": outcome.redirect.host,
            },
            "user": {"name": user.name, "username": user.username},
            "form": {
                "action": CONSENT_PATH,
                "request": outcome.ticket,
                "sign_out_action": SIGN_OUT_PATH,
                "sign_out_csrf": self._browsers.form_of_session(outcome.session),
                "sign_out_next": path_and_query(request),
            },
        }
        return self._pages.render(
            request,
            "consent.html",
            visitor.environment,
            context,
            form_action=[outcome.redirect.form_action_source],
        )


def _visit(visitor: Visitor) -> Visit:
    return Visit(
        environment=visitor.environment,
        issuer=visitor.issuer,
        session=visitor.session,
        address=visitor.address,
    )
