"""Consent: asked every time, bound to one user's session and one request, worth one code (SECURITY 7)."""

import base64

import httpx
import pytest
from tests.browser import (
    AUTHORIZE,
    CONSENT,
    REDIRECT_URI,
    Browser,
    World,
    authorize_params,
    form_fields,
    query_of,
)

from workgate.domain.oauth import ConsentPolicy
from workgate.service.acting import OPERATOR


def consent_page(world: World, browser: Browser, **params: str) -> httpx.Response:
    page = browser.authorize(**authorize_params(world.web, **params))
    assert page.status_code == 200, page.text
    return page


def post(browser: Browser, ticket: str, decision: str = "allow", **more: str) -> httpx.Response:
    return browser.http.post(CONSENT, data={"request": ticket, "decision": decision, **more})


def assert_did_nothing(answer: httpx.Response) -> None:
    assert answer.status_code == 403
    assert "location" not in answer.headers
    assert "wgc_" not in answer.text


@pytest.mark.spec("RFC 6749", "10.12", "consent is asked every time")
def test_asked_every_time(shared: World, ann: Browser) -> None:
    for _ in range(3):
        page = consent_page(shared, ann)
        assert "ClientApp" in page.text
        assert 'value="deny"' in page.text
        assert 'value="allow"' in page.text
        assert ann.decide(page).status_code == 303
    # Nor does a connected application spare itself the question.
    shared.connect(shared.web, ann)
    assert ann.authorize(**authorize_params(shared.web, prompt="none")).status_code == 200


@pytest.mark.spec("RFC 6749", "10.12", "an administrator may choose that an application is not asked about")
def test_administrators_choice(shared: World, ann: Browser) -> None:
    trusted = shared.stand_in.create_app(shared.acme, "Trusted", consent=ConsentPolicy.NEVER)
    answer = ann.authorize(**authorize_params(trusted, state="s"))
    assert answer.status_code == 302
    query = query_of(answer.headers["location"])
    assert query["state"] == "s"
    assert shared.redeem(trusted, query["code"]).status_code == 200
    # Only for that application, and only for people who are signed in.
    assert ann.authorize(**authorize_params(shared.web)).status_code == 200
    stranger = shared.browser().authorize(**authorize_params(trusted))
    assert stranger.headers["location"].startswith("/login?")
    bad = ann.authorize(**authorize_params(trusted, redirect_uri="https://evil.example/"))
    assert bad.status_code == 400


@pytest.mark.spec("RFC 6749", "4.1.2.1", "Cancel sends access_denied back with state and iss")
def test_cancel(shared: World, ann: Browser) -> None:
    answer = ann.decide(consent_page(shared, ann, state="xyz &"), "deny")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
    query = query_of(answer.headers["location"])
    assert (query["error"], query["state"], query["iss"]) == ("access_denied", "xyz &", shared.stand_in.url)
    assert "code" not in query


@pytest.mark.spec("RFC 6749", "10.12", "a forged consent does nothing")
@pytest.mark.parametrize("decision", ["", "Allow", "yes", "true", "allow ", "allow&decision=allow"])
def test_unclear_decision(shared: World, ann: Browser, decision: str) -> None:
    ticket = form_fields(consent_page(shared, ann).text, CONSENT)["request"]
    assert_did_nothing(ann.http.post(CONSENT, content=f"request={ticket}&decision={decision}", headers=FORM))
    assert_did_nothing(ann.http.post(CONSENT, data={"request": ticket}))
    # The ticket itself was good all the time.
    assert post(ann, ticket).status_code == 303


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.spec("RFC 6749", "10.12", "a forged consent does nothing")
def test_forged_ticket(shared: World, ann: Browser) -> None:
    page = consent_page(shared, ann)
    ticket = form_fields(page.text, CONSENT)["request"]
    raw = base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
    forged = [
        "",
        "x",
        "AAAA",
        "\u00fc",
        "A" * 200,
        ticket[:-1],
        ticket[1:],
        ticket + "A",
        ticket + "." + ticket,
        "null",
    ]
    for place in (0, 1, 9, 12, len(raw) // 2, len(raw) - 33, len(raw) - 32, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        forged.append(base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode())
    elsewhere = raw.replace(b"client.example", b"evil99.example")
    assert elsewhere != raw
    forged.append(base64.urlsafe_b64encode(elsewhere).rstrip(b"=").decode())
    # The page's other anti-CSRF value is for signing out, and for nothing else.
    forged.append(form_fields(page.text, "/logout")["csrf"])
    for attempt in forged:
        assert_did_nothing(post(ann, attempt))
    assert post(ann, ticket).status_code == 303


@pytest.mark.spec("RFC 6749", "10.12", "a forged consent does nothing")
def test_fields_beside_the_ticket_change_nothing(shared: World, ann: Browser) -> None:
    ticket = form_fields(consent_page(shared, ann, state="mine").text, CONSENT)["request"]
    more = {
        "redirect_uri": "https://evil.example/",
        "state": "yours",
        "client_id": shared.spa.application.client_id,
        "user_id": shared.bob.user_id,
        "code_challenge": "x",
    }
    answer = ann.http.post(CONSENT, params=more, data={"request": ticket, "decision": "allow", **more})
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
    query = query_of(answer.headers["location"])
    assert query["state"] == "mine"
    assert shared.redeem(shared.web, query["code"]).json()["wid"] == shared.ann.user_id


@pytest.mark.spec("RFC 6749", "10.12", "a forged consent does nothing")
def test_other_carriers(shared: World, ann: Browser) -> None:
    ticket = form_fields(consent_page(shared, ann).text, CONSENT)["request"]
    fields = {"request": ticket, "decision": "allow"}
    assert_did_nothing(ann.http.post(CONSENT, json=fields))
    assert_did_nothing(ann.http.post(CONSENT, files={name: (None, value) for name, value in fields.items()}))
    assert_did_nothing(ann.http.post(CONSENT, content=f"request={ticket}&decision=allow"))
    assert_did_nothing(ann.http.post(CONSENT, params=fields))
    assert_did_nothing(ann.http.post(CONSENT, data={"request": [ticket, ticket], "decision": "allow"}))
    assert_did_nothing(ann.http.post(CONSENT, data={**fields, "decision": ["deny", "allow"]}))
    assert ann.http.get(CONSENT, params=fields).status_code == 405
    assert ann.http.get(AUTHORIZE, params={**authorize_params(shared.web), **fields}).status_code == 200
    assert post(ann, ticket).status_code == 303


@pytest.mark.spec("RFC 6749", "10.12", "a replayed consent does nothing")
def test_replay(world: World) -> None:
    browser = world.browser()
    browser.sign_in()
    ticket = form_fields(consent_page(world, browser).text, CONSENT)["request"]
    first = post(browser, ticket)
    code = query_of(first.headers["location"])["code"]
    assert_did_nothing(post(browser, ticket))
    # The first code is not hurt, and after it was used, or is gone from the database, nothing changes.
    assert world.redeem(world.web, code).status_code == 200
    assert_did_nothing(post(browser, ticket))
    unused = form_fields(consent_page(world, browser).text, CONSENT)["request"]
    assert post(browser, unused).status_code == 303
    for _ in range(3):
        world.clock.advance(900)
        world.stand_in.sweep()
        assert_did_nothing(post(browser, unused))
        assert_did_nothing(post(browser, ticket))


@pytest.mark.spec("RFC 6749", "10.12", "the decision is bound to the session in which it was asked")
def test_ticket_of_another_session(shared: World, ann: Browser) -> None:
    shared.stand_in.create_app(shared.preview, "ClientApp")
    ticket = form_fields(consent_page(shared, ann).text, CONSENT)["request"]
    also_ann, bob, abroad = shared.browser(), shared.browser(), shared.browser(shared.preview)
    assert also_ann.sign_in().status_code == 303
    assert bob.sign_in("bob").status_code == 303
    assert abroad.sign_in().status_code == 303
    for browser in (also_ann, bob, abroad, shared.browser()):
        assert_did_nothing(post(browser, ticket))
        assert_did_nothing(post(browser, ticket, "deny"))
    assert post(ann, ticket).status_code == 303


@pytest.mark.spec("RFC 6749", "10.12", "the decision is bound to the session in which it was asked")
def test_after_sign_out(shared: World) -> None:
    browser = shared.browser()
    browser.sign_in()
    page = consent_page(shared, browser)
    ticket = form_fields(page.text, CONSENT)["request"]
    cookies = dict(browser.http.cookies)
    assert browser.http.post("/logout", data=form_fields(page.text, "/logout")).status_code == 303
    assert_did_nothing(post(browser, ticket))
    # Nor with the cookie that somebody kept, nor after the same user signed in again.
    kept = shared.http()
    kept.cookies.update(cookies)
    assert_did_nothing(kept.post(CONSENT, data={"request": ticket, "decision": "allow"}))
    browser.sign_in()
    assert_did_nothing(post(browser, ticket))


@pytest.mark.spec("RFC 6749", "10.12", "a consent page that was open too long does nothing")
def test_too_old(world: World) -> None:
    browser = world.browser()
    browser.sign_in()
    in_time = form_fields(consent_page(world, browser).text, CONSENT)["request"]
    world.clock.advance(1)
    late = form_fields(consent_page(world, browser).text, CONSENT)["request"]
    world.clock.advance(1798)
    assert post(browser, in_time).status_code == 303
    world.clock.advance(3)
    assert_did_nothing(post(browser, late))


@pytest.mark.spec("RFC 6749", "10.3", "an application's access token cannot consent in the user's name")
@pytest.mark.parametrize("cookie", ["workgate_session", "__Host-workgate_session", "attask", "sessionID"])
def test_access_token_is_no_browser_session(shared: World, ann: Browser, cookie: str) -> None:
    pair = shared.connect(shared.web, ann)
    assert shared.works(pair["access_token"])
    thief = shared.browser()
    thief.http.cookies.set(cookie, pair["access_token"])
    for headers in ({}, {"sessionID": pair["access_token"]}, {"Authorization": f"Bearer {pair['access_token']}"}):
        page = thief.http.get(AUTHORIZE, params=authorize_params(shared.spa), headers=headers)
        assert page.status_code == 302
        assert page.headers["location"].startswith("/login?")


@pytest.mark.spec("RFC 6749", "4.1.1", "an application that went during consent gets no code")
def test_application_deleted_meanwhile(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "ShortLived")
    page = ann.authorize(**authorize_params(app))
    shared.stand_in.run(
        shared.stand_in.workgate.services.registry.delete(shared.acme, app.application.client_id, by=OPERATOR)
    )
    for decision in ("allow", "deny"):
        answer = ann.decide(page, decision)
        assert answer.status_code == 400
        assert "location" not in answer.headers


@pytest.mark.spec("OWASP ASVS", "V10.7.2", "the page says which application asks, who is asked and where the code goes")
def test_page_names_everybody_and_escapes_what_developers_wrote(shared: World, ann: Browser) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7777*7 }}'
    app = shared.stand_in.create_app(
        shared.acme,
        hostile,
        description=hostile,
        developer_name=hostile,
        developer_email="'onx=alert(1)'{{7777*7}}@x.example",
        description_url='https://x.example/"onmouseover="alert(1)',
        privacy_url="https://x.example/'><script>alert(1)</script>",
    )
    page = ann.authorize(**authorize_params(app, state=hostile))
    assert page.status_code == 200
    for part in ("<script>alert", "<img src=x", 'e/"onmouseover', "54439"):
        assert part not in page.text
    assert "&lt;script&gt;" in page.text
    for part in ("Ann Archer", "Acme", "client.example"):
        assert part in page.text


@pytest.mark.spec("RFC 6749", "10.12", "a replayed consent does nothing")
def test_replay_at_a_second_node(world: World) -> None:
    with world.another_node() as node:
        browser = world.browser()
        browser.sign_in()
        elsewhere = node.client()
        elsewhere.cookies.update(dict(browser.http.cookies))
        ticket = form_fields(consent_page(world, browser).text, CONSENT)["request"]
        assert post(browser, ticket).status_code == 303
        answer = elsewhere.post(CONSENT, data={"request": ticket, "decision": "allow"})
        elsewhere.close()
    assert_did_nothing(answer)
