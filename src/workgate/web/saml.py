"""SAML's own addresses: our metadata, the assertion consumer service, and the page that a browser then comes back to.

A response arrives as a post from the provider's page, to which browsers add no cookie of ours. So what it proves is
kept here, and the browser is led to a page of our own, which only the browser that began the sign-in gets through.
"""

import re
from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from workgate import asgi
from workgate.domain.sso import IdentityProvider, NotVouched, ProviderKind
from workgate.oauth.errors import Refusal
from workgate.oauth.params import from_form
from workgate.service.sso import SingleSignOn
from workgate.service.sso_saml import SamlProtocol
from workgate.web.browser import Browsers, Visitor
from workgate.web.entrance import Page
from workgate.web.entrance import Route as Endpoint
from workgate.web.pages import SECURITY_HEADERS, redirect
from workgate.web.sso import SsoAnswers

METADATA_PATH = "/sso/saml/{provider_id}/metadata"
ACS_PATH = "/sso/saml/{provider_id}/acs"
FINISH_PATH = "/sso/saml/{provider_id}/finish"
_LARGEST_FORM = 512 * 1024
# Some providers break the lines of their base64.
_LINE_BREAKS = re.compile(rb"%0[ad]|[\r\n]", re.IGNORECASE)


class SamlPages:
    """SAML 2.0 at the addresses of each provider."""

    def __init__(self, *, sso: SingleSignOn, saml: SamlProtocol, answers: SsoAnswers, browsers: Browsers) -> None:
        self._sso = sso
        self._saml = saml
        self._answers = answers
        self._browsers = browsers

    def routes(self, page: Callable[[Page], Endpoint]) -> list[BaseRoute]:
        """Where they live."""
        return [
            Route(METADATA_PATH, page(self.metadata), methods=["GET"]),
            Route(ACS_PATH, page(self.consume), methods=["POST"]),
            Route(FINISH_PATH, page(self.finish), methods=["GET"]),
        ]

    async def metadata(self, request: Request, visitor: Visitor) -> Response:
        """Give what the provider must know of us."""
        provider = await self._provider(request, visitor)
        if provider is None:
            return self._answers.no_such_provider(request, visitor)
        name = f"workgate-{visitor.environment.domain}-{visitor.environment.lane}.xml"
        headers = {**SECURITY_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
        written = self._saml.metadata(provider, origin=visitor.issuer)
        return Response(written, media_type="application/samlmetadata+xml", headers=headers)

    async def consume(self, request: Request, visitor: Visitor) -> Response:
        """Take a response (SAML bindings §3.5.4), keep what it proves, and lead the browser to a page of our own."""
        provider = await self._provider(request, visitor)
        if provider is None:
            return self._answers.no_such_provider(request, visitor)
        retry_after = self._saml.wait(visitor.address)
        if retry_after is not None:
            return self._answers.limited(request, visitor, retry_after)
        try:
            response = await self._saml.response(provider, await _saml_response(request), origin=visitor.issuer)
            begun = await self._sso.expected(visitor.environment, provider, response.in_response_to)
            if begun is None:
                raise NotVouched("the response answers no request that this provider is expected to answer")
            vouched = await self._saml.vouched(begun, response, origin=visitor.issuer)
            if not await self._sso.hold(begun, vouched):
                raise NotVouched("the request was answered before")
        except NotVouched as error:
            self._saml.failed(visitor.address)
            arrival = self._browsers.arrival(request, visitor)
            return self._answers.refused(request, visitor, arrival, provider, str(error))
        path = FINISH_PATH.format(provider_id=provider.provider_id)
        return redirect(f"{path}?state={quote(response.in_response_to, safe='')}", after_post=True)

    async def finish(self, request: Request, visitor: Visitor) -> Response:
        """Finish a sign-in whose response has arrived, in the browser that began it."""
        provider = await self._provider(request, visitor)
        if provider is None:
            return self._answers.no_such_provider(request, visitor)
        arrival, state = self._browsers.arrival(request, visitor), request.query_params.get("state", "")
        try:
            begun = await self._sso.expected(visitor.environment, provider, state)
            if begun is None or begun.request.arrived is None:
                raise NotVouched("no response has arrived for a sign-in of this name")
            taken = await self._sso.take(arrival, provider, state)
        except NotVouched as error:
            return self._answers.refused(request, visitor, arrival, provider, str(error))
        if taken.arrived is None:
            raise LookupError("a sign-in whose response had arrived was taken without it")
        return await self._answers.finished(request, visitor, arrival, taken, taken.arrived)

    async def _provider(self, request: Request, visitor: Visitor) -> IdentityProvider | None:
        provider = await self._sso.provider(visitor.environment, request.path_params["provider_id"])
        return provider if provider is not None and provider.kind is ProviderKind.SAML else None


async def _saml_response(request: Request) -> str:
    """The form field ``SAMLResponse``. Raises ``NotVouched`` if the form has none that can be read."""
    if asgi.content_type(request.scope) != "application/x-www-form-urlencoded":
        raise NotVouched("what arrived is no form")
    body = await asgi.read_body(request.scope, request.receive, _LARGEST_FORM)
    if body is None:
        raise NotVouched(f"the form has more than {_LARGEST_FORM} bytes")
    fields = from_form(_LINE_BREAKS.sub(b"", body), frozenset({"SAMLResponse"}), longest=_LARGEST_FORM)
    if isinstance(fields, Refusal):
        raise NotVouched(fields.reason)
    if "SAMLResponse" not in fields:
        raise NotVouched("the form holds no SAMLResponse")
    return fields["SAMLResponse"]
