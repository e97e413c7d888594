"""Connected applications on pages: withdrawing is asked for, then dead on the next call; nobody sees another's."""

import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.browser import PASSWORD, Browser, World, at_once, authorize_params, form_fields, query_of
from tests.signing import private_key, private_pem, public_pem, signed_by_pyjwt

from workgate.domain.audit import AuditEvent
from workgate.service.acting import Acting
from workgate.service.applications import Registered

OWN = "/account/connected-apps"
DAY = 86_400


def withdraw_path(app: Registered) -> str:
    return f"{OWN}/{app.application.client_id}/withdraw"


def connections_path(app: Registered) -> str:
    return f"/setup/oauth2/{app.application.client_id}/connections"


def press(browser: Browser, path: str) -> httpx.Response:
    """Open the page that asks, and press its button."""
    page = browser.http.get(path)
    assert page.status_code == 200, page.text
    return browser.http.post(path, data=form_fields(page.text, path))


def names(page: httpx.Response) -> list[str]:
    """Whose names the list shows."""
    assert page.status_code == 200, page.text
    return re.findall(r"<h2><bdi>(.*?)</bdi></h2>", page.text)


@dataclass
class Connected:
    """A fresh application that acts for Ann and for Bob, with their browsers and tokens."""

    app: Registered
    ann: Browser
    bob: Browser
    anns: dict[str, Any]
    bobs: dict[str, Any]


@pytest.fixture
def ann(shared: World) -> Browser:
    """Ann's browser, signed in just now: these tests move the clock far."""
    browser = shared.browser()
    assert browser.sign_in().status_code == 303
    return browser


@pytest.fixture
def both(shared: World, ann: Browser) -> Connected:
    app = shared.stand_in.create_app(shared.acme, "Both", developer_name="The developers")
    bob = shared.browser()
    assert bob.sign_in("bob").status_code == 303
    return Connected(app, ann, bob, shared.connect(app, ann), shared.connect(app, bob))


def dead(world: World, app: Registered, pair: dict[str, Any]) -> bool:
    """Neither the session nor the refresh token is worth anything."""
    works = world.works(pair["access_token"])
    refresh = world.refresh(app, pair["refresh_token"])
    assert works == (refresh.status_code == 200)
    return not works


@pytest.mark.spec("Workgate", "connected apps", "withdrawn by the user: all that it holds for her is dead at once")
def test_a_user_withdraws(shared: World, both: Connected) -> None:
    shared.clock.advance(60)
    second = shared.connect(both.app, both.bob)
    pending = both.bob.code(both.app)
    page = both.bob.http.get(OWN)
    assert names(page) == ["Both"]
    assert "Made by <bdi>The developers</bdi>" in page.text
    path = withdraw_path(both.app)
    # Asking does nothing.
    asked = both.bob.http.get(path)
    assert "Withdraw the access of <bdi>Both</bdi>?" in asked.text
    assert shared.works(both.bobs["access_token"])
    answer = both.bob.http.post(path, data=form_fields(asked.text, path))
    assert answer.status_code == 303
    assert dead(shared, both.app, both.bobs)
    assert dead(shared, both.app, second)
    assert shared.redeem(both.app, pending).json()["error"] == "invalid_grant"
    after = both.bob.http.get(answer.headers["location"])
    assert "<bdi>Both</bdi> can no longer act for you." in after.text
    assert names(after) == []
    # What it holds for others lives, and Bob is still signed in.
    assert not dead(shared, both.app, both.anns)
    assert both.bob.http.get(path).status_code == 404
    # Pressed once more, in a page that was left open, it does no harm.
    assert both.bob.http.post(path, data=form_fields(asked.text, path)).status_code == 303
    assert shared.works(shared.connect(both.app, both.bob)["access_token"])
    assert "can no longer act" not in both.bob.http.get(answer.headers["location"]).text


@pytest.mark.spec("Workgate", "connected apps", "withdrawn by an administrator: dead at once, for that user only")
def test_an_administrator_withdraws(shared: World, both: Connected) -> None:
    here = connections_path(both.app)
    page = both.ann.http.get(here)
    assert sorted(names(page)) == ["Ann Archer", "Bob Baker"]
    path = f"{here}/{shared.bob.user_id}/withdraw"
    assert "for <bdi>Bob Baker</bdi>?" in both.ann.http.get(path).text
    answer = press(both.ann, path)
    assert answer.status_code == 303
    assert dead(shared, both.app, both.bobs)
    assert not dead(shared, both.app, both.anns)
    after = both.ann.http.get(answer.headers["location"])
    assert "<bdi>Both</bdi> can no longer act for <bdi>Bob Baker</bdi>." in after.text
    assert names(after) == ["Ann Archer"]
    shared.stand_in.run(shared.stand_in.workgate.database.engine.flush())
    (record,) = [
        found
        for found in shared.stand_in.run(shared.stand_in.workgate.database.audit.latest(shared.acme.environment_id, 50))
        if found.event is AuditEvent.CONNECTION_WITHDRAWN_BY_ADMIN and found.client_id == both.app.application.client_id
    ]
    assert record.actor == shared.ann.user_id


@pytest.mark.spec("Workgate", "connected apps", "a form of no session, another one or another purpose does nothing")
def test_forged_forms(shared: World, both: Connected) -> None:
    own, by_admin = withdraw_path(both.app), f"{connections_path(both.app)}/{shared.bob.user_id}/withdraw"
    anns = form_fields(both.ann.http.get(own).text, own)["csrf"]
    bobs = form_fields(both.bob.http.get(own).text, own)["csrf"]
    login = form_fields(shared.browser().http.get("/login").text, "/login")["csrf"]
    for browser, path, others in ((both.bob, own, anns), (both.ann, own, bobs), (both.ann, by_admin, bobs)):
        for data in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": others}, {"csrf": login}, {"csrf": "\x00"}):
            answer = browser.http.post(path, data=data)
            assert answer.status_code == 403
            assert "Nothing was changed" in answer.text
        assert browser.http.post(path, json={"csrf": bobs}).status_code == 403
    # A form that stayed open for too long.
    shared.clock.advance(12 * 3600 + 10)
    ann, bob = shared.browser(), shared.browser()
    ann.sign_in()
    bob.sign_in("bob")
    assert bob.http.post(own, data={"csrf": bobs}).status_code == 403
    nobody = shared.browser().http.post(own, data={"csrf": bobs})
    assert (nobody.status_code, nobody.headers["location"][:7]) == (303, "/login?")
    refreshed = [shared.refresh(both.app, pair["refresh_token"]).status_code for pair in (both.anns, both.bobs)]
    assert refreshed == [200, 200]


@pytest.mark.spec("Workgate", "connected apps", "who is no administrator sees and withdraws only his own")
def test_who_may_not(shared: World, both: Connected) -> None:
    here = connections_path(both.app)
    path = f"{here}/{shared.ann.user_id}/withdraw"
    csrf = form_fields(both.bob.http.get("/").text, "/logout")["csrf"]
    for answer in (both.bob.http.get(here), both.bob.http.get(path), both.bob.http.post(path, data={"csrf": csrf})):
        assert answer.status_code == 403
        assert "Ann Archer" not in answer.text
    assert shared.browser().http.get(here).status_code == 302
    assert shared.browser().http.get(OWN).headers["location"] == "/login?next=%2Faccount%2Fconnected-apps"
    # An access token is no sign-in: an application sees and withdraws nothing on the pages.
    with_token = shared.http()
    with_token.cookies.set("workgate_session", both.anns["access_token"])
    assert with_token.get(OWN).status_code == 302
    assert with_token.get(here).status_code == 302
    assert not dead(shared, both.app, both.anns)
    for method in ("PUT", "DELETE", "PATCH"):
        assert both.ann.http.request(method, path).status_code == 405
    assert both.ann.http.head(OWN).status_code == 200


@pytest.mark.spec("Workgate", "connected apps", "connections of another environment are neither seen nor withdrawn")
def test_other_environments(shared: World, both: Connected) -> None:
    boss = "boss of connections"
    user = shared.stand_in.create_user(shared.preview, boss, PASSWORD, is_admin=True)
    there = shared.browser(shared.preview)
    assert there.sign_in(boss).status_code == 303
    csrf = form_fields(there.http.get("/").text, "/logout")["csrf"]
    app = shared.stand_in.create_app(shared.preview, "Over there")
    over_there, over_here = connections_path(app), connections_path(both.app)
    assert names(there.http.get(over_there)) == []
    assert names(there.http.get(OWN)) == []
    for path in (
        over_here,
        f"{over_here}/{shared.bob.user_id}/withdraw",
        f"{over_there}/{shared.bob.user_id}/withdraw",
        f"{over_there}/{user.user_id}/withdraw",
        withdraw_path(both.app),
    ):
        assert there.http.get(path).status_code == 404, path
        if path.endswith("withdraw"):
            assert there.http.post(path, data={"csrf": csrf}).status_code in {303, 404}, path
    assert not dead(shared, both.app, both.anns)
    assert not dead(shared, both.app, both.bobs)
    told = there.http.get(over_there, params={"withdrawn": shared.bob.user_id})
    assert "Bob" not in told.text
    told = there.http.get(OWN, params={"withdrawn": both.app.application.client_id})
    assert "Both" not in told.text


@pytest.mark.spec("Workgate", "connected apps", "an application's users are counted and listed a page at a time")
def test_counts_and_pages(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(
        shared.acme, "Counted", refresh_absolute_seconds=90 * DAY, refresh_inactivity_seconds=30 * DAY
    )
    here = connections_path(app)
    empty = ann.http.get(here)
    assert "It may act for nobody here." in empty.text
    shared.connect(app, ann)
    shared.clock.advance(17 * DAY)
    for number in range(52):
        user = f"user {number:02}"
        shared.stand_in.create_user(shared.acme, user, PASSWORD)
        browser = shared.browser()
        assert browser.sign_in(user).status_code == 303
        shared.connect(app, browser)
    again = shared.browser()
    assert again.sign_in().status_code == 303
    first = again.http.get(here)
    figures = re.findall(r"<dd>(.*?)</dd>", first.text.partition('class="cards"')[0])
    assert (figures[0], figures[2]) == ("53", "1")
    assert len(names(first)) == 50
    following = re.search(r'<a href="([^"]*)">Next page</a>', first.text)
    assert following is not None
    second = again.http.get(following.group(1))
    assert len(names(second)) == 3
    assert f'<a href="{here}">First page</a>' in second.text
    assert sorted(names(first) + names(second)) == sorted(["Ann Archer", *(f"user {n:02}" for n in range(52))])
    assert (first.text + second.text).count('<div class="soon">') == 1


@pytest.mark.spec("OWASP ASVS", "V2.2", "odd input finds nothing; it never fails")
@pytest.mark.parametrize("odd", ["%00", "x", "f" * 32, "F" * 32, "f" * 5000, "%E2%80%AE", "'--", "..%2f..", "<b>"])
def test_odd_input(shared: World, ann: Browser, odd: str) -> None:
    csrf = form_fields(ann.http.get("/").text, "/logout")["csrf"]
    here = connections_path(shared.web)
    for path in (f"{OWN}/{odd}/withdraw", f"/setup/oauth2/{odd}/connections", f"{here}/{odd}/withdraw"):
        assert ann.http.get(path).status_code == 404, path
        assert ann.http.post(path, data={"csrf": csrf}).status_code in {303, 404, 405}, path
    for path in (f"{OWN}?after={odd}&withdrawn={odd}", f"{here}?after={odd}&withdrawn={odd}"):
        assert ann.http.get(path).status_code == 200, path


@pytest.mark.spec("Workgate", "connected apps", "what can connect again by itself is said before it is withdrawn")
def test_what_can_come_back(shared: World) -> None:
    ann = shared.browser()
    ann.sign_in()
    silent = shared.stand_in.create_app(shared.acme, "Silent", consent="never")
    location = ann.authorize(**authorize_params(silent)).headers["location"]
    assert shared.redeem(silent, query_of(location)["code"]).status_code == 200
    robot, key = shared.machine, private_key()
    by, keys = Acting(shared.ann, None), shared.stand_in.workgate.services.application_keys
    shared.stand_in.run(keys.add(shared.acme, robot.application.client_id, public_pem(key), by=by))
    claims = {
        "iss": shared.acme.customer_id,
        "sub": shared.ann.user_id,
        "exp": shared.clock.now() // 1000 + 60,
    }
    sent = {
        "client_id": robot.application.client_id,
        "client_secret": robot.client_secret,
        "jwt_token": signed_by_pyjwt(claims, private_pem(key)),
    }
    exchanged = shared.http().post("/integrations/oauth2/api/v1/jwt/exchange", data=sent)
    assert exchanged.status_code == 200, exchanged.text
    for app, said in (
        (silent, "Your organisation lets it connect without asking"),
        (robot, "It signs in with a key"),
    ):
        page = ann.http.get(withdraw_path(app))
        assert said in page.text
        assert "it has to ask you again" not in page.text
    assert press(ann, withdraw_path(robot)).status_code == 303
    assert not shared.works(exchanged.json()["access_token"])


@pytest.mark.spec("Workgate", "connected apps", "withdrawn twice at the same moment: both are answered, it ends once")
def test_at_once(shared: World) -> None:
    app = shared.stand_in.create_app(shared.acme, "Twice")
    ann = shared.browser()
    ann.sign_in()
    pair = shared.connect(app, ann)
    path = withdraw_path(app)
    fields = form_fields(ann.http.get(path).text, path)
    answers = at_once([lambda: ann.http.post(path, data=fields)] * 8)
    assert {answer.status_code for answer in answers} == {303}
    assert dead(shared, app, pair)


@pytest.mark.spec("OWASP ASVS", "V3.4", "headers of the account and audit pages; their forms lead nowhere else")
def test_headers(shared: World, both: Connected) -> None:
    here = connections_path(both.app)
    for path in (
        OWN,
        withdraw_path(both.app),
        here,
        f"{here}/{shared.bob.user_id}/withdraw",
        "/setup/audit",
        "/setup/audit?event=x",
        "/setup/audit/AAAA-0000",
        "/setup/audit/export",
    ):
        for browser in (both.ann, both.bob):
            answer = browser.http.get(path)
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["referrer-policy"] == "no-referrer", path
            assert answer.headers["x-content-type-options"] == "nosniff", path
            if answer.headers["content-type"].startswith("text/html"):
                assert "default-src 'none'" in answer.headers["content-security-policy"], path
                assert "form-action 'self';" in answer.headers["content-security-policy"], path
                assert not re.search(r"<style|\sstyle=|\son\w+\s*=|javascript:", answer.text), path
