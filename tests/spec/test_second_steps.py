"""A password alone opens nothing where there is a second step: codes count once, and nobody guesses or skips one."""

import re
from collections.abc import Callable
from functools import partial

import httpx
import pytest
from tests.authenticators import (
    APP,
    CODES,
    PASSKEY,
    SECOND_STEP,
    SECURITY,
    Person,
    a_person,
    codes_in,
    is_signed_in,
)
from tests.browser import PASSWORD, World, a_world, at_once, authorize_params, form_fields, query_of

from workgate.domain.audit import AuditEvent, AuditRecord

LOGIN = "/attask/api/login"
NO_CODE = "abcdef"


def events(world: World, person: Person) -> list[AuditRecord]:
    """What the audit log says of somebody, newest first."""
    world.stand_in.sweep()  # what was handed over for the audit log is there now
    environment_id = person.environment.environment_id
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(environment_id, 1000))
    return [record for record in records if record.actor == person.user.user_id]


@pytest.fixture(autouse=True)
def another_minute(shared: World) -> None:
    """The limits count by the minute; these tests share an address. No code is of a step that another test used."""
    shared.clock.advance(91)


@pytest.mark.spec("ASVS 5.0", "6.3.3", "with an authenticator app a password and a code sign in, neither alone")
def test_password_and_code(shared: World) -> None:
    ann = a_person(shared, "two steps")
    app = ann.set_up_app()
    shared.clock.advance(30)
    browser = ann.begin("/account/connected-apps")
    assert not is_signed_in(browser)
    answer = ann.show_code(browser, app.code(shared))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/connected-apps")
    assert is_signed_in(browser)
    assert "second_step" in str(events(shared, ann)[0].reason)


@pytest.mark.spec("ASVS 5.0", "6.5.1", "a code works once: replayed in another browser it is refused")
def test_replayed_code(shared: World) -> None:
    ann = a_person(shared, "replayed")
    app = ann.set_up_app()
    # The code that set it up is used, too.
    assert ann.enter(app.code(shared)) == (401, False)
    shared.clock.advance(30)
    assert ann.enter(app.code(shared)) == (303, True)
    assert ann.enter(app.code(shared)) == (401, False)
    # One of an earlier step, not yet used, is no good either after a later one.
    assert ann.enter(app.code(shared, -1)) == (401, False)
    assert "used before" in str(events(shared, ann)[0].reason)


@pytest.mark.spec("ASVS 5.0", "6.5.1", "of two sign-ins at once with the same code one succeeds")
def test_same_code_at_once(shared: World) -> None:
    ann = a_person(shared, "at once")
    app = ann.set_up_app()
    shared.clock.advance(30)
    browsers = [ann.begin() for _ in range(4)]
    calls: list[Callable[[], httpx.Response]] = [
        partial(ann.show_code, browser, app.code(shared)) for browser in browsers
    ]
    assert sorted(answer.status_code for answer in at_once(calls)) == [303, 401, 401, 401]
    assert sum(map(is_signed_in, browsers)) == 1


@pytest.mark.spec("RFC 6238", "5.2", "a code is good one step early or late, and no more")
@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clock_drift(shared: World, steps: int, good: bool) -> None:
    ann = a_person(shared, f"drift {steps}")
    app = ann.set_up_app()
    shared.clock.advance(300)
    assert ann.enter(app.code(shared, steps)) == ((303, True) if good else (401, False))


@pytest.mark.spec("ASVS 5.0", "6.3.1", "five wrong codes in a row lock the account, and the right one is refused then")
def test_guessed_codes(shared: World) -> None:
    ann = a_person(shared, "guessed codes")
    app = ann.set_up_app()
    shared.clock.advance(30)
    browser = ann.begin()
    assert [ann.show_code(browser, NO_CODE).status_code for _ in range(5)] == [401] * 5
    assert ann.show_code(browser, app.code(shared)).status_code == 401
    assert not is_signed_in(browser)
    assert ann.fresh_browser().sign_in(ann.user.username).status_code == 401
    assert [record.event for record in events(shared, ann)].count(AuditEvent.ACCOUNT_LOCKED) == 1
    # A browser that is signed in stays so.
    assert is_signed_in(ann.browser)
    shared.clock.advance(601)
    assert ann.enter(app.code(shared)) == (303, True)


@pytest.mark.spec("ASVS 5.0", "6.3.1", "the right password between wrong codes does not begin the count anew")
def test_count_goes_on_over_passwords(shared: World) -> None:
    ann = a_person(shared, "counted on")
    app = ann.set_up_app()
    shared.clock.advance(30)
    assert [ann.enter(NO_CODE)[0] for _ in range(4)] == [401] * 4
    assert ann.begin().http.cookies
    assert ann.enter(NO_CODE, "recovery") == (401, False)
    assert ann.fresh_browser().sign_in(ann.user.username).status_code == 401
    shared.clock.advance(601)
    assert ann.enter(app.code(shared)) == (303, True)


@pytest.mark.spec("ASVS 5.0", "6.3.1", "many guesses at once are no more than the account may fail")
def test_guesses_at_once(shared: World) -> None:
    ann = a_person(shared, "guessed at once in two steps")
    app = ann.set_up_app()
    shared.clock.advance(30)
    browsers = [ann.begin() for _ in range(12)]
    wrong: list[Callable[[], httpx.Response]] = [partial(ann.show_code, browser, NO_CODE) for browser in browsers]
    assert {answer.status_code for answer in at_once(wrong)} == {401}
    assert ann.show_code(browsers[0], app.code(shared)).status_code == 401
    assert [record.event for record in events(shared, ann)].count(AuditEvent.ACCOUNT_LOCKED) == 1


@pytest.mark.spec("ASVS 5.0", "6.3.1", "too many wrong codes from an address are answered 429 with Retry-After")
def test_limit_of_an_address() -> None:
    with a_world(sign_in_failures_per_address=3) as world:
        ann = a_person(world, "limited")
        app = ann.set_up_app()
        world.clock.advance(30)
        browser = ann.begin()
        for _ in range(3):
            assert ann.show_code(browser, NO_CODE).status_code == 401
        answer = ann.show_code(browser, app.code(world))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        world.clock.advance(60)
        assert ann.show_code(browser, app.code(world)).status_code == 303


@pytest.mark.spec("ASVS 5.0", "6.5.2", "a recovery code works once, in any spelling, and only for its user")
def test_recovery_codes(shared: World) -> None:
    ann, bob = a_person(shared, "recovers"), a_person(shared, "another who recovers")
    app, his = ann.set_up_app(), bob.set_up_app()
    assert len(set(app.recovery_codes)) == 10
    assert all(re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}", code) for code in app.recovery_codes)
    first, second = app.recovery_codes[:2]
    assert ann.enter(his.recovery_codes[0], "recovery") == (401, False)
    assert ann.enter(first, "recovery") == (303, True)
    assert ann.enter(first, "recovery") == (401, False)
    typed = second.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert ann.enter(f" {typed} ", "recovery") == (303, True)
    assert "<strong>8 of 10</strong>" in ann.browser.http.get(SECURITY).text
    assert AuditEvent.RECOVERY_CODE_USED in [record.event for record in events(shared, ann)]
    # An app's code is none, and the other way round.
    shared.clock.advance(30)
    assert ann.enter(app.recovery_codes[2]) == (401, False)
    assert ann.enter(app.code(shared), "recovery") == (401, False)


@pytest.mark.spec("ASVS 5.0", "6.5.2", "of many who use one recovery code at once one succeeds")
def test_one_recovery_code_at_once(shared: World) -> None:
    ann = a_person(shared, "recovers at once")
    code = ann.set_up_app().recovery_codes[0]
    calls: list[Callable[[], httpx.Response]] = [
        partial(ann.show_code, browser, code, "recovery") for browser in [ann.begin() for _ in range(4)]
    ]
    assert sorted(answer.status_code for answer in at_once(calls)) == [303, 401, 401, 401]


@pytest.mark.spec("ASVS 5.0", "6.5.2", "new recovery codes end all those before")
def test_new_recovery_codes(shared: World) -> None:
    ann = a_person(shared, "makes codes")
    old = ann.set_up_app().recovery_codes
    page = ann.post(CODES, {})
    new = codes_in(page)
    assert (page.status_code, len(set(new) - set(old))) == (200, 10)
    assert ann.enter(old[0], "recovery") == (401, False)
    assert ann.enter(new[0], "recovery") == (303, True)


@pytest.mark.spec(
    "ASVS 5.0", "6.5.2", "second steps outlive a rotation of the keys, apps that were used since all of it"
)
def test_second_steps_and_keys() -> None:
    with a_world() as world:
        ann, bob = a_person(world, "rotates"), a_person(world, "does not come")
        app, his = ann.set_up_app(), bob.set_up_app()
        mint, now = world.stand_in.workgate.mint, world.clock.now()
        mint.ring = mint.ring.with_new_key(used_from=now, entropy=world.stand_in.workgate.entropy)
        world.clock.advance(30)
        assert ann.enter(app.recovery_codes[0], "recovery") == (303, True)
        assert ann.enter(app.code(world)) == (303, True)
        mint.ring = mint.ring.without(1, world.clock.now())
        world.clock.advance(30)
        assert ann.enter(app.code(world)) == (303, True)
        # Recovery codes are kept as digests under the key that is gone: none is left, and that is what is said.
        assert ann.enter(app.recovery_codes[1], "recovery") == (401, False)
        again = ann.begin()
        assert "way=recovery" not in again.http.get(SECOND_STEP).text
        world.clock.advance(30)
        ann.show_code(again, app.code(world))
        assert "None is left." in again.http.get(SECURITY).text
        assert bob.enter(his.code(world)) == (401, False)
        assert "the app's secret cannot be read" in str(events(world, bob)[0].reason)


@pytest.mark.spec("ASVS 5.0", "7.4.3", "a sign-in under way is bound to its browser")
def test_ticket_of_another_browser(shared: World) -> None:
    ann = a_person(shared, "ticket stolen")
    app = ann.set_up_app()
    shared.clock.advance(30)
    mine, theirs = ann.begin(), shared.browser()
    theirs.http.get("/login")
    theirs.http.cookies.set("workgate_pending", mine.http.cookies["workgate_pending"], domain="localhost.local")
    page = theirs.http.get(SECOND_STEP)
    assert page.status_code == 403
    csrf = form_fields(mine.http.get(SECOND_STEP).text, SECOND_STEP)
    for browser, fields in ((theirs, csrf), (mine, {}), (mine, {"csrf": "x"}), (mine, {**csrf, "csrf": ""})):
        answer = browser.http.post(SECOND_STEP, data={**fields, "way": "app", "code": app.code(shared)})
        assert answer.status_code == 403
        assert not is_signed_in(browser)


@pytest.mark.spec(
    "ASVS 5.0", "7.4.3", "a sign-in under way ends with the password, with all sessions, and after 10 min"
)
def test_settled_tickets(shared: World) -> None:
    administration = shared.stand_in.workgate.services.administration
    ann = a_person(shared, "settled")
    app = ann.set_up_app()

    def set_password() -> None:
        shared.stand_in.set_password(shared.acme, ann.user.username, PASSWORD)

    def disable_and_enable() -> None:
        for active in (False, True):
            shared.stand_in.run(administration.set_active(shared.acme, ann.user.username, active=active))

    for settle in (set_password, disable_and_enable, partial(shared.clock.advance, 606)):
        shared.clock.advance(30)
        browser = ann.begin()
        form = form_fields(browser.http.get(SECOND_STEP).text, SECOND_STEP)
        settle()
        answer = browser.http.post(SECOND_STEP, data={**form, "code": app.code(shared)})
        assert answer.status_code == 403
        assert "Please sign in once more" in answer.text
        assert not is_signed_in(browser)
    shared.clock.advance(30)
    assert ann.enter(app.code(shared)) == (303, True)


@pytest.mark.spec("ASVS 5.0", "6.3.3", "before the second step no other page, endpoint or step is open")
def test_nothing_else_is_open(shared: World) -> None:
    ann = a_person(shared, "halfway", is_admin=True)
    ann.set_up_app()
    browser = ann.begin()
    for path in ("/", SECURITY, APP, PASSKEY, CODES, f"{SECURITY}/confirm", "/setup/oauth2", "/setup/audit"):
        answer = browser.http.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, "/login"), path
    for path in (APP, CODES, f"{SECURITY}/confirm"):
        answer = browser.http.post(path, data={"csrf": "x", "code": "1"})
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path
    authorize = browser.authorize(**authorize_params(shared.web))
    assert (authorize.status_code, authorize.headers["location"][:7]) == (302, "/login?")
    for path in ("/login/enrol", "/login/enrol/authenticator", "/login/enrol/passkey"):
        assert browser.http.get(path).headers["location"] == SECOND_STEP
    for path in ("/login/enrol/authenticator", "/login/enrol/passkey"):
        assert browser.http.post(path, data={}).headers["location"] == SECOND_STEP
    as_session = {"Cookie": f"workgate_session={browser.http.cookies['workgate_pending']}"}
    assert shared.http().get("/", headers=as_session).status_code == 302
    assert browser.http.get("/attask/api/v14.0/proj/search").status_code == 401


@pytest.mark.spec("ASVS 5.0", "6.3.3", "the API's login has no page for a second step, so it refuses")
def test_api_login(shared: World) -> None:
    ann = a_person(shared, "programs")
    assert shared.http().post(LOGIN, data={"username": "programs", "password": PASSWORD}).status_code == 200
    ann.set_up_app()
    refused = shared.http().post(LOGIN, data={"username": "programs", "password": PASSWORD})
    wrong = shared.http().post(LOGIN, data={"username": "programs", "password": "wrong"})
    plain = [re.sub(r"[0-9A-Z]{4}-[0-9A-Z]{4}", "", answer.text) for answer in (refused, wrong)]
    assert (refused.status_code, plain[0]) == (wrong.status_code, plain[1])


@pytest.mark.spec("RFC 6749", "3.1", "an application's request is kept over the second step, and leads back to it")
def test_flow_of_an_application(shared: World) -> None:
    ann = a_person(shared, "comes from an app")
    app = ann.set_up_app()
    shared.clock.advance(30)
    browser = ann.fresh_browser()
    asked = authorize_params(shared.web, state="s" * 1500)
    answer = browser.authorize(**asked)
    target = query_of(answer.headers["location"])["next"]
    ann.begin(target, browser)
    page = browser.http.get(SECOND_STEP)
    assert "form-action 'self' https://client.example" in page.headers["content-security-policy"]
    answer = ann.show_code(browser, app.code(shared))
    assert answer.headers["location"] == target
    consent = browser.http.get(target)
    assert query_of(browser.decide(consent).headers["location"])["state"] == "s" * 1500


@pytest.mark.spec("RFC 6265", "6.1", "a sign-in under way fits into a cookie that browsers keep, whatever it leads to")
@pytest.mark.parametrize(("length", "kept"), [(2700, True), (2900, False), (30_000, False)])
def test_a_long_address(shared: World, length: int, kept: bool) -> None:
    ann = a_person(shared, f"comes from far {length}")
    app = ann.set_up_app()
    shared.clock.advance(30)
    target = "/account/connected-apps?" + "x" * length
    browser = ann.begin(target)
    assert len("__Host-workgate_pending=" + browser.http.cookies["workgate_pending"]) <= 4096
    assert ann.show_code(browser, app.code(shared)).headers["location"] == (target if kept else "/")


@pytest.mark.parametrize("code", ["", "\0", "0" * 7, "9" * 20_000, "<script>", "\u202e123456", "\uff11" * 6, "-1"])
@pytest.mark.parametrize("way", ["app", "recovery", "passkey", "elsewhere", "\0"])
def test_odd_answers(shared: World, code: str, way: str) -> None:
    name = f"odd {abs(hash((code, way)))}"
    ann = a_person(shared, name)
    ann.set_up_app()
    browser = ann.begin()
    form = form_fields(browser.http.get(SECOND_STEP).text, SECOND_STEP)
    answer = browser.http.post(SECOND_STEP, data={**form, "way": way, "code": code, "credential": code})
    # A form with NUL in it is none at all.
    assert answer.status_code == (403 if "\0" in way + code else 401), answer.text
    assert code not in answer.text or len(code) < 3
    assert not is_signed_in(browser)


def test_wrong_methods_and_types(shared: World) -> None:
    ann = a_person(shared, "wrong methods")
    app = ann.set_up_app()
    shared.clock.advance(30)
    browser = ann.begin()
    for path in (SECOND_STEP, "/login/enrol/authenticator", "/login/enrol/passkey"):
        assert browser.http.put(path).status_code == 405
    assert browser.http.post("/login/enrol").status_code == 405
    form = form_fields(browser.http.get(SECOND_STEP).text, SECOND_STEP)
    filled = {**form, "code": app.code(shared)}
    assert browser.http.post(SECOND_STEP, json=filled).status_code == 403
    assert browser.http.post(SECOND_STEP, params=filled).status_code == 403
    for odd in ("", "x", "AAAA", "é", "x" * 9000):
        stranger = shared.http()
        assert stranger.get(SECOND_STEP, headers=[(b"cookie", f"workgate_pending={odd}".encode())]).status_code == 403
