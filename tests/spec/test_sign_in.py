"""Who guesses passwords is slowed and locked out, learns nothing, and sessions end by themselves (SECURITY 23, 24)."""

import re
import time
from collections.abc import Callable
from functools import partial

import httpx
import pytest
from tests.browser import PASSWORD, TOKEN, Browser, World, a_world, at_once, form_fields

from workgate.domain.accounts import Environment
from workgate.domain.audit import AuditEvent

LOGIN = "/attask/api/login"


def person(world: World, name: str) -> str:
    world.stand_in.create_user(world.acme, name, PASSWORD)
    return name


def log_in(world: World, username: str, password: str = PASSWORD) -> int:
    return world.http().post(LOGIN, data={"username": username, "password": password}).status_code


def lock(world: World, username: str) -> None:
    assert [log_in(world, username, f"wrong {i}") for i in range(5)] == [401] * 5


def events(world: World, user_id: str | None = None) -> list[AuditEvent]:
    world.stand_in.sweep()  # what was handed over for the audit log is there now
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(world.acme.environment_id, 1000))
    return [record.event for record in records if user_id is None or record.actor == user_id]


@pytest.fixture(autouse=True)
def another_minute(shared: World) -> None:
    """The limits count by the minute; these tests share an address."""
    shared.clock.advance(61)


@pytest.mark.spec("ASVS 5.0", "6.3.1", "five wrong passwords in a row lock the account for ten minutes")
def test_lock(shared: World) -> None:
    name = person(shared, "locked for ten minutes")
    lock(shared, name)
    assert log_in(shared, name) == 401
    assert shared.browser().sign_in(name).status_code == 401
    shared.clock.advance(9 * 60 + 59)
    assert log_in(shared, name) == 401
    shared.clock.advance(2)
    assert log_in(shared, name) == 200


@pytest.mark.spec("ASVS 5.0", "6.3.1", "guessing on does not prolong the lock, and afterwards the count begins anew")
def test_count_after_a_lock(shared: World) -> None:
    name = person(shared, "locked and guessed on")
    lock(shared, name)
    shared.clock.advance(9 * 60 + 59)
    assert log_in(shared, name, "wrong") == 401
    shared.clock.advance(2)
    assert [log_in(shared, name, "wrong") for _ in range(4)] == [401] * 4
    assert log_in(shared, name) == 200


@pytest.mark.spec("ASVS 5.0", "6.3.1", "a right password resets the count")
def test_count_is_of_tries_in_a_row(shared: World) -> None:
    name = person(shared, "forgetful")
    for _ in range(2):
        assert [log_in(shared, name, "wrong") for _ in range(4)] == [401] * 4
        assert log_in(shared, name) == 200


@pytest.mark.spec("ASVS 5.0", "6.3.1", "the page and the API count together, and so do all spellings of a user name")
def test_one_count(shared: World) -> None:
    name = person(shared, "Straße")
    assert log_in(shared, "STRASSE", "wrong") == 401
    assert log_in(shared, " straße ", "wrong") == 401
    for _ in range(3):
        assert shared.browser().sign_in("Strasse", "wrong").status_code == 401
    assert log_in(shared, name) == 401


@pytest.mark.spec("ASVS 5.0", "6.3.1", "parallel wrong guesses lock once, and give no more tries than five")
def test_parallel_guesses(shared: World) -> None:
    name = person(shared, "guessed at once")
    user = shared.stand_in.run(shared.stand_in.workgate.services.administration.user_named(shared.acme, name))
    guesses: list[Callable[[], int]] = [partial(log_in, shared, name, f"guess {i}") for i in range(12)]
    assert at_once(guesses) == [401] * 12
    assert log_in(shared, name) == 401
    assert events(shared, user.user_id).count(AuditEvent.ACCOUNT_LOCKED) == 1
    shared.clock.advance(601)
    assert log_in(shared, name) == 200


@pytest.mark.spec("ASVS 5.0", "6.3.1", "the right password among parallel wrong ones opens nothing once locked")
def test_right_guess_among_parallel_ones(shared: World) -> None:
    name = person(shared, "guessed right too late")
    lock(shared, name)
    calls: list[Callable[[], int]] = [partial(log_in, shared, name, text) for text in (PASSWORD, "a", PASSWORD, "b")]
    assert at_once(calls) == [401] * 4


@pytest.mark.spec("ASVS 5.0", "6.3.1", "a lock ends no session that is open")
def test_lock_ends_no_session(shared: World) -> None:
    name = person(shared, "signed in before")
    browser = shared.browser()
    browser.sign_in(name)
    lock(shared, name)
    assert browser.http.get("/").status_code == 200


def plain(answer: httpx.Response, username: str) -> tuple[int, str, list[str]]:
    """An answer without what is another each time: the reference, the anti-CSRF value and the name that was typed."""
    text = re.sub(r"[0-9A-Z]{4}-[0-9A-Z]{4}", "REFERENCE", answer.text)
    text = re.sub(r'name="csrf" value="[^"]*"', "CSRF", text).replace(username, "NAME")
    return answer.status_code, text, sorted(answer.headers.keys())


@pytest.mark.spec("ASVS 5.0", "6.3.8", "unknown, locked and disabled users get the answer of a wrong password")
def test_same_answer(shared: World) -> None:
    known, locked, disabled = (person(shared, name) for name in ("known-one", "locked-one", "disabled-one"))
    lock(shared, locked)
    administration = shared.stand_in.workgate.services.administration
    shared.stand_in.run(administration.set_active(shared.acme, disabled, active=False))
    people = [(known, "wrong"), ("unknown-one", PASSWORD), (locked, PASSWORD), (disabled, PASSWORD), ("", "")]
    pages = [plain(shared.browser().sign_in(name, password), name or " ") for name, password in people[:-1]]
    assert len({(status, text) for status, text, _ in pages}) == 1
    assert all(headers == pages[0][2] for _, _, headers in pages)
    answers = [shared.http().post(LOGIN, data={"username": name, "password": text}) for name, text in people]
    assert len({plain(answer, "NAME")[:2] for answer in answers}) == 1


@pytest.mark.spec("ASVS 5.0", "6.3.8", "unknown users cost the same time")
def test_same_time() -> None:
    with a_world(sign_in_failures_per_address=1000, sign_in_failures_per_account=1000, lock_tries=100) as world:
        http = world.http()

        def seconds(username: str) -> float:
            """Computing time of the whole process, in which the server's threads run: other processes do not count."""
            began = time.process_time()
            assert http.post(LOGIN, data={"username": username, "password": "wrong"}).status_code == 401
            return time.process_time() - began

        seconds("nobody")
        known, unknown = (min(seconds(name) for _ in range(5)) for name in ("ann", "nobody"))
        assert 0.5 < unknown / known < 2, (known, unknown)


@pytest.mark.spec("ASVS 5.0", "6.3.1", "failures are limited for an address: 429 with Retry-After")
def test_limit_for_an_address() -> None:
    with a_world(sign_in_failures_per_address=3, trusted_proxies=("127.0.0.1",)) as world:
        for i in range(3):
            assert log_in(world, f"nobody {i}", "wrong") == 401
        world.clock.advance(20)
        for answer in (
            world.http().post(LOGIN, data={"username": "ann", "password": PASSWORD}),
            world.browser().sign_in(),
        ):
            assert answer.status_code == 429
            assert answer.headers["retry-after"] == "40"
        elsewhere = {"X-Forwarded-For": "198.51.100.7"}
        answer = world.http().post(LOGIN, data={"username": "ann", "password": PASSWORD}, headers=elsewhere)
        assert answer.status_code == 200
        world.clock.advance(39)
        assert log_in(world, "ann") == 429
        world.clock.advance(1)
        assert log_in(world, "ann") == 200


@pytest.mark.spec("ASVS 5.0", "6.3.1", "failures are limited for a user name, whether it exists or not")
@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_limit_for_an_account(name: str) -> None:
    with a_world(sign_in_failures_per_account=3) as world:
        for spelling in (name, name.upper(), f" {name} "):
            assert log_in(world, spelling, "wrong") == 401
        answer = world.http().post(LOGIN, data={"username": name, "password": PASSWORD})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        assert isinstance(answer.json()["error"]["message"], str)
        assert log_in(world, "ann") == 200
        world.clock.advance(60)
        assert log_in(world, "bob") == 200


@pytest.mark.spec("ASVS 5.0", "6.3.1", "failures are limited at the token endpoint: 429 with Retry-After")
def test_limit_at_the_token_endpoint() -> None:
    with a_world(client_failures=3) as world:
        pair, client_id = world.connect(world.web), world.web.application.client_id
        for _ in range(3):
            assert world.token(world.web, {"grant_type": "refresh_token"}, auth=(client_id, "wrong")).status_code == 401
        answer = world.refresh(world.web, pair["refresh_token"])
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        assert answer.json()["statusCode"] == 429
        # Only for that client; and nothing was used up.
        assert world.refresh(world.plain, world.connect(world.plain)["refresh_token"]).status_code == 200
        world.clock.advance(60)
        assert world.refresh(world.web, pair["refresh_token"]).status_code == 200


@pytest.mark.spec("ASVS 5.0", "6.3.1", "a client that proves who it is may present more tokens that have ended")
def test_limit_of_a_proved_client() -> None:
    with a_world(client_failures=3) as world:
        pair = world.connect(world.web)
        for _ in range(29):
            assert world.refresh(world.web, "wgr_" + "A" * 56).status_code == 400
        assert world.refresh(world.web, pair["refresh_token"]).status_code == 200
        assert world.refresh(world.web, "wgr_" + "A" * 56).status_code == 400
        answer = world.refresh(world.web, pair["refresh_token"])
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        assert "reference" not in answer.json()


@pytest.mark.spec("ASVS 5.0", "6.3.1", "a client that only succeeds is never limited")
def test_success_is_never_limited() -> None:
    with a_world(client_failures=1, sign_in_failures_per_address=1, sign_in_failures_per_account=1) as world:
        pair = world.connect(world.web)
        for _ in range(5):
            answer = world.refresh(world.web, pair["refresh_token"])
            assert answer.status_code == 200
            pair = answer.json()
            assert log_in(world, "ann") == 200


@pytest.mark.spec("RFC 6749", "10.12", "the sign-in form is bound to the browser that got it")
def test_foreign_sign_in_form(shared: World) -> None:
    mine, theirs = shared.browser(), shared.browser()
    fields = form_fields(theirs.http.get("/login").text, "/login")
    for browser in (mine, shared.browser()):
        answer = browser.http.post("/login", data={**fields, "username": "bob", "password": PASSWORD})
        assert answer.status_code == 403
        assert "workgate_session" not in browser.http.cookies
        browser.http.get("/login")
    answer = mine.http.post("/login", data={"username": "bob", "password": PASSWORD})
    assert answer.status_code == 403


@pytest.mark.spec("RFC 6749", "10.12", "the sign-in form is good for twelve hours")
def test_old_sign_in_form(shared: World) -> None:
    for seconds, status in ((12 * 3600, 303), (12 * 3600 + 1, 403)):
        browser = shared.browser()
        fields = form_fields(browser.http.get("/login").text, "/login")
        shared.clock.advance(seconds)
        answer = browser.http.post("/login", data={**fields, "username": "bob", "password": PASSWORD})
        assert answer.status_code == status


@pytest.mark.spec("RFC 6749", "10.12", "signing out needs a form of this sign-in")
def test_forged_sign_out(shared: World) -> None:
    ann, bob = shared.browser(), shared.browser()
    ann.sign_in()
    bob.sign_in("bob")
    for fields in ({}, {"csrf": "x"}, form_fields(bob.http.get("/").text, "/logout")):
        assert ann.http.post("/logout", data=fields).status_code == 403
    assert ann.http.get("/").status_code == 200


def idle_hour(world: World) -> Environment:
    """An environment whose sessions live an hour unused, and three hours at most."""
    lanes = world.stand_in.create_org(
        f"idle{world.clock.now()}", session_idle_seconds=3600, session_absolute_seconds=10_800
    )
    world.stand_in.create_user(lanes[0], "ann", PASSWORD)
    return lanes[0]


def session_in(world: World, environment: Environment) -> str:
    answer = world.http(environment).post(LOGIN, data={"username": "ann", "password": PASSWORD})
    return str(answer.json()["data"]["sessionID"])


def used(world: World, environment: Environment, session_id: str) -> bool:
    """Use a session, and let the note of it reach the database."""
    alive = world.works(session_id, environment)
    world.stand_in.sweep()
    return alive


@pytest.mark.spec("ASVS 5.0", "7.3.1", "a session ends when it was idle for too long; use prolongs it")
def test_idle_expiry(shared: World) -> None:
    environment = idle_hour(shared)
    unused, sliding = session_in(shared, environment), session_in(shared, environment)
    shared.clock.advance(3599)
    assert used(shared, environment, sliding)
    shared.clock.advance(1)
    assert not used(shared, environment, unused)
    shared.clock.advance(3598)
    assert used(shared, environment, sliding)
    shared.clock.advance(3600)
    assert not used(shared, environment, sliding)


@pytest.mark.spec("ASVS 5.0", "7.3.2", "a session ends after its absolute lifetime however much it is used")
def test_absolute_expiry(shared: World) -> None:
    environment = idle_hour(shared)
    session_id = session_in(shared, environment)
    for _ in range(5):
        shared.clock.advance(1800)
        assert used(shared, environment, session_id)
    shared.clock.advance(1799)
    assert used(shared, environment, session_id)
    shared.clock.advance(1)
    assert not used(shared, environment, session_id)


@pytest.mark.spec("ASVS 5.0", "7.3.1", "the browser's sign-in and access tokens expire as all sessions do")
def test_expiry_of_every_origin(shared: World) -> None:
    environment = idle_hour(shared)
    browser = Browser(shared.stand_in.client(environment))
    app = shared.stand_in.create_app(environment)
    code = browser.code(app)
    params = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://client.example/callback"}
    assert app.client_secret is not None
    auth = (app.application.client_id, app.client_secret)
    pair = browser.http.post(TOKEN, data=params, auth=auth).json()
    assert pair["expires_in"] == 3600
    shared.clock.advance(3599)
    assert shared.works(pair["access_token"], environment)
    assert browser.http.get("/").status_code == 200
    shared.stand_in.sweep()
    shared.clock.advance(3600)
    assert not shared.works(pair["access_token"], environment)
    assert browser.http.get("/").status_code == 302
    # The refresh token outlives its sessions.
    again = browser.http.post(
        TOKEN, data={"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}, auth=auth
    )
    assert again.status_code == 200
    browser.http.close()
