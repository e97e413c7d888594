"""Where somebody is signed in: only one's own sessions are listed, and each can be ended from any other (ASVS 7.5)."""

import re

import pytest
from tests.browser import PASSWORD, Browser, World, form_fields

from workgate.domain.audit import AuditEvent

PAGE = "/account/sessions"
OTHERS = f"{PAGE}/end-others"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


def a_person(world: World, name: str) -> str:
    world.stand_in.create_user(world.acme, name, PASSWORD)
    return name


def signed_in(world: World, name: str, agent: str = FIREFOX) -> Browser:
    browser = world.browser()
    browser.http.headers["User-Agent"] = agent
    assert browser.sign_in(name).status_code == 303
    return browser


def session_of(browser: Browser) -> str:
    return str(browser.http.cookies["workgate_session"])


def ends(page: str) -> list[str]:
    """The addresses of the buttons that end one."""
    return re.findall(rf'action="({PAGE}/\d+/end)"', page)


def press(browser: Browser, action: str, **more: str) -> int:
    csrf = re.findall(r'name="csrf" value="([^"]*)"', browser.http.get(PAGE).text)[0]
    return browser.http.post(action, data={"csrf": csrf, **more}).status_code


def audited(world: World, event: AuditEvent) -> int:
    world.stand_in.sweep()
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(world.acme.environment_id, 1000))
    return [record.event for record in records].count(event)


@pytest.mark.spec("ASVS 5.0", "7.5.2", "users see their own sessions, and which of them they are in")
def test_the_list(shared: World) -> None:
    name = a_person(shared, "here and there")
    signed_in(shared, a_person(shared, "somebody else"), "Robot/1")
    login = shared.http().post("/attask/api/login", data={"username": name, "password": PASSWORD})
    assert login.status_code == 200
    browser = signed_in(shared, name)
    shared.connect(shared.plain, browser)
    page = browser.http.get(PAGE).text
    assert page.count("<h2>") == 2
    assert "Firefox on Linux" in page
    assert "Signed in through the API" in page
    assert page.count("This is where you are now.") == 1
    assert page.count("<bdi>127.0.0.1</bdi>") == 2
    assert "Robot" not in page
    assert len(ends(page)) == 1
    assert form_fields(page, "/logout")["csrf"]


@pytest.mark.spec("ASVS 5.0", "7.5.2", "ending a session ends it at once, and no other")
def test_ending_one(shared: World) -> None:
    name = a_person(shared, "ends one")
    first, second, third = (signed_in(shared, name) for _ in range(3))
    before = audited(shared, AuditEvent.SIGNED_OUT)
    newest, older = ends(third.http.get(PAGE).text)
    answer = press(third, older)
    assert answer == 303
    assert "This sign-in has ended." in third.http.get(f"{PAGE}?ended={older.split('/')[-2]}").text
    assert "has ended" not in third.http.get(f"{PAGE}?ended={newest.split('/')[-2]}").text
    assert [shared.works(session_of(browser)) for browser in (first, second, third)] == [False, True, True]
    assert first.http.get("/").status_code == 302
    assert press(third, older) == 303  # again, without harm
    assert audited(shared, AuditEvent.SIGNED_OUT) == before + 1


@pytest.mark.spec("ASVS 5.0", "7.4.5", "all other sessions can be ended at once, and applications stay connected")
def test_ending_all_others(shared: World) -> None:
    name = a_person(shared, "ends the others")
    others = [signed_in(shared, name) for _ in range(3)]
    tokens = shared.connect(shared.plain, others[0])
    browser = signed_in(shared, name)
    before = audited(shared, AuditEvent.SESSIONS_ENDED)
    assert "nowhere else" not in browser.http.get(f"{PAGE}?ended=others").text
    assert press(browser, OTHERS) == 303
    assert [shared.works(session_of(other)) for other in others] == [False] * 3
    assert shared.works(session_of(browser))
    assert shared.works(tokens["access_token"])
    page = browser.http.get(f"{PAGE}?ended=others").text
    assert "You are signed in nowhere else any more." in page
    assert OTHERS not in page
    assert press(browser, OTHERS) == 303
    assert audited(shared, AuditEvent.SESSIONS_ENDED) == before + 1


@pytest.mark.spec("ASVS 5.0", "8.2.2", "nobody ends a session of somebody else, of an application, or elsewhere")
def test_sessions_of_others(shared: World) -> None:
    victim, eve = signed_in(shared, a_person(shared, "victim")), signed_in(shared, a_person(shared, "eve"))
    tokens = shared.connect(shared.web, victim)
    also = signed_in(shared, "victim")
    (theirs,) = ends(also.http.get(PAGE).text)
    assert press(eve, theirs) == 303
    elsewhere = shared.browser(shared.preview)
    elsewhere.sign_in("ann")
    assert press(elsewhere, theirs) == 303
    assert [shared.works(session) for session in (session_of(victim), tokens["access_token"])] == [True, True]
    own = re.search(r"/(\d+)/", theirs)
    assert own is not None
    for odd in ("0", "-1", "x", "9" * 19, "9" * 30, "%00", "1e3", "\u0661"):
        assert press(eve, f"{PAGE}/{odd}/end") in {303, 404}
        assert eve.http.get(PAGE, params={"before": odd}).status_code == 200
        assert eve.http.get(PAGE, params={"ended": odd}).status_code == 200


def test_the_present_session_is_not_ended_here(shared: World) -> None:
    browser = signed_in(shared, a_person(shared, "stays"))
    other = signed_in(shared, "stays")
    (present,) = ends(browser.http.get(PAGE).text)
    assert press(other, present) == 404
    assert shared.works(session_of(other))


@pytest.mark.spec("RFC 9700", "4.7", "a forged form ends no session")
def test_forged_forms(shared: World) -> None:
    name = a_person(shared, "is tricked into it")
    browser, other = signed_in(shared, name), signed_in(shared, name)
    (action,) = ends(browser.http.get(PAGE).text)
    theirs = re.findall(r'name="csrf" value="([^"]*)"', other.http.get(PAGE).text)[0]
    for csrf in ("", "forged", theirs):
        for target in (action, OTHERS):
            assert browser.http.post(target, data={"csrf": csrf}).status_code == 403
    assert shared.works(session_of(other))
    for target in (action, OTHERS):
        assert browser.http.get(target).status_code == 405
    assert shared.http().get(PAGE).headers["location"].startswith("/login?next=")
    assert shared.http().post(OTHERS).headers["location"].startswith("/login?next=")


def test_pages(shared: World) -> None:
    name = a_person(shared, "is everywhere")
    for _ in range(24):
        shared.clock.advance(1)
        signed_in(shared, name)
    browser = signed_in(shared, name)
    first = browser.http.get(PAGE).text
    assert len(ends(first)) == 19
    (following,) = re.findall(rf'href="({PAGE}\?before=\d+)"', first)
    second = browser.http.get(following).text
    assert len(ends(second)) == 5
    assert not set(ends(first)) & set(ends(second))
    assert f'href="{PAGE}"' in second
    assert OTHERS in second


@pytest.mark.spec("ASVS 5.0", "1.2.1", "what a browser says it is becomes no markup")
def test_odd_agents(shared: World) -> None:
    name = a_person(shared, "odd agent")
    for agent in ("<script>alert(1)</script>", "x" * 4000, '"><img src=x>', "Evil/1.0<b>"):
        signed_in(shared, name, agent)
    page = signed_in(shared, name).http.get(PAGE).text
    assert "alert(1)" not in page
    assert "<img src=x" not in page
    assert "<b>" not in page
    assert "x" * 41 not in page
