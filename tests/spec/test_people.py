"""The setup pages of people, as an administrator uses them and as somebody attacks them."""

import html
import re
from functools import partial
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.administering import error_of, problem_of
from tests.browser import PASSWORD, Browser, World, at_once, form_fields

from workgate.domain.accounts import User
from workgate.domain.people import Person, PersonChanges
from workgate.service.acting import OPERATOR
from workgate.service.people import NewUser

PEOPLE = "/setup/people"
EVIL = "<b>\u00abevil\u00bb</b>'\"{0}%s"
_LISTED = re.compile(r'<h2><a href="/setup/people/([0-9a-f]{32})"><bdi>([^<]*)</bdi>')


def path_of(user: User) -> str:
    return f"{PEOPLE}/{user.user_id}"


def a_person(world: World, username: str, **more: object) -> User:
    new = NewUser(username=username, **more)  # type: ignore[arg-type]  # its fields
    return world.stand_in.run(world.stand_in.workgate.services.people.create(world.acme, new, by=OPERATOR))


def stored(world: World, user: User) -> Person:
    people = world.stand_in.workgate.services.people
    return world.stand_in.run(people.person(world.acme, user.user_id, by=OPERATOR))


def entries(page: httpx.Response, path: str) -> dict[str, str]:
    """What a browser sends of a person's form if nothing is touched."""
    form = re.search(rf'<form[^>]*action="{path}" novalidate>(.*?)</form>', page.text, re.S)
    assert form is not None
    texts = re.findall(r'<input id="(\w+)" name="\w+"[^>]*type="(?:text|email)" value="([^"]*)"', form[1])
    boxes = re.findall(r'<input id="(\w+)" name="\w+"[^>]*type="checkbox" value="on" checked', form[1])
    typed = {name: html.unescape(value) for name, value in texts} | dict.fromkeys(boxes, "on")
    return {**form_fields(page.text, path), **typed}


def save(browser: Browser, user: User, *unticked: str, **typed: str) -> httpx.Response:
    """Open a person's page, change something and save it."""
    path = path_of(user)
    fields = {**entries(browser.http.get(path), path), **typed}
    return browser.http.post(path, data={name: value for name, value in fields.items() if name not in unticked})


def press(browser: Browser, user: User, button: str) -> httpx.Response:
    """Press one of the buttons of a person's page."""
    action = f"{path_of(user)}/{button}"
    return browser.http.post(action, data=form_fields(browser.http.get(path_of(user)).text, action))


def audited(world: World, count: int = 5) -> list[tuple[str, str | None]]:
    database = world.stand_in.workgate.database
    world.stand_in.run(database.engine.flush())
    return [
        (record.event.value, record.reason)
        for record in world.stand_in.run(database.audit.latest(world.acme.environment_id, count))
    ]


def listed(browser: Browser, address: str = PEOPLE) -> list[str]:
    """The names on one page of the list."""
    return [html.unescape(name) for _, name in _LISTED.findall(browser.http.get(address).text)]


# --- what an administrator does


@pytest.mark.spec("Workgate", "people", "the list is paged, and searched by name and e-mail, in capitals or not")
def test_the_list(world: World) -> None:
    ann = world.browser()
    ann.sign_in()
    for number in range(30):
        a_person(world, f"user{number:02}", first_name="Zoë" if number == 7 else "", email=f"u{number:02}@example.com")
    assert len(listed(ann)) == 25
    page = ann.http.get(PEOPLE).text
    onward = re.search(r'href="([^"]*after=[^"]*)"', page)
    assert onward is not None
    second = listed(ann, html.unescape(onward[1]))
    assert second == [f"user{number:02}" for number in range(23, 30)]
    assert listed(ann, f"{PEOPLE}?search=zo%C3%8B") == ["Zoë"]
    assert listed(ann, f"{PEOPLE}?search=U07%40EXAMPLE") == ["Zoë"]
    assert listed(ann, f"{PEOPLE}?search=user0") == [*(f"user{n:02}" for n in range(7)), "Zoë", "user08", "user09"]
    assert listed(ann, f"{PEOPLE}?search=archer") == ["Ann Archer"]
    nobody = ann.http.get(f"{PEOPLE}?search=nobody")
    assert "Nobody matches." in nobody.text
    for odd in ("%00", "%E2%80%AE", "x" * 5000, "%25", "&after=zzz", "&after=" + "0" * 32, "%27%22%3Cb%3E"):
        assert ann.http.get(f"{PEOPLE}?search={odd}").status_code == 200


@pytest.mark.spec("Workgate", "people", "a user is created without a password, and it is on the audit log")
def test_creating(shared: World, ann: Browser) -> None:
    path = f"{PEOPLE}/new"
    fields = form_fields(ann.http.get(path).text, path)
    typed = {"username": " dora@example.com ", "first_name": "Dora", "email": "dora@example.com", "is_admin": "on"}
    answer = ann.http.post(path, data={**fields, **typed})
    assert answer.status_code == 303
    page = ann.http.get(answer.headers["location"])
    assert "The user was created." in page.text
    account = shared.stand_in.run(
        shared.stand_in.workgate.database.users.account_named(shared.acme.environment_id, "DORA@example.com")
    )
    assert account is not None
    assert (account.user.username, account.user.name, account.user.is_admin) == ("dora@example.com", "Dora", True)
    assert account.password_hash is None
    assert audited(shared)[0] == ("user_created", f"user {account.user.user_id}, an administrator")
    # Sent twice, the second time the name is taken, and what was typed is kept.
    again = ann.http.post(path, data={**fields, **typed})
    assert again.status_code == 422
    assert "exists already" in error_of(again, "username")
    assert 'value=" dora@example.com "' in again.text
    assert re.search(r'id="is_admin"[^>]*checked', again.text)


@pytest.mark.spec("Workgate", "people", "what is changed is saved, the rest stays, and the audit log names the fields")
def test_changing(shared: World, ann: Browser) -> None:
    user = a_person(shared, "fay", first_name="Fay", email="fay@example.com")
    assert save(ann, user).headers["location"] == f"{path_of(user)}?done=saved"
    assert audited(shared, 1)[0][0] != "user_changed"
    assert save(ann, user, last_name=EVIL, is_admin="on").status_code == 303
    person = stored(shared, user)
    assert person.user == user._replace(last_name=EVIL, is_admin=True)
    assert audited(shared, 1) == [("user_changed", f"user {user.user_id}: last_name, is_admin=true")]
    page = ann.http.get(path_of(user)).text
    assert "<b>" not in page
    assert EVIL in html.unescape(page)
    assert save(ann, user, "is_admin", sso_only="on").status_code == 303
    assert (stored(shared, user).user.is_admin, stored(shared, user).sso_only) == (False, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "  "),
        ("username", "a\u202eb"),
        ("username", "x" * 255),
        ("username", "BOB"),
        ("first_name", "x" * 101),
        ("first_name", "a\u200bb"),
        ("last_name", "\u2066x"),
        ("email", "nowhere"),
        ("email", "a b@c"),
        ("email", "<a@b>"),
        ("email", f"{'x' * 250}@example.com"),
    ],
)
def test_what_cannot_be_entered(shared: World, ann: Browser, field: str, value: str) -> None:
    user = next(iter(people_called(shared, "gus"))) if people_called(shared, "gus") else a_person(shared, "gus")
    page = save(ann, user, **{field: value})
    assert page.status_code == 422
    assert error_of(page, field)
    assert stored(shared, user).user == user
    new = f"{PEOPLE}/new"
    fields = form_fields(ann.http.get(new).text, new)
    page = ann.http.post(new, data={**fields, "username": "gusto", field: value})
    assert page.status_code == 422
    assert error_of(page, field)


def people_called(world: World, search: str) -> list[User]:
    page = world.stand_in.run(world.stand_in.workgate.services.people.people(world.acme, search=search, by=OPERATOR))
    return [person.user for person in page.people]


def test_a_form_with_nul_is_none_of_ours(shared: World, ann: Browser) -> None:
    before = stored(shared, shared.bob)
    assert save(ann, shared.bob, first_name="a\x00b").status_code == 403
    assert stored(shared, shared.bob) == before


@pytest.mark.spec("Workgate", "people", "disabling a user ends the sessions at once; enabling lets in again")
def test_disabling(world: World) -> None:
    ann, bob = world.browser(), world.browser()
    ann.sign_in()
    bob.sign_in("bob")
    assert bob.http.get("/").status_code == 200
    assert save(ann, world.bob, "is_active").status_code == 303
    assert bob.http.get("/").status_code == 302
    assert world.browser().sign_in("bob").status_code == 401
    assert "Disabled" in ann.http.get(PEOPLE).text
    assert save(ann, world.bob, is_active="on").status_code == 303
    assert world.browser().sign_in("bob").status_code == 303


@pytest.mark.spec("Workgate", "people", "wrong passwords lock an account, and an administrator unlocks it")
def test_unlocking(world: World) -> None:
    ann = world.browser()
    ann.sign_in()
    for _ in range(5):
        world.browser().sign_in("bob", "wrong password")
    assert world.browser().sign_in("bob").status_code == 401
    assert "Locked until" in ann.http.get(path_of(world.bob)).text
    assert "Locked" in ann.http.get(f"{PEOPLE}?search=bob").text
    assert press(ann, world.bob, "unlock").headers["location"] == f"{path_of(world.bob)}?done=unlocked"
    assert audited(world, 1) == [("user_changed", f"user {world.bob.user_id}: unlocked")]
    assert world.browser().sign_in("bob").status_code == 303
    assert "Locked" not in ann.http.get(path_of(world.bob)).text


@pytest.mark.spec("Workgate", "people", "an administrator ends all sessions of a user")
def test_ending_sessions(world: World) -> None:
    ann, bob = world.browser(), world.browser()
    ann.sign_in()
    bob.sign_in("bob")
    token = world.connect(world.web, bob)["access_token"]
    assert press(ann, world.bob, "end-sessions").status_code == 303
    assert bob.http.get("/").status_code == 302
    assert not world.works(token)
    assert ann.http.get("/").status_code == 200
    assert audited(world, 1) == [("sessions_ended", f"all of user {world.bob.user_id}")]


# --- what nobody can do


@pytest.mark.spec("Workgate", "people", "nobody disables himself or takes his own administrator right away")
def test_oneself(shared: World, ann: Browser) -> None:
    a_person(shared, f"other{len(people_called(shared, 'other'))}", is_admin=True)
    for field, said in (("is_active", "disable yourself"), ("is_admin", "your own administrator right")):
        page = save(ann, shared.ann, field)
        assert page.status_code == 422
        assert said in error_of(page, field)
    page = save(ann, shared.ann, sso_only="on")
    assert "your own password" in error_of(page, "sso_only")
    assert stored(shared, shared.ann).user == shared.ann


@pytest.mark.spec("Workgate", "people", "of administrators the last active one stays, whoever asks at the same moment")
def test_two_administrators_at_once(world: World) -> None:
    second = world.stand_in.create_user(world.acme, "second", PASSWORD, is_admin=True)
    browsers = {"ann": world.browser(), "second": world.browser()}
    for name, browser in browsers.items():
        assert browser.sign_in(name).status_code == 303
    targets = {"ann": second, "second": world.ann}
    forms = {}
    for name, browser in browsers.items():
        path = path_of(targets[name])
        fields = entries(browser.http.get(path), path)
        del fields["is_admin"]
        forms[name] = (path, fields)
    answers = at_once([partial(browsers[name].http.post, path, data=form) for name, (path, form) in forms.items()])
    left = [user for user in (world.ann, second) if stored(world, user).user.is_admin]
    assert len(left) == 1
    assert sorted(answer.status_code for answer in answers)[0] == 303


@pytest.mark.spec("Workgate", "people", "a form that another administrator's change has overtaken changes nothing")
def test_overtaken(shared: World, ann: Browser) -> None:
    user = a_person(shared, f"hal{len(people_called(shared, 'hal'))}")
    path = path_of(user)
    fields = entries(ann.http.get(path), path)
    shared.stand_in.run(
        shared.stand_in.workgate.services.people.change(
            shared.acme, user.user_id, PersonChanges(is_active=False), by=OPERATOR
        )
    )
    page = ann.http.post(path, data={**fields, "first_name": "Hal"})
    assert page.status_code == 409
    assert "Somebody else changed this user" in problem_of(page)
    assert not stored(shared, user).user.is_active
    assert 'value="Hal"' in page.text
    # The page that says so can be sent.
    again = entries(page, path)
    del again["is_active"]
    assert ann.http.post(path, data=again).status_code == 303
    assert stored(shared, user).user.first_name == "Hal"


PATHS = [
    ("GET", ""),
    ("GET", "?search=x"),
    ("GET", "/new"),
    ("POST", "/new"),
    ("GET", "/{bob}"),
    ("POST", "/{bob}"),
    ("POST", "/{bob}/unlock"),
    ("POST", "/{bob}/end-sessions"),
]


def ask(browser: Browser, method: str, path: str, csrf: str = "") -> httpx.Response:
    typed = {"username": "forged", "is_admin": "on", "seen": "", "csrf": csrf}
    return browser.http.post(path, data=typed) if method == "POST" else browser.http.get(path)


def everybody(world: World) -> object:
    page = world.stand_in.run(world.stand_in.workgate.services.people.people(world.acme, limit=200, by=OPERATOR))
    return page.people


@pytest.mark.spec("OWASP ASVS", "V8.3", "only administrators look after people")
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_only_administrators(shared: World, method: str, path: str) -> None:
    address = PEOPLE + path.format(bob=shared.bob.user_id)
    before = everybody(shared)
    stranger = ask(shared.browser(), method, address)
    assert stranger.status_code == (302 if method == "GET" else 303)
    assert parse_qs(urlsplit(stranger.headers["location"]).query)["next"] == [address if method == "GET" else PEOPLE]
    bob = shared.browser()
    bob.sign_in("bob")
    own = form_fields(bob.http.get("/").text, "/logout")["csrf"]
    answer = ask(bob, method, address, own)
    assert answer.status_code == 403
    assert "Only administrators can open this page" in answer.text
    assert [person.user for person in everybody(shared)] == [person.user for person in before]  # type: ignore[attr-defined]


@pytest.mark.spec("OWASP ASVS", "V3.5", "every form of people has an anti-CSRF value, bound to the session")
@pytest.mark.parametrize("path", [path for method, path in PATHS if method == "POST"])
def test_forged_forms(shared: World, ann: Browser, path: str) -> None:
    address = PEOPLE + path.format(bob=shared.bob.user_id)
    other = shared.browser()
    other.sign_in()
    foreign = form_fields(other.http.get("/").text, "/logout")["csrf"]
    before = everybody(shared)
    for csrf in ("", "x", foreign, foreign[:-1]):
        assert ask(ann, "POST", address, csrf).status_code == 403
    for content_type in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
        answer = ann.http.post(address, content=b"csrf=x", headers={"Content-Type": content_type})
        assert answer.status_code == 403
    assert [person.user for person in everybody(shared)] == [person.user for person in before]  # type: ignore[attr-defined]


@pytest.mark.spec("contract", "1.4", "nobody of another environment is seen or changed")
def test_another_environment(shared: World, ann: Browser) -> None:
    csrf = form_fields(ann.http.get("/").text, "/logout")["csrf"]
    users = shared.stand_in.workgate.database.users
    for environment in (shared.globex, shared.preview):
        theirs = shared.stand_in.run(users.account_named(environment.environment_id, "ann"))
        assert theirs is not None
        for method, path in PATHS:
            if "{bob}" in path:
                address = PEOPLE + path.format(bob=theirs.user.user_id)
                assert ask(ann, method, address, csrf).status_code == 404
        assert shared.stand_in.run(users.account_named(environment.environment_id, "ann")) == theirs
    for user_id in ("0" * 32, "..", "%2e%2e", "x" * 3000, "%00", "%E2%80%AE", "ÿ", shared.bob.user_id.upper()):
        assert ann.http.get(f"{PEOPLE}/{user_id}").status_code in {200, 404}
    for method, path in PATHS:
        for other in ("PUT", "DELETE", "PATCH"):
            assert ann.http.request(other, PEOPLE + path.format(bob=shared.bob.user_id)).status_code == 405, method
