"""The page that posts a SAML request onward, and how to get there and stay there."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.pages.site import Site
from tests.pages.steps import words
from tests.providers.signing_in import set_rules
from tests.saml.identity_provider import AttackingProvider
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import ProviderKind
from workgate.service.acting import OPERATOR

Screen = Callable[[Page, Site], object]
_NAME = "Acme"


def _onward(page: Page, site: Site) -> None:
    idp = AttackingProvider()
    idp.sign_in_url = "http://127.0.0.1:9/sso"  # nobody is there, and nobody is asked
    page.route(f"{idp.sign_in_url}**", lambda route: route.abort("aborted"))
    run, opened = site.stand_in.run, site.stand_in.workgate
    environment = run(opened.database.environments.environment("acme", "preview"))
    assert environment is not None
    there = run(opened.database.identity_providers.providers(environment.environment_id))
    row = next((found for found in there if found.name == _NAME), None)
    if row is None:
        settings = {"metadata": idp.metadata(), "binding": "post"}
        create = opened.services.identity_providers.create(
            environment, ProviderKind.SAML, _NAME, settings, enabled=True, by=OPERATOR
        )
        row = run(create)
    set_rules(site, environment, SsoMode.OPTIONAL)
    page.goto(f"{site.preview_url()}/sso/{row.provider_id}/begin", wait_until="commit")
    page.get_by_role("button", name=words(page, "Continue")).wait_for()
    # Other screens of this lane are without SSO.
    set_rules(site, environment, SsoMode.NONE)


SAML_SCREENS: dict[str, Screen] = {"saml-onward": _onward}
