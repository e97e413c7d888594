"""What an administrator does about somebody's signing in: invitations, second steps and federation IDs."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.administering import error_of, problem_of
from tests.browser import Browser, World, a_world, form_fields
from tests.spec.test_people import PEOPLE, a_person, audited, path_of, press, save

from workgate.domain.accounts import User
from workgate.domain.sso import IdentityProvider, ProviderKind
from workgate.service.acting import OPERATOR

_LINK = re.compile(r'<code id="link" dir="ltr">([^<]*)</code>')
NEW_PASSWORD = "a new and rather long one"


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[World]:
    """A world whose mail lands in a folder."""
    with a_world(mail_folder=str(tmp_path / "mail")) as world:
        yield world


def a_provider(world: World, name: str = "Corporate sign-in") -> IdentityProvider:
    protocol = {"issuer": "https://login.example", "client_id": "workgate", "client_authentication": "none"}
    providers = world.stand_in.workgate.services.identity_providers
    return world.stand_in.run(providers.create(world.acme, ProviderKind.OIDC, name, protocol, by=OPERATOR))


def connect(browser: Browser, user: User, provider: str, subject: str) -> httpx.Response:
    action = f"{path_of(user)}/federations"
    fields = form_fields(browser.http.get(path_of(user)).text, action)
    return browser.http.post(action, data={**fields, "provider": provider, "subject": subject})


def shown_link(page: httpx.Response) -> str:
    found = _LINK.search(page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


# --- links to set a password


@pytest.mark.spec("Workgate", "people", "an invitation that cannot be mailed is shown once, and its link works once")
def test_a_link_to_hand_over(world: World) -> None:
    ann = world.browser()
    ann.sign_in()
    user = a_person(world, "dora")
    assert "You get the link to hand over." not in ann.http.get(path_of(user)).text
    assert "The user has no e-mail address" in ann.http.get(path_of(user)).text
    page = press(ann, user, "invite")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    link = shown_link(page)
    assert link not in ann.http.get(path_of(user)).text
    assert audited(world, 1) == [("user_invited", f"of user {user.user_id}")]
    assert link.partition("link=")[2] not in str(audited(world, 20))
    # Another one takes its place.
    second = shown_link(press(ann, user, "invite"))
    assert second != link


@pytest.mark.spec("Workgate", "people", "an invitation and a link for another password are mailed to the user")
def test_mailed_links(mailing: World, tmp_path: Path) -> None:
    ann = mailing.browser()
    ann.sign_in()
    user = a_person(mailing, "dora", email="dora@example.com")
    assert "Mail a link" in ann.http.get(path_of(user)).text
    assert press(ann, user, "invite").headers["location"] == f"{path_of(user)}?done=invited"
    mailing.stand_in.run(mailing.stand_in.workgate.outbox.finish(20))
    (mail,) = (tmp_path / "mail").iterdir()
    assert "dora@example.com" in mail.read_text()
    assert save(ann, mailing.bob, email="bob@example.com").status_code == 303
    assert press(ann, mailing.bob, "invite").headers["location"] == f"{path_of(mailing.bob)}?done=invited"
    assert audited(mailing, 1) == [("link_mailed", f"of user {mailing.bob.user_id}")]


def test_who_gets_no_link(shared: World, ann: Browser) -> None:
    user = a_person(shared, "nell")
    form = form_fields(ann.http.get(path_of(user)).text, f"{path_of(user)}/invite")
    assert save(ann, user, sso_only="on").status_code == 303
    page = ann.http.post(f"{path_of(user)}/invite", data=form)
    assert page.status_code == 409
    assert "single sign-on" in problem_of(page)
    assert f"{path_of(user)}/invite" not in page.text
    assert save(ann, user, "sso_only", "is_active").status_code == 303
    page = ann.http.post(f"{path_of(user)}/invite", data=form)
    assert page.status_code == 409
    assert "disabled" in problem_of(page)


# --- second steps


@pytest.mark.spec(
    "Workgate", "people", "an administrator removes the second steps of a user who lost them; asked first"
)
def test_second_steps(shared: World, ann: Browser) -> None:
    path = f"{path_of(shared.bob)}/second-steps"
    assert path not in ann.http.get(path_of(shared.bob)).text
    question = ann.http.get(path)
    assert "Remove the second steps?" in question.text
    answer = ann.http.post(path, data=form_fields(question.text, path))
    assert answer.headers["location"] == f"{path_of(shared.bob)}?done=reset"


# --- federation IDs


@pytest.mark.spec(
    "Workgate", "people", "a federation ID is connected with one user, and removed; both are on the audit log"
)
def test_federation_ids(shared: World, ann: Browser) -> None:
    provider = str(a_provider(shared).provider_id)
    user, other = a_person(shared, "ida"), a_person(shared, "ivo")
    subject = "<b>248|\u00e9\u4e00\u202e"
    assert connect(ann, user, provider, f" {subject} ").headers["location"] == f"{path_of(user)}?done=connected"
    page = ann.http.get(path_of(user)).text
    assert subject in html.unescape(page)
    assert "<b>" not in page
    assert audited(shared, 1)[0][0] == "user_changed"
    answer = connect(ann, other, provider, subject)
    assert answer.status_code == 422
    assert "stands for the user 'ida' already" in error_of(answer, "subject")
    # Another user's is not removed from this one's page.
    action = f"{path_of(user)}/federations/remove"
    form = form_fields(ann.http.get(path_of(user)).text, action)
    assert ann.http.post(f"{path_of(other)}/federations/remove", data=form).status_code == 404
    assert ann.http.post(action, data=form).headers["location"] == f"{path_of(user)}?done=disconnected"
    assert ann.http.post(action, data=form).status_code == 404
    assert subject not in html.unescape(ann.http.get(path_of(user)).text)


@pytest.mark.parametrize(
    ("provider", "subject", "field"),
    [
        ("{id}", "", "subject"),
        ("{id}", "x" * 256, "subject"),
        ("1", "x", "provider"),
        ("", "x", "provider"),
        ("../../x", "x", "provider"),
        ("9" * 30, "x", "provider"),
    ],
)
def test_federation_ids_that_cannot_be(shared: World, ann: Browser, provider: str, subject: str, field: str) -> None:
    known = str(a_provider_once(shared).provider_id)
    page = connect(ann, shared.bob, provider.format(id=known), subject)
    assert page.status_code == 422
    assert error_of(page, field)


def a_provider_once(world: World) -> IdentityProvider:
    there = world.stand_in.run(world.stand_in.workgate.services.identity_providers.providers(world.acme, by=OPERATOR))
    return there[0] if there else a_provider(world)


BUTTONS = ("invite", "unlock", "end-sessions", "second-steps", "federations", "federations/remove")


@pytest.mark.spec("OWASP ASVS", "V8.3", "only administrators help others to sign in, with forms of their own sign-in")
@pytest.mark.parametrize("button", BUTTONS)
def test_who_may_not(shared: World, ann: Browser, button: str) -> None:
    provider = str(a_provider_once(shared).provider_id)
    path = f"{path_of(shared.bob)}/{button}"
    typed = {"provider": provider, "subject": "forged"}
    before = audited(shared, 1)
    stranger = shared.browser().http.post(path, data=typed)
    assert stranger.status_code == 303
    assert stranger.headers["location"].startswith("/login?next=%2Fsetup%2Fpeople")
    bob = shared.browser()
    bob.sign_in("bob")
    own = form_fields(bob.http.get("/").text, "/logout")["csrf"]
    assert bob.http.post(path, data={**typed, "csrf": own}).status_code == 403
    other = shared.browser()
    other.sign_in()
    foreign = form_fields(other.http.get("/").text, "/logout")["csrf"]
    mine = form_fields(ann.http.get("/").text, "/logout")["csrf"]
    for csrf in ("", "x", foreign, mine[:-1]):
        assert ann.http.post(path, data={**typed, "csrf": csrf}).status_code == 403
    # Of another environment, and of nobody.
    users = shared.stand_in.workgate.database.users
    theirs = shared.stand_in.run(users.account_named(shared.globex.environment_id, "ann"))
    assert theirs is not None
    for user_id in (theirs.user.user_id, "0" * 32, "x"):
        answer = ann.http.post(f"{PEOPLE}/{user_id}/{button}", data={**typed, "csrf": mine})
        assert answer.status_code == 404
    for method in ("PUT", "DELETE", "PATCH"):
        assert ann.http.request(method, path).status_code == 405
    done = {event for event, _ in audited(shared, 5)} - {event for event, _ in before}
    assert done <= {"signed_in", "administration_refused"}
