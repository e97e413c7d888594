"""Changing the password: who may, what the policy takes, and what it ends (SECURITY 19, 23, 24)."""

import itertools
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from tests.browser import PASSWORD, Browser, World, a_world, at_once, form_fields

from workgate.domain.audit import AuditEvent
from workgate.domain.signing_in import PasswordPolicy, SignInRules, SsoMode

PAGE = "/account/password"
STEP = "/login/new-password"
SIGN_IN = "/attask/api/login"
NEW = "wibble drone tackle"


@pytest.fixture(autouse=True)
def another_minute(shared: World) -> None:
    """The limits count by the minute; these tests share an address."""
    shared.clock.advance(61)


def set_rules(world: World, sso: SsoMode = SsoMode.NONE, **policy: Any) -> None:
    where = world.acme.environment_id
    record = world.stand_in.workgate.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, world.acme)
    changed = SignInRules(sso=sso, administrators_exempt=False, passwords=PasswordPolicy(**policy))
    world.stand_in.run(world.stand_in.workgate.database.sign_in_rules.set_rules(where, changed, record=record))


@pytest.fixture
def rules(shared: World) -> Iterator[None]:
    """Whatever a test decides about signing in, the next one begins with the defaults."""
    yield
    set_rules(shared)


def a_person(world: World, name: str) -> Browser:
    """Somebody new, signed in."""
    world.stand_in.create_user(world.acme, name, PASSWORD, email=f"{name}@acme.example")
    browser = world.browser()
    assert browser.sign_in(name).status_code == 303
    return browser


def another_window(world: World, browser: Browser) -> Browser:
    """The same browser once more: a client serves one thread at a time."""
    made = world.browser()
    made.http.cookies.update(browser.http.cookies)
    return made


def change(browser: Browser, new: str = NEW, current: str = PASSWORD, **more: str) -> httpx.Response:
    fields = form_fields(browser.http.get(PAGE).text, PAGE)
    return browser.http.post(PAGE, data={**fields, "current": current, "new": new, "again": new, **more})


def log_in(world: World, name: str, password: str) -> int:
    return world.http().post(SIGN_IN, data={"username": name, "password": password}).status_code


def session_of(browser: Browser) -> str:
    return str(browser.http.cookies["workgate_session"])


def errors(page: str) -> list[str]:
    """What stands beside the fields."""
    found = re.findall(r'class="field-error".*?</div>', page, re.S)
    return [text for part in found for text in re.findall(r"<p>(.*?)</p>", part)]


def audited(world: World, event: AuditEvent) -> int:
    world.stand_in.sweep()
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(world.acme.environment_id, 1000))
    return [record.event for record in records].count(event)


@pytest.mark.spec("ASVS 5.0", "6.2.2", "users can change their password, and go on under a new session ID")
def test_change(shared: World) -> None:
    browser, before = a_person(shared, "changes"), audited(shared, AuditEvent.PASSWORD_CHANGED)
    old = session_of(browser)
    answer = change(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=changed")
    assert session_of(browser) != old
    assert not shared.works(old)
    assert "Your password was changed" in browser.http.get(answer.headers["location"]).text
    assert "Your password was changed" not in browser.http.get(PAGE).text
    assert [log_in(shared, "changes", password) for password in (PASSWORD, NEW)] == [401, 200]
    assert audited(shared, AuditEvent.PASSWORD_CHANGED) == before + 1


@pytest.mark.spec("ASVS 5.0", "7.4.3", "a change of the password ends all other sessions, and keeps consents")
def test_other_sessions_end(shared: World) -> None:
    browser = a_person(shared, "elsewhere too")
    other = shared.browser()
    other.sign_in("elsewhere too")
    tokens = shared.connect(shared.plain, other)
    answer = shared.http().post(SIGN_IN, data={"username": "elsewhere too", "password": PASSWORD})
    sessions = [tokens["access_token"], answer.json()["data"]["sessionID"], session_of(other)]
    assert [shared.works(session) for session in sessions] == [True] * 3
    assert change(browser).status_code == 303
    assert [shared.works(session) for session in sessions] == [False] * 3
    assert other.http.get("/").status_code == 302
    assert browser.http.get("/").status_code == 200
    assert shared.refresh(shared.plain, tokens["refresh_token"]).status_code == 200


@pytest.mark.spec("ASVS 5.0", "6.2.3", "changing the password needs the present one")
def test_wrong_present_password(shared: World) -> None:
    browser = a_person(shared, "mistypes")
    answer = change(browser, current="wrong")
    assert answer.status_code == 422
    assert "This is not your present password" in errors(answer.text)[0]
    assert NEW not in answer.text
    assert log_in(shared, "mistypes", PASSWORD) == 200
    assert change(browser, current="").status_code == 422


@pytest.mark.spec("ASVS 5.0", "6.3.1", "wrong present passwords count as failed sign-ins: five lock the account")
def test_guessing_the_present_password(shared: World) -> None:
    browser = a_person(shared, "guessed at")
    assert [change(browser, current=f"wrong {i}").status_code for i in range(5)] == [422] * 5
    assert log_in(shared, "guessed at", PASSWORD) == 401
    assert change(browser).status_code == 422  # the right one, too late
    shared.clock.advance(601)
    assert change(browser).status_code == 303


@pytest.mark.spec("ASVS 5.0", "6.3.1", "of many guesses of the present password at one moment, no more count than five")
def test_guessing_the_present_password_at_once(shared: World) -> None:
    browser = a_person(shared, "guessed at once")
    fields = form_fields(browser.http.get(PAGE).text, PAGE)

    def guess(current: str) -> int:
        data = {**fields, "current": current, "new": NEW, "again": NEW}
        return another_window(shared, browser).http.post(PAGE, data=data).status_code

    assert at_once([partial(guess, f"guess {i}") for i in range(12)]) == [422] * 12
    assert guess(PASSWORD) == 422
    assert log_in(shared, "guessed at once", PASSWORD) == 401


@pytest.mark.spec("ASVS 5.0", "6.2.1", "the policy is kept to, and every rule that is broken is named at once")
@pytest.mark.parametrize(
    ("new", "number"), [("short", 2), ("password123", 1), ("breaks.a.lot", 1), ("x" * 1025, 1), ("", 1), ("abc", 2)]
)
def test_policy(shared: World, ann: Browser, new: str, number: int) -> None:
    browser = ann if new != "breaks.a.lot" else a_person(shared, "breaks a lot")
    answer = change(browser, new)
    assert answer.status_code == 422
    assert len(errors(answer.text)) == number
    assert not new or f'value="{new}"' not in answer.text


def test_the_policy_is_said_beforehand(shared: World, ann: Browser, rules: None) -> None:
    set_rules(shared, minimum_length=12, kinds=3, history=5)
    page = ann.http.get(PAGE).text
    for text in ("Use at least 12 characters.", "Use at least 3 of these kinds", "any of your last 5 passwords"):
        assert text in page
    assert len(errors(change(ann, "tiny").text)) == 3


def test_both_must_be_the_same(shared: World, ann: Browser) -> None:
    answer = change(ann, again="something else")
    assert answer.status_code == 422
    assert errors(answer.text) == ["You typed another password here than above. Type both once more."]


@pytest.mark.spec("ASVS 5.0", "6.2.10", "former passwords are refused as far back as the environment says")
def test_history(shared: World, rules: None) -> None:
    set_rules(shared, history=3)
    browser = a_person(shared, "goes in circles")
    passwords = [PASSWORD, "wibble drone one", "wibble drone two", "wibble drone three"]
    for current, new in itertools.pairwise(passwords):
        assert change(browser, new, current).status_code == 303
    for old in passwords[1:]:
        answer = change(browser, old, passwords[-1])
        assert (answer.status_code, errors(answer.text)) == (422, ["Do not use any of your last 3 passwords."])
    assert change(browser, PASSWORD, passwords[-1]).status_code == 303


@pytest.mark.spec("ASVS 5.0", "6.2.10", "a password that is too old must be changed on the way in, to another one")
def test_expiry(shared: World, rules: None) -> None:
    a_person(shared, "too old")
    browser = shared.browser()
    set_rules(shared, expires_days=90)
    shared.clock.advance(90 * 86_400 - 1)
    assert browser.sign_in("too old", target="/account/sessions").headers["location"] == "/account/sessions"
    shared.clock.advance(1)
    browser = shared.browser()
    assert log_in(shared, "too old", PASSWORD) == 401  # the API has no page for it
    assert browser.sign_in("too old", target="/account/sessions").headers["location"] == STEP
    assert browser.http.get("/").status_code == 302
    page = browser.http.get(STEP)
    assert "Your password is older than" in page.text
    fields = form_fields(page.text, STEP)
    for new, texts in ((PASSWORD, ["Do not use the password that you have now."]), ("password1", [None])):
        answer = browser.http.post(STEP, data={**fields, "new": new, "again": new})
        assert answer.status_code == 422
        assert len(errors(answer.text)) == len(texts)
    assert browser.http.get("/").status_code == 302
    answer = browser.http.post(STEP, data={**fields, "new": NEW, "again": NEW})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/sessions")
    assert browser.http.get("/").status_code == 200
    assert log_in(shared, "too old", NEW) == 200
    # The step is settled: its form does nothing any more.
    again = browser.http.post(STEP, data={**fields, "new": "wibble drone two", "again": "wibble drone two"})
    assert again.status_code == 403
    assert log_in(shared, "too old", NEW) == 200


def test_the_step_needs_a_sign_in_under_way(shared: World, rules: None) -> None:
    a_person(shared, "also too old")
    set_rules(shared, expires_days=1)
    shared.clock.advance(2 * 86_400)
    browser, thief = shared.browser(), shared.browser()
    for method in ("GET", "POST"):
        assert thief.http.request(method, STEP).status_code == 403
    assert browser.sign_in("also too old").headers["location"] == STEP
    fields = form_fields(browser.http.get(STEP).text, STEP)
    # Another browser with a stolen ticket, but another form cookie.
    thief.http.get("/login")
    thief.http.cookies.set("workgate_pending", browser.http.cookies["workgate_pending"])
    stolen = thief.http.post(STEP, data={**fields, "new": NEW, "again": NEW})
    assert stolen.status_code == 403
    assert browser.http.post(STEP, data={"csrf": "forged", "new": NEW, "again": NEW}).status_code == 403
    shared.clock.advance(601)
    assert browser.http.get(STEP).status_code == 403
    assert log_in(shared, "also too old", NEW) == 401


@pytest.mark.spec("ASVS 5.0", "6.3.1", "tries and minutes of a lock are the environment's, the operator's by default")
def test_lock_of_the_environment(shared: World, rules: None) -> None:
    a_person(shared, "locked sooner")
    set_rules(shared, lock_tries=2, lock_minutes=30)
    assert [log_in(shared, "locked sooner", "wrong") for _ in range(2)] == [401] * 2
    assert log_in(shared, "locked sooner", PASSWORD) == 401
    shared.clock.advance(30 * 60 - 1)
    assert log_in(shared, "locked sooner", PASSWORD) == 401
    shared.clock.advance(2)
    assert log_in(shared, "locked sooner", PASSWORD) == 200


@pytest.mark.spec("RFC 9700", "4.7", "a forged or stale form changes no password")
def test_forged_forms(shared: World) -> None:
    browser = a_person(shared, "is tricked")
    other = a_person(shared, "lends a form")
    theirs = form_fields(other.http.get(PAGE).text, PAGE)["csrf"]
    for csrf in ("", "forged", theirs, "x" * 5000, "\0"):
        answer = change(browser, csrf=csrf)
        assert answer.status_code == 403
        assert NEW not in answer.text
    assert shared.http().post(PAGE, data={"current": PASSWORD, "new": NEW, "again": NEW}).status_code == 303
    assert log_in(shared, "is tricked", PASSWORD) == 200
    for method in ("PUT", "DELETE", "PATCH"):
        assert browser.http.request(method, PAGE).status_code == 405


def test_whoever_signs_in_with_sso_has_no_password_to_change(shared: World, rules: None) -> None:
    browser = a_person(shared, "of the provider")
    set_rules(shared, SsoMode.ONLY)
    page = browser.http.get(PAGE)
    assert page.status_code == 404
    assert "You have no password here" in page.text
    assert browser.http.post(PAGE, data={"current": PASSWORD, "new": NEW, "again": NEW}).status_code == 404


def test_two_changes_at_once(shared: World) -> None:
    browser = a_person(shared, "changes twice")
    fields = form_fields(browser.http.get(PAGE).text, PAGE)
    wanted = [f"wibble drone {i}" for i in range(4)]

    def attempt(new: str) -> int:
        data = {**fields, "current": PASSWORD, "new": new, "again": new}
        return another_window(shared, browser).http.post(PAGE, data=data).status_code

    answers = at_once([partial(attempt, new) for new in wanted])
    assert answers.count(303) in {1}
    assert set(answers) <= {303, 409}
    right = [new for new in wanted if log_in(shared, "changes twice", new) == 200]
    assert len(right) == 1
    assert answers[wanted.index(right[0])] == 303


def test_odd_characters(shared: World) -> None:
    browser = a_person(shared, "odd")
    odd = "\u202e<b> \u2028 ünï😀"
    assert change(browser, odd).status_code == 303
    assert log_in(shared, "odd", odd) == 200


def test_without_a_limit_of_time() -> None:
    """A world of its own: too many failures from one address are held up here as at the sign-in page."""
    with a_world(sign_in_failures_per_address=3) as world:
        browser = world.browser()
        browser.sign_in()
        assert [change(browser, current="wrong").status_code for _ in range(3)] == [422] * 3
        answer = change(browser, current="wrong")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
