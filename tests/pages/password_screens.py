"""The pages of passwords and of one's own sessions, each in the state that is worth looking at."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser import PASSWORD
from tests.pages.site import Site
from tests.pages.steps import sign_in, words
from workgate.domain.accounts import User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import new_object_id
from workgate.domain.signing_in import PasswordPolicy, SignInRules
from workgate.service.acting import OPERATOR
from workgate.service.mailed_links import Mailing

Screen = Callable[[Page, Site], object]


def invited_link(site: Site, *, newcomer: bool) -> str:
    """A link for somebody new, or for Cat, who has a password."""
    workgate_ = site.stand_in.workgate
    run = site.stand_in.run
    acme = run(workgate_.services.administration.environment("acme", "my"))
    user: User = run(workgate_.services.administration.user_named(acme, "cat"))
    if newcomer:
        new_id = new_object_id(workgate_.clock.now(), workgate_.entropy)
        user = user._replace(user_id=new_id, username=f"newcomer {new_id[-6:]}", first_name="", last_name="")
        run(workgate_.database.users.create_user(user, None, workgate_.clock.now()))
    mailing = Mailing(site.url, str)
    return run(workgate_.services.mailed_links.invite(acme, user, by=OPERATOR, mailing=mailing)).address


def fill(page: Page, new: str, again: str | None = None) -> None:
    """Type a new password twice."""
    page.get_by_label(words(page, "New password"), exact=True).fill(new)
    page.get_by_label(words(page, "The new password once more"), exact=True).fill(new if again is None else again)


def _forgotten(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login")
    page.get_by_role("link", name=words(page, "Forgotten your password?")).click()
    page.get_by_label(words(page, "User name or e-mail address")).wait_for()


def _forgotten_problem(page: Page, site: Site) -> None:
    _forgotten(page, site)
    page.get_by_label(words(page, "User name or e-mail address")).fill("   ")
    page.get_by_role("button", name=words(page, "Send the mail")).click()
    page.locator("#who-error").wait_for()


def _reset(page: Page, site: Site) -> None:
    page.goto(invited_link(site, newcomer=False))
    page.get_by_role("heading", name=words(page, "Choose a new password")).wait_for()


def _reset_problem(page: Page, site: Site) -> None:
    _reset(page, site)
    fill(page, "cooper")
    page.get_by_role("button", name=words(page, "Set the password")).click()
    page.locator("#new-error").wait_for()


def _invitation(page: Page, site: Site) -> None:
    page.goto(invited_link(site, newcomer=True))
    page.get_by_role("heading", name=words(page, "Choose your password")).wait_for()


def _password_set(page: Page, site: Site) -> None:
    _invitation(page, site)
    fill(page, "wibble drone tackle")
    page.get_by_role("button", name=words(page, "Set the password")).click()
    page.get_by_role("heading", name=words(page, "Your password is set")).wait_for()


def _due(page: Page, site: Site) -> None:
    """In a lane of its own, whose passwords are too old as soon as they are set."""
    workgate_, run = site.stand_in.workgate, site.stand_in.run
    lane = f"aged{workgate_.entropy(4).hex()}"
    (aged,) = site.stand_in.create_org("acme", (lane,), name="Acme")
    site.stand_in.create_user(aged, "ann", PASSWORD)
    record = workgate_.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, aged)
    rules = SignInRules(passwords=PasswordPolicy(minimum_length=12, kinds=3, history=5, expires_days=0))
    run(workgate_.database.sign_in_rules.set_rules(aged.environment_id, rules, record=record))
    page.goto(f"http://acme.{lane}.localhost:{site.stand_in.port}/login")
    sign_in(page)
    page.get_by_role("button", name=words(page, "Set the password")).wait_for()


def _password(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/account/password")
    sign_in(page)
    page.get_by_role("button", name=words(page, "Change the password")).wait_for()


def _password_problem(page: Page, site: Site) -> None:
    _password(page, site)
    page.get_by_label(words(page, "Present password")).fill(PASSWORD)
    fill(page, "archer1")
    page.get_by_role("button", name=words(page, "Change the password")).click()
    page.locator("#new-error").wait_for()


def _sessions(page: Page, site: Site) -> None:
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(locale="en-GB") as elsewhere:
        other = elsewhere.new_page()
        other.goto(site.url)
        sign_in(other, "bob")
    with site.stand_in.client() as http:
        http.post("/attask/api/login", data={"username": "bob", "password": PASSWORD}).raise_for_status()
    page.goto(f"{site.url}/account/sessions")
    sign_in(page, "bob")
    page.get_by_role("button", name=words(page, "Sign out everywhere else")).wait_for()


def _sessions_ended(page: Page, site: Site) -> None:
    _sessions(page, site)
    page.get_by_role("button", name=words(page, "Sign out everywhere else")).click()
    page.get_by_role("status").wait_for()


PASSWORD_SCREENS: dict[str, Screen] = {
    "forgotten": _forgotten,
    "forgotten-problem": _forgotten_problem,
    "forgotten-sent": lambda page, site: page.goto(f"{site.url}/forgotten/sent"),
    "reset": _reset,
    "reset-problem": _reset_problem,
    "invitation": _invitation,
    "link-over": lambda page, site: page.goto(f"{site.url}/reset?link=wgl_used"),
    "password-set": _password_set,
    "password-due": _due,
    "password": _password,
    "password-problem": _password_problem,
    "own-sessions": _sessions,
    "own-sessions-ended": _sessions_ended,
}
