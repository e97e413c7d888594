"""Short ways to set SAML providers up in a test's Workgate, and to go there and back with a browser."""

import base64
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx

from tests.browser import Browser, World, query_of
from tests.saml.identity_provider import AttackingProvider, Claims, Service, field_of
from workgate.domain.accounts import Environment
from workgate.domain.sso import IdentityProvider, ProviderKind, Provisioning
from workgate.service.acting import OPERATOR


def set_up(
    world: World,
    idp: AttackingProvider,
    environment: Environment | None = None,
    *,
    name: str = "Corporate",
    enabled: bool = True,
    provisioning: Provisioning = Provisioning(),  # noqa: B008 - a frozen value
    **protocol: Any,
) -> IdentityProvider:
    """Set a provider up."""
    created = world.stand_in.workgate.services.identity_providers.create(
        environment or world.acme,
        ProviderKind.SAML,
        name,
        {"metadata": idp.metadata(), **protocol},
        enabled=enabled,
        provisioning=provisioning,
        by=OPERATOR,
    )
    return world.stand_in.run(created)


def service_of(browser: Browser, row: IdentityProvider) -> Service:
    """Us, as our metadata says."""
    answer = browser.http.get(f"/sso/saml/{row.provider_id}/metadata")
    assert answer.status_code == 200, answer.text
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own
    acs = next(root.iter("{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService"))
    body = next(root.iter("{http://www.w3.org/2000/09/xmldsig#}X509Certificate")).text
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    return Service(entity_id=str(root.get("entityID")), acs_url=str(acs.get("Location")), certificate=pem)


@dataclass
class Trip:
    """A browser's way to a provider: what it was sent with."""

    world: World
    browser: Browser
    row: IdentityProvider
    idp: AttackingProvider
    service: Service
    request: ElementTree.Element

    @property
    def request_id(self) -> str:
        """The ID of the request."""
        return str(self.request.get("ID"))

    def claims(self, **changes: Any) -> Claims:
        """What a good response says."""
        good: dict[str, Any] = {"service": self.service, "in_response_to": self.request_id}
        return Claims(**{**good, "now": self.world.clock.now(), **changes})

    def post(self, document: str) -> httpx.Response:
        """Post a response as the provider's page has a browser do it: without a cookie of ours."""
        return post(self.world.http(), self.row, field_of(document))

    def back(self, document: str) -> httpx.Response:
        """Post a response, and lead the browser on to our own page."""
        answer = self.post(document)
        if answer.status_code != 303:
            return answer
        return self.browser.http.get(answer.headers["location"])


def post(http: httpx.Client, row: IdentityProvider, field: str, **more: str) -> httpx.Response:
    """Post a form field to a provider's assertion consumer service."""
    return http.post(f"/sso/saml/{row.provider_id}/acs", data={"SAMLResponse": field, **more})


def go(
    world: World,
    row: IdentityProvider,
    idp: AttackingProvider,
    target: str = "/",
    *,
    browser: Browser | None = None,
    how: str = "begin",
) -> Trip:
    """Begin a sign-in at a provider by redirect, up to its address."""
    browser = browser or world.browser()
    answer = browser.http.get(f"/sso/{row.provider_id}/{how}", params={"next": target})
    assert answer.status_code == 302, answer.text
    location = answer.headers["location"]
    assert location.startswith(f"{idp.sign_in_url}?"), urlsplit(location).netloc
    document = zlib.decompress(base64.b64decode(query_of(location)["SAMLRequest"]), -15)
    request = ElementTree.fromstring(document)  # noqa: S314 - our own
    return Trip(world, browser, row, idp, service_of(browser, row), request)
