"""Two-step sign-in, each page in the state that is worth looking at."""

import json
from collections.abc import Callable
from itertools import count

from playwright.sync_api import Page

from tests.authenticators import APP, CODES, ENROL, ENROL_APP, PASSKEY, SECOND_STEP, SECURITY, Passkey
from tests.browser import PASSWORD
from tests.pages.site import Site
from tests.pages.steps import sign_in, words
from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.second_factors import relying_party
from workgate.domain.signing_in import SignInRules
from workgate.service.second_steps import Person

Screen = Callable[[Page, Site], object]
_NUMBERS = count(1)


def acme(site: Site) -> Environment:
    """The organisation at the site's own address."""
    lanes = site.stand_in.run(site.stand_in.workgate.database.environments.environments("acme"))
    return next(environment for environment in lanes if environment.lane == "my")


def strict(site: Site) -> Environment:
    """A new organisation that asks for two steps."""
    workgate = site.stand_in.workgate
    (made,) = site.stand_in.create_org(f"strict{next(_NUMBERS)}", name="Strict Inc.")
    record = workgate.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, made)
    rules = SignInRules(two_step_required=True)
    site.stand_in.run(workgate.database.sign_in_rules.set_rules(made.environment_id, rules, record=record))
    return made


def somebody(site: Site, environment: Environment | None = None) -> User:
    """Somebody new, at acme or elsewhere."""
    name = f"tess-{next(_NUMBERS)}"
    where = environment or acme(site)
    return site.stand_in.create_user(where, name, PASSWORD, first_name="Tess", last_name="Tester")


def give_passkey(site: Site, user: User, name: str) -> None:
    """Have somebody own a passkey of a device that is not at hand here."""
    steps, environment = site.stand_in.workgate.services.second_steps, acme(site)
    party = relying_party(environment.name, site.url)
    assert party is not None
    person = Person(environment, user, b"elsewhere", site.stand_in.clock.now(), "192.0.2.1")
    new = site.stand_in.run(steps.new_passkey(person, party))
    answer = Passkey().create(json.loads(new.options), site.url)
    site.stand_in.run(steps.add_passkey(person, party, ticket=new.ticket, answer=answer, name=name))


def heading(page: Page, english: str) -> None:
    """Wait for a page by its heading."""
    page.get_by_role("heading", level=1, name=words(page, english)).wait_for()


def _own(path: str, *passkeys: str, minutes: int = 0) -> Screen:
    """Somebody who has these passkeys signs in, and opens one of their own pages so many minutes later."""

    def screen(page: Page, site: Site) -> None:
        user = somebody(site)
        page.goto(site.url)
        sign_in(page, user.username)
        page.get_by_role("button", name=words(page, "Sign out")).wait_for()
        for name in passkeys:
            give_passkey(site, user, name)
        site.stand_in.clock.advance(60 * minutes)
        page.goto(site.url + path)
        page.get_by_role("heading", level=1).wait_for()

    return screen


def _app_problem(page: Page, site: Site) -> None:
    _own(APP)(page, site)
    page.get_by_label(words(page, "Six-digit code")).fill("123456")
    page.get_by_role("button", name=words(page, "Set it up")).click()
    page.locator("#code-error").wait_for()


def _remove(page: Page, site: Site) -> None:
    _own(SECURITY, "Office laptop", "A key on my key ring, whose name shows where lines break")(page, site)
    page.locator(".row .deeds a").last.click()
    page.locator("button.danger").wait_for()


def _codes_shown(page: Page, site: Site) -> None:
    _own(CODES, "Office laptop")(page, site)
    page.get_by_role("button", name=words(page, "Make new ones")).click()
    heading(page, "Your recovery codes")


def _step(way: str, *, wrong: bool = False) -> Screen:
    """Somebody with a passkey has shown the password."""

    def screen(page: Page, site: Site) -> None:
        user = somebody(site)
        give_passkey(site, user, "Office laptop")
        page.goto(site.url)
        sign_in(page, user.username)
        heading(page, "One more step")
        page.goto(f"{site.url}{SECOND_STEP}?way={way}")
        if wrong:
            page.get_by_label(words(page, "Recovery code")).fill("0000-0000-0000")
            page.get_by_role("button", name=words(page, "Sign in")).click()
            page.get_by_role("alert").wait_for()

    return screen


def _lost(page: Page, site: Site) -> None:
    page.goto(f"{site.url}{SECOND_STEP}")
    heading(page, "Please sign in once more")


def _enrol(path: str) -> Screen:
    def screen(page: Page, site: Site) -> None:
        environment = strict(site)
        address = f"http://{environment.domain}.my.localhost:{site.stand_in.port}"
        page.goto(address)
        sign_in(page, somebody(site, environment).username)
        heading(page, "Set up a second step")
        page.goto(address + path)

    return screen


TWO_STEP_SCREENS: dict[str, Screen] = {
    "security-off": _own(SECURITY),
    "security-on": _own(SECURITY, "Office laptop", ""),
    "security-confirm": _own(APP, minutes=11),
    "security-app": _own(APP),
    "security-app-problem": _app_problem,
    "security-passkey": _own(PASSKEY),
    "security-remove": _remove,
    "security-codes": _own(CODES, "Office laptop"),
    "security-codes-shown": _codes_shown,
    "second-step-passkey": _step("passkey"),
    "second-step-recovery": _step("recovery", wrong=True),
    "second-step-lost": _lost,
    "enrol": _enrol(ENROL),
    "enrol-app": _enrol(ENROL_APP),
}
