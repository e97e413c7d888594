"""One's own second steps: who may change them, how long after signing in, and which must stay."""

import re
from collections.abc import Callable
from functools import partial

import httpx
import pytest
from tests.administering import error_of, problem_of
from tests.authenticators import (
    APP,
    CODES,
    PASSKEY,
    SECURITY,
    App,
    Passkey,
    Person,
    a_person,
    is_signed_in,
    options_in,
    require_two_steps,
    requiring_two_steps,
)
from tests.browser import PASSWORD, World, at_once, form_fields

from workgate.domain.audit import AuditEvent, AuditRecord

CONFIRM = f"{SECURITY}/confirm"
_REMOVE = re.compile(rf'href="({SECURITY}/\d+/remove)"')


@pytest.fixture(autouse=True)
def another_minute(shared: World) -> None:
    """The limits count by the minute; these tests share an address."""
    shared.clock.advance(91)


def removals(person: Person) -> list[str]:
    """The pages that remove what somebody has set up, oldest first."""
    return _REMOVE.findall(person.browser.http.get(SECURITY).text)


def remove(person: Person, path: str) -> httpx.Response:
    return person.post(path, {})


def confirm(person: Person, password: str = PASSWORD, target: str = SECURITY) -> httpx.Response:
    http = person.browser.http
    fields = form_fields(http.get(CONFIRM, params={"next": target}).text, CONFIRM)
    return http.post(CONFIRM, data={**fields, "password": password})


def events(world: World, person: Person) -> list[AuditRecord]:
    world.stand_in.sweep()
    environment_id = person.environment.environment_id
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(environment_id, 1000))
    return [record for record in records if record.actor == person.user.user_id]


@pytest.mark.spec("ASVS 5.0", "6.3.3", "adding and removing a second step ends no session and is on the audit log")
def test_add_and_remove(shared: World) -> None:
    ann = a_person(shared, "adds and removes")
    elsewhere = ann.fresh_browser()
    elsewhere.sign_in(ann.user.username)
    app = ann.set_up_app()
    assert app.recovery_codes
    ann.set_up_passkey(name="Phone <b>")
    page = ann.browser.http.get(SECURITY).text
    assert "Phone &lt;b&gt;" in page
    assert "<strong>10 of 10</strong>" in page
    first, second = removals(ann)
    asked = ann.browser.http.get(first).text
    assert "Remove your authenticator app?" in asked
    assert remove(ann, first).headers["location"] == f"{SECURITY}?done=removed"
    assert "Remove this passkey?" in ann.browser.http.get(second).text
    assert "your password alone will sign you in" in ann.browser.http.get(second).text
    assert remove(ann, second).status_code == 303
    assert "It is off" in ann.browser.http.get(SECURITY).text
    assert is_signed_in(ann.browser)
    assert is_signed_in(elsewhere)
    assert ann.fresh_browser().sign_in(ann.user.username).headers["location"] == "/"
    happened = [(record.event, record.reason) for record in events(shared, ann) if "factor" in record.event]
    assert happened == [
        (AuditEvent.SECOND_FACTOR_REMOVED, "passkey, 'Phone <b>'"),
        (AuditEvent.SECOND_FACTOR_REMOVED, "totp, ''"),
        (AuditEvent.SECOND_FACTOR_ADDED, "passkey, 'Phone <b>'"),
        (AuditEvent.SECOND_FACTOR_ADDED, "totp, ''"),
    ]


@pytest.mark.spec("ASVS 5.0", "7.5.1", "ten minutes after signing in the password is asked for again before a change")
def test_recent_sign_in(shared: World) -> None:
    ann = a_person(shared, "signed in long ago")
    ann.set_up_app()
    (path,) = removals(ann)
    page = {where: form_fields(ann.browser.http.get(where).text, where) for where in (APP, PASSKEY, CODES, path)}
    old_session = ann.browser.http.cookies["workgate_session"]
    shared.clock.advance(600)
    for where, fields in page.items():
        wanted = f"{CONFIRM}?next={where.replace('/', '%2F')}"
        answer = ann.browser.http.get(where)
        assert (answer.status_code, answer.headers["location"]) == (302, wanted)
        answer = ann.browser.http.post(where, data={**fields, "code": "1", "credential": "{}"})
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    assert ann.browser.http.get(SECURITY).status_code == 200
    assert confirm(ann, "wrong").status_code == 401
    answer = confirm(ann, target=path)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    # A new session in place of the old one, and nothing else ended.
    assert ann.browser.http.cookies["workgate_session"] != old_session
    assert shared.http().get("/", headers={"Cookie": f"workgate_session={old_session}"}).status_code == 302
    assert remove(ann, path).status_code == 303


@pytest.mark.spec("ASVS 5.0", "6.3.1", "wrong passwords there lock the account as at the sign-in")
def test_guessing_in_an_open_browser(shared: World) -> None:
    ann = a_person(shared, "left her browser open")
    assert [confirm(ann, f"wrong {i}").status_code for i in range(5)] == [401] * 5
    assert confirm(ann).status_code == 401
    assert ann.fresh_browser().sign_in(ann.user.username).status_code == 401
    assert is_signed_in(ann.browser)
    shared.clock.advance(601)
    assert confirm(ann).status_code == 303


def test_confirming_leads_nowhere_else(shared: World) -> None:
    ann = a_person(shared, "is led astray")
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert confirm(ann, target=target).headers["location"] == "/"


def test_a_disabled_user_confirms_nothing(shared: World) -> None:
    ann = a_person(shared, "disabled meanwhile")
    fields = form_fields(ann.browser.http.get(CONFIRM).text, CONFIRM)
    administration = shared.stand_in.workgate.services.administration
    shared.stand_in.run(administration.set_active(shared.acme, ann.user.username, active=False))
    answer = ann.browser.http.post(CONFIRM, data={**fields, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")


@pytest.mark.spec("ASVS 5.0", "6.3.3", "the last second step stays where the environment asks for two")
def test_the_last_one_stays(shared: World) -> None:
    environment = requiring_two_steps(shared)
    require_two_steps(shared, environment, required=False)
    ann = a_person(shared, "strict", environment)
    ann.set_up_app()
    ann.set_up_passkey()
    first, second = removals(ann)
    form = form_fields(ann.browser.http.get(second).text, second)
    require_two_steps(shared, environment)
    assert remove(ann, first).status_code == 303
    assert removals(ann) == []
    refused = ann.browser.http.post(second, data=form)
    assert refused.status_code == 409
    assert problem_of(refused).startswith("Your organisation asks for two steps")
    ann.set_up_app()
    assert remove(ann, second).status_code == 303


@pytest.mark.spec("ASVS 5.0", "6.3.3", "not even the last two at once can be removed there")
def test_the_last_two_at_once(shared: World) -> None:
    environment = requiring_two_steps(shared)
    require_two_steps(shared, environment, required=False)
    ann = a_person(shared, "removes at once", environment)
    ann.set_up_app()
    ann.set_up_passkey()
    require_two_steps(shared, environment)
    forms = [(path, form_fields(ann.browser.http.get(path).text, path)) for path in removals(ann)]
    calls: list[Callable[[], httpx.Response]] = [
        partial(ann.browser.http.post, path, data=fields) for path, fields in forms
    ]
    assert sorted(answer.status_code for answer in at_once(calls)) == [303, 409]
    assert ann.begin().http.get("/login/second-step").status_code == 200


def test_of_another_user_or_environment_nothing_is_removed(shared: World) -> None:
    ann, bob = a_person(shared, "owner"), a_person(shared, "thief", is_admin=True)
    namesake = a_person(shared, "owner", shared.globex)
    ann.set_up_app()
    (path,) = removals(ann)
    for somebody in (bob, namesake):
        somebody.set_up_app()
        (own,) = removals(somebody)
        form = form_fields(somebody.browser.http.get(own).text, own)
        assert somebody.browser.http.get(path).status_code == 404
        assert somebody.browser.http.post(path, data=form).status_code == 404
    assert removals(ann) == [path]


@pytest.mark.parametrize("factor_id", ["0", "-1", "9" * 19, "9" * 400, "1e3", "%00", "٣", "x", str(2**63)])
def test_odd_ids(shared: World, factor_id: str) -> None:
    somebody = a_person(shared, f"odd ids {factor_id[:20]}{len(factor_id)}")
    path = f"{SECURITY}/{factor_id}/remove"
    assert somebody.browser.http.get(path).status_code == 404
    csrf = form_fields(somebody.browser.http.get(APP).text, APP)["csrf"]
    assert somebody.browser.http.post(path, data={"csrf": csrf}).status_code == 404


@pytest.mark.spec("ASVS 5.0", "3.5.1", "every form is bound to the session that it was made for")
def test_forged_forms(shared: World) -> None:
    ann, bob = a_person(shared, "forged against"), a_person(shared, "forges")
    ann.set_up_app()
    (path,) = removals(ann)
    theirs = form_fields(bob.browser.http.get(APP).text, APP)["csrf"]
    for where in (APP, PASSKEY, CODES, CONFIRM, path):
        for csrf in ("", "x", theirs):
            answer = ann.browser.http.post(where, data={"csrf": csrf, "password": PASSWORD, "code": "1"})
            assert answer.status_code == 403, (where, csrf)
        assert shared.http().post(where, data={"csrf": theirs}).headers["location"].startswith("/login?next=")
    assert removals(ann) == [path]


@pytest.mark.spec("ASVS 5.0", "6.5.1", "an authenticator app is set up only with its right code, and the secret stays")
def test_wrong_code_at_set_up(shared: World) -> None:
    ann = a_person(shared, "types wrong")
    page = ann.browser.http.get(APP)
    app, form = App.scanning(page), form_fields(page.text, APP)
    for code in ("", "000000", "abc", "0" * 10_000, "<script>"):
        again = ann.browser.http.post(APP, data={**form, "code": code})
        assert again.status_code == 422
        assert error_of(again, "code").startswith("This is not the code")
        assert App.scanning(again).secret == app.secret
        assert "<script>" not in again.text.partition("</head>")[2].replace("<script src", "")
    good = ann.browser.http.post(APP, data={**form, "code": app.code(shared)})
    assert good.status_code == 200
    twice = ann.browser.http.post(APP, data={**form, "code": app.code(shared)})
    assert twice.status_code == 422
    assert "set up already" in problem_of(twice)


@pytest.mark.spec("ASVS 5.0", "6.5.1", "a secret that was offered to somebody, or long ago, is nobody else's")
def test_a_ticket_is_its_browsers(shared: World) -> None:
    ann, bob = a_person(shared, "was offered"), a_person(shared, "takes it")
    page = ann.browser.http.get(APP)
    app, ticket = App.scanning(page), form_fields(page.text, APP)["ticket"]
    other_browser = ann.fresh_browser()
    other_browser.sign_in(ann.user.username)
    for http in (bob.browser.http, other_browser.http):
        form = form_fields(http.get(APP).text, APP)
        answer = http.post(APP, data={**form, "ticket": ticket, "code": app.code(shared)})
        assert answer.status_code == 422
        assert App.scanning(answer).secret != app.secret
    for odd in ("", "x", "AAAA" * 30, "é", "\u202e"):
        form = form_fields(ann.browser.http.get(APP).text, APP)
        assert ann.browser.http.post(APP, data={**form, "ticket": odd, "code": app.code(shared)}).status_code == 422
    assert removals(ann) == []


def test_a_secret_that_was_offered_too_long_ago(shared: World) -> None:
    ann = a_person(shared, "took a break")
    page = ann.browser.http.get(APP)
    app, ticket = App.scanning(page), form_fields(page.text, APP)["ticket"]
    shared.clock.advance(606)
    assert confirm(ann).status_code == 303
    form = form_fields(ann.browser.http.get(APP).text, APP)
    answer = ann.browser.http.post(APP, data={**form, "ticket": ticket, "code": app.code(shared)})
    assert answer.status_code == 422
    assert "open for too long" in problem_of(answer)


def test_another_app_takes_the_place_of_the_first(shared: World) -> None:
    ann = a_person(shared, "has a new phone")
    old = ann.set_up_app()
    shared.clock.advance(30)
    assert "It takes the place of your present app" in ann.browser.http.get(APP).text
    new = ann.set_up_app()
    assert new.recovery_codes == []
    assert len(removals(ann)) == 1
    shared.clock.advance(30)
    assert ann.show_code(ann.begin(), old.code(shared)).status_code == 401
    assert ann.show_code(ann.begin(), new.code(shared)).status_code == 303
    assert ann.show_code(ann.begin(), old.recovery_codes[0], "recovery").status_code == 303


def test_nobody_has_more_than_ten(shared: World) -> None:
    ann = a_person(shared, "collects")
    for number in range(10):
        ann.set_up_passkey(name=f"Key {number}")
    page = ann.browser.http.get(SECURITY).text
    assert "You have 10" in page
    assert f'href="{PASSKEY}"' not in page
    passkey = Passkey()
    options = options_in(ann.browser.http.get(PASSKEY))
    assert len(options["excludeCredentials"]) == 10
    answer = ann.post(PASSKEY, {"credential": passkey.create(options, ann.origin)})
    assert answer.status_code == 422
    assert len(removals(ann)) == 10


def test_recovery_codes_need_a_second_step(shared: World) -> None:
    ann = a_person(shared, "has none")
    answer = ann.post(CODES, {})
    assert answer.status_code == 409
    assert "set one up first" in problem_of(answer)


def test_what_the_address_says_was_done_is_one_of_ours(shared: World) -> None:
    ann = a_person(shared, "reads")
    assert "was added" in ann.browser.http.get(SECURITY, params={"done": "added"}).text
    assert 'role="status"' not in ann.browser.http.get(SECURITY, params={"done": "<b>hacked</b>"}).text
