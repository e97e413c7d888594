"""Forgotten passwords: the link works once and for its holder only, and nobody learns who has an account."""

import re
import socket
import time
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from tests.browser import PASSWORD, Browser, World, a_world, at_once, form_fields
from tests.mailing import FORGOTTEN, RESET, Mailing, a_mailing, address_in, choose, path_in

from workgate.domain.audit import AuditEvent
from workgate.domain.signing_in import SignInRules, SsoMode

NEW = "wibble drone tackle"
SIGN_IN = "/attask/api/login"


@pytest.fixture(scope="module")
def mailing() -> Iterator[Mailing]:
    with a_mailing() as made:
        yield made


@pytest.fixture(autouse=True)
def another_minute(mailing: Mailing) -> None:
    """The limits count by the minute; these tests share an address."""
    mailing.settled()
    mailing.world.clock.advance(61)


def a_person(world: World, name: str, **more: str) -> str:
    given = {"email": f"{name.replace(' ', '.')}@acme.example", **more}
    world.stand_in.create_user(world.acme, name, PASSWORD, **given)
    return name


def log_in(world: World, name: str, password: str) -> int:
    return world.http().post(SIGN_IN, data={"username": name, "password": password}).status_code


def set_sso(world: World, mode: SsoMode) -> None:
    record = world.stand_in.workgate.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, world.acme)
    rules = SignInRules(sso=mode, administrators_exempt=False)
    store = world.stand_in.workgate.database.sign_in_rules
    world.stand_in.run(store.set_rules(world.acme.environment_id, rules, record=record))


def plain(answer: httpx.Response) -> tuple[int, str, list[tuple[str, str]]]:
    """An answer without what is another each time."""
    headers = [(name, value) for name, value in answer.headers.items() if name not in {"date", "set-cookie"}]
    return answer.status_code, re.sub(r'value="[^"]*"', "", answer.text), sorted(headers)


@pytest.mark.spec("ASVS 5.0", "6.4.3", "a forgotten password is set by a mailed link, without signing anybody in")
def test_the_whole_way(mailing: Mailing) -> None:
    world = mailing.world
    name = a_person(world, "forgets")
    browser = world.browser()
    assert f'href="{FORGOTTEN}"' in browser.http.get("/login").text
    answer = mailing.forget(name, browser)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{FORGOTTEN}/sent")
    assert "Look into your mail" in browser.http.get(f"{FORGOTTEN}/sent").text
    (mail,) = mailing.settled()
    assert (mail["To"], mail["Subject"]) == ("forgets@acme.example", "Choose a new password at Acme")
    path = path_in(mail)
    page = browser.http.get(path)
    assert page.status_code == 200
    assert "User name: <bdi>forgets</bdi>" in page.text
    answer = choose(browser, path, NEW)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{RESET}/done")
    assert "Your password is set" in browser.http.get(f"{RESET}/done").text
    assert "workgate_session" not in browser.http.cookies
    assert [log_in(world, name, password) for password in (PASSWORD, NEW)] == [401, 200]
    (told,) = mailing.settled()
    assert told["Subject"] == "Your password at Acme was changed"


@pytest.mark.parametrize(
    ("language", "subject"), [("en", "Choose a new password"), ("it-IT,it", "Scegli una nuova password")]
)
def test_the_mail_speaks_the_language_of_the_request(mailing: Mailing, language: str, subject: str) -> None:
    name = a_person(mailing.world, f"speaks {language}", email="speaks@acme.example")
    mailing.forget(name, language=language)
    (mail,) = mailing.settled()
    assert mail["Subject"].startswith(subject)


def test_by_email_address(mailing: Mailing) -> None:
    for name in ("shares one", "shares two"):
        a_person(mailing.world, name, email="shared@acme.example")
    mailing.forget("Shared@acme.example")
    mails = mailing.settled()
    assert sorted("shares one" in mail.get_content() for mail in mails) == [False, True]
    assert len({path_in(mail) for mail in mails}) == 2
    # Who has it as the user name comes first: others' addresses do not matter then.
    a_person(mailing.world, "shared@acme.example", email="another@acme.example")
    mailing.forget("SHARED@acme.example")
    assert [mail["To"] for mail in mailing.settled()] == ["another@acme.example"]


@pytest.mark.spec("ASVS 5.0", "6.3.8", "whether there is an account is told neither by the answer nor by who gets mail")
def test_the_same_answer_for_everybody(mailing: Mailing) -> None:
    world = mailing.world
    a_person(world, "known")
    a_person(world, "disabled")
    a_person(world, "no address", email="")
    a_person(world, "odd address", email="x@acme.example, eve@evil.example")
    administration = world.stand_in.workgate.services.administration
    world.stand_in.run(administration.set_active(world.acme, "disabled", active=False))
    typed = ("known", "unknown", "disabled", "no address", "odd address", "\u202e<b>", "x" * 300, "' OR 1=1 --")
    answers = [mailing.forget(who) for who in typed]
    assert {(answer.status_code, answer.headers["location"], answer.text) for answer in answers} == {
        (303, f"{FORGOTTEN}/sent", "")
    }
    assert len({str(plain(answer)) for answer in answers}) == 1
    assert [mail["To"] for mail in mailing.settled()] == ["known@acme.example"]


@pytest.mark.spec("ASVS 5.0", "6.3.8", "nor by the time: the answer waits for no look-up and no mail")
def test_the_answer_does_not_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with a_world(smtp_url=f"smtp+insecure://127.0.0.1:{silent.getsockname()[1]}") as world:
            a_person(world, "known")
            held = Mailing(world, None)  # type: ignore[arg-type]  # nothing ever arrives
            took = []
            for who in ("known", "unknown"):
                began = time.monotonic()
                assert held.forget(who).status_code == 303
                took.append(time.monotonic() - began)
            silent.accept()[0].close()  # the mail was under way all the time
        assert max(took) < 5


@pytest.mark.spec("ASVS 5.0", "6.4.3", "who signs in with SSO gets no link, but is told in the mail how to sign in")
def test_sso_only(mailing: Mailing) -> None:
    name = a_person(mailing.world, "of the provider")
    path = mailing.link_for(name)
    set_sso(mailing.world, SsoMode.ONLY)
    try:
        assert mailing.forget(name).status_code == 303
        (mail,) = mailing.settled()
        assert mail["Subject"] == "Your password at Acme"
        assert address_in(mail).endswith("/login")
        assert mailing.world.http().get(path).status_code == 404
    finally:
        set_sso(mailing.world, SsoMode.NONE)


@pytest.mark.spec("ASVS 5.0", "6.4.3", "to look at a link does not use it up: programs that examine mail do so")
def test_looking_does_not_use_it_up(mailing: Mailing) -> None:
    name = a_person(mailing.world, "is scanned")
    path = mailing.link_for(name)
    scanner = mailing.world.http()
    for method in ("GET", "HEAD", "GET"):
        assert scanner.request(method, path).status_code == 200
    assert scanner.post(path, data={}).status_code == 404
    assert scanner.put(path).status_code == 405
    assert choose(mailing.world.browser(), path, NEW).status_code == 303


@pytest.mark.spec("ASVS 5.0", "6.6.3", "a link works once; its use ends all sessions, the lock and all other links")
def test_what_using_it_ends(mailing: Mailing) -> None:
    world = mailing.world
    name = a_person(world, "starts anew")
    signed_in = world.browser()
    signed_in.sign_in(name)
    first = mailing.link_for(name)
    second = mailing.link_for(name)
    assert [log_in(world, name, f"wrong {i}") for i in range(5)] == [401] * 5
    world.clock.advance(61)
    assert log_in(world, name, PASSWORD) == 401
    browser = world.browser()
    assert choose(browser, second, NEW).status_code == 303
    assert log_in(world, name, NEW) == 200
    assert signed_in.http.get("/").status_code == 302
    for path in (first, second):
        page = browser.http.get(path)
        assert page.status_code == 404
        assert "This link does not work" in page.text


@pytest.mark.spec("ASVS 5.0", "6.6.3", "a replayed post changes nothing")
def test_replay(mailing: Mailing) -> None:
    name = a_person(mailing.world, "is replayed")
    path, browser = mailing.link_for(name), mailing.world.browser()
    fields = form_fields(browser.http.get(path).text, RESET)
    for new, status in ((NEW, 303), ("wibble drone two", 404)):
        assert browser.http.post(RESET, data={**fields, "new": new, "again": new}).status_code == status
    assert log_in(mailing.world, name, NEW) == 200


@pytest.mark.spec("ASVS 5.0", "6.6.3", "of two who use a link at the same moment, one sets the password")
def test_two_at_once(mailing: Mailing) -> None:
    name = a_person(mailing.world, "twice at once")
    path = mailing.link_for(name)
    wanted = [f"wibble drone {i}" for i in range(4)]
    browsers = [mailing.world.browser() for _ in wanted]
    calls = [partial(choose, browser, path, new) for browser, new in zip(browsers, wanted, strict=True)]
    fields = [form_fields(browser.http.get(path).text, RESET) for browser in browsers]
    calls = [
        partial(browser.http.post, RESET, data={**form, "new": new, "again": new})
        for browser, form, new in zip(browsers, fields, wanted, strict=True)
    ]
    answers = [answer.status_code for answer in at_once(calls)]
    assert sorted(answers) == [303, 404, 404, 404]
    right = wanted[answers.index(303)]
    assert [log_in(mailing.world, name, new) for new in wanted] == [200 if new == right else 401 for new in wanted]


@pytest.mark.spec("ASVS 5.0", "6.6.2", "a link works for an hour")
@pytest.mark.parametrize(("seconds", "status"), [(3599, 200), (3600, 404)])
def test_expiry(mailing: Mailing, seconds: int, status: int) -> None:
    name = a_person(mailing.world, f"waits {seconds} s", email="waits@acme.example")
    path, browser = mailing.link_for(name), mailing.world.browser()
    page = browser.http.get(path)
    mailing.world.clock.advance(seconds)
    assert browser.http.get(path).status_code == status
    fields = form_fields(page.text, RESET)
    answer = browser.http.post(RESET, data={**fields, "new": NEW, "again": NEW})
    assert answer.status_code == {200: 303, 404: 404}[status]


@pytest.mark.spec("ASVS 5.0", "6.6.3", "a link is worth nothing in another environment or when it is changed")
def test_links_of_elsewhere_and_forged_ones(mailing: Mailing) -> None:
    world = mailing.world
    name = a_person(world, "is attacked")
    path = mailing.link_for(name)
    link = path.partition("=")[2]
    for environment in (world.preview, world.globex):
        elsewhere = world.browser(environment)
        assert elsewhere.http.get(path).status_code == 404
        csrf = form_fields(elsewhere.http.get("/login").text, "/login")["csrf"]
        data = {"csrf": csrf, "link": link, "new": NEW, "again": NEW}
        assert elsewhere.http.post(RESET, data=data).status_code == 404
    browser = world.browser()
    browser.sign_in(name)
    session = str(browser.http.cookies["workgate_session"])
    changed = link[:-1] + ("A" if link[-1] != "A" else "B")
    forged = (
        "",
        "x",
        link[:-1],
        changed,
        link + "A",
        "wgl_" + session[4:],
        session,
        "wgs_" + link[4:],
        "\0",
        "é" * 60,
        "x" * 9000,
    )
    for text in forged:
        assert browser.http.get(RESET, params={"link": text}).status_code == 404, text
    assert browser.http.get(RESET).status_code == 404
    assert not world.works(link)
    assert browser.http.get(path).status_code == 200


def test_a_changed_password_or_a_disabled_user_ends_links(mailing: Mailing) -> None:
    world = mailing.world
    name = a_person(world, "remembers after all")
    path = mailing.link_for(name)
    world.stand_in.set_password(world.acme, name, "another good password")
    assert world.http().get(path).status_code == 404
    path = mailing.link_for(name)
    administration = world.stand_in.workgate.services.administration
    world.stand_in.run(administration.set_active(world.acme, name, active=False))
    assert world.http().get(path).status_code == 404


@pytest.mark.spec("ASVS 5.0", "6.2.1", "a password that is chosen with a link keeps to the policy, and the link lives")
def test_policy(mailing: Mailing) -> None:
    name = a_person(mailing.world, "chooses badly")
    path, browser = mailing.link_for(name), mailing.world.browser()
    for new in ("password1", "chooses badly", "short", ""):
        answer = choose(browser, path, new)
        assert answer.status_code == 422
        assert 'class="field-error"' in answer.text
    assert choose(browser, path, NEW, again="another one").status_code == 422
    assert choose(browser, path, NEW).status_code == 303


@pytest.mark.spec("RFC 9700", "4.7", "another site's form neither sends mail nor sets a password")
def test_forged_forms(mailing: Mailing) -> None:
    world = mailing.world
    name = a_person(world, "is tricked")
    path, browser, other = mailing.link_for(name), world.browser(), world.browser()
    theirs = form_fields(other.http.get(FORGOTTEN).text, FORGOTTEN)["csrf"]
    browser.http.get(FORGOTTEN)
    for csrf in ("", "forged", theirs):
        assert browser.http.post(FORGOTTEN, data={"csrf": csrf, "who": name}).status_code == 403
        assert choose(browser, path, NEW, csrf=csrf).status_code == 403
    assert mailing.settled() == []
    assert log_in(world, name, PASSWORD) == 200
    for address in (FORGOTTEN, RESET):
        assert browser.http.delete(address).status_code == 405


@pytest.mark.spec("ASVS 5.0", "6.3.1", "so much is asked for an account or from an address in a minute, and no more")
def test_limits(mailing: Mailing) -> None:
    a_person(mailing.world, "flooded")
    for who in ("flooded", "nobody at all"):
        assert [mailing.forget(name).status_code for name in (who, who.upper(), f" {who} ")] == [303] * 3
        answer = mailing.forget(who)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert f'value="{who}"' in answer.text
    assert [mailing.forget(f"nobody {i}").status_code for i in range(5)] == [303, 303, 303, 303, 429]
    assert len(mailing.settled()) == 3
    # However many minutes it goes on, no more than five links live.
    for _ in range(3):
        mailing.world.clock.advance(61)
        mailing.forget("flooded")
        mailing.forget("flooded")
    assert len(mailing.settled()) == 2


@pytest.mark.spec("RFC 9110", "7.2", "no host that a request makes up gets into a mailed link")
def test_the_host_of_a_link(mailing: Mailing) -> None:
    name = a_person(mailing.world, "is lured")
    for host, origin in (
        ("evil.example", "http://acme.my.localhost"),
        ("198.51.100.7:81", "http://acme.my.localhost:81"),
    ):
        browser = mailing.world.browser()
        browser.http.headers["Host"] = host
        assert mailing.forget(name, browser).status_code == 303
        (mail,) = mailing.settled()
        assert address_in(mail).startswith(f"{origin}/reset?link=wgl_")
        assert host not in mail.as_string()


@pytest.mark.spec("ASVS 5.0", "14.2.1", "a link is in no Referer, cache, log, audit record or table")
def test_where_the_link_is_not(mailing: Mailing, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    world = mailing.world
    name = a_person(world, "keeps secrets")
    path, browser = mailing.link_for(name), world.browser()
    link = path.partition("=")[2]
    page = browser.http.get(path)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert choose(browser, path, "password1").status_code == 422
    assert choose(browser, path, NEW).status_code == 303
    browser.http.get(path)
    world.stand_in.sweep()
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(world.acme.environment_id, 1000))
    assert {AuditEvent.LINK_MAILED, AuditEvent.PASSWORD_RESET} <= {record.event for record in records}
    assert link not in repr(records)
    # What the tests' own client and post office write is theirs.
    others = ("httpx", "httpcore", "mail")
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith(others)]
    assert link not in repr(logged)
    assert "keeps.secrets@" not in repr(logged)
    for file in world.stand_in.folder.iterdir():
        assert link.encode() not in file.read_bytes()


def test_without_mail() -> None:
    with a_world() as world:
        browser = world.browser()
        assert FORGOTTEN not in browser.http.get("/login").text
        page = browser.http.get(FORGOTTEN)
        assert "Ask your administrator" in page.text
        assert "<form" not in page.text
        assert browser.http.post(FORGOTTEN, data={"who": "ann"}).status_code == 200


@pytest.mark.spec("ASVS 5.0", "6.4.3", "after a backup was restored, links of before work no more")
def test_a_raised_epoch_ends_links() -> None:
    with a_mailing() as mailing:
        world = mailing.world
        path = mailing.link_for(a_person(world, "before the fire"))
        world.stand_in.run(world.stand_in.workgate.database.installation.raise_epoch(world.clock.now()))
        assert world.http().get(path).status_code == 404


def test_signed_in_as_somebody_else(mailing: Mailing) -> None:
    """Whose link it is decides, not who is signed in."""
    name = a_person(mailing.world, "borrows a browser")
    browser: Browser = mailing.world.browser()
    browser.sign_in("bob")
    assert choose(browser, mailing.link_for(name), NEW).status_code == 303
    assert log_in(mailing.world, name, NEW) == 200
    assert log_in(mailing.world, "bob", PASSWORD) == 200
