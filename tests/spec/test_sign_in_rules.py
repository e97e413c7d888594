"""The setup page of how people sign in: what can be decided there, and what nobody can do to himself."""

import html
import re

import httpx
import pytest
from tests.administering import error_of, problem_of
from tests.browser import PASSWORD, Browser, World, form_fields

from workgate.domain.signing_in import PasswordPolicy, SignInRules, SsoMode
from workgate.service.acting import OPERATOR
from workgate.service.sign_in_rules import RulesChanges

RULES = "/setup/sign-in"


def stored(world: World) -> SignInRules:
    return world.stand_in.run(world.stand_in.workgate.services.sign_in.rules(world.acme, by=OPERATOR))


def entries(page: httpx.Response) -> dict[str, str]:
    """What a browser sends of the form if nothing is touched."""
    form = re.search(rf'<form[^>]*action="{RULES}" novalidate>(.*?)</form>', page.text, re.S)
    assert form is not None
    texts = re.findall(r'<input id="(\w+)" name="\w+"[^>]*type="text" value="([^"]*)"', form[1])
    boxes = re.findall(r'<input id="(\w+)" name="\w+"[^>]*type="checkbox" value="on" checked', form[1])
    chosen = {}
    for name, options in re.findall(r'<select id="(\w+)"[^>]*>(.*?)</select>', form[1], re.S):
        (chosen[name],) = re.findall(r'value="([^"]*)" selected', options)
    typed = {name: html.unescape(value) for name, value in texts}
    return {**form_fields(page.text, RULES), **typed, **chosen, **dict.fromkeys(boxes, "on")}


def save(browser: Browser, *unticked: str, **typed: str) -> httpx.Response:
    fields = {**entries(browser.http.get(RULES)), **typed}
    return browser.http.post(RULES, data={name: value for name, value in fields.items() if name not in unticked})


def audited(world: World) -> list[tuple[str, str | None]]:
    database = world.stand_in.workgate.database
    world.stand_in.run(database.engine.flush())
    latest = world.stand_in.run(database.audit.latest(world.acme.environment_id, 3))
    return [(record.event.value, record.reason) for record in latest]


@pytest.mark.spec(
    "Workgate", "sign-in rules", "an administrator decides them; the audit log says what was changed to what"
)
def test_changing(world: World) -> None:
    ann = world.browser()
    ann.sign_in()
    assert stored(world) == SignInRules()
    assert save(ann).status_code == 303
    assert audited(world)[0][0] == "signed_in"
    answer = save(
        ann,
        "refuse_common",
        sso="optional",
        two_step_required="on",
        minimum_length=" 12 ",
        kinds="3",
        history="5",
        expires_days="90",
        lock_tries="3",
        lock_minutes="30",
    )
    assert answer.headers["location"] == f"{RULES}?done=saved"
    assert stored(world) == SignInRules(
        sso=SsoMode.OPTIONAL,
        two_step_required=True,
        passwords=PasswordPolicy(
            minimum_length=12,
            kinds=3,
            refuse_common=False,
            history=5,
            expires_days=90,
            lock_tries=3,
            lock_minutes=30,
        ),
    )
    assert audited(world)[0] == (
        "sign_in_rules_changed",
        "sso=optional, two_step_required=true, minimum_length=12, kinds=3, refuse_common=false, history=5, "
        "expires_days=90, lock_tries=3, lock_minutes=30",
    )
    page = ann.http.get(f"{RULES}?done=saved")
    assert 'role="status"' in page.text
    assert (
        save(ann, "two_step_required", sso="none", expires_days="", lock_tries=" ", lock_minutes="").status_code == 303
    )
    assert stored(world).passwords.expires_days is None
    assert stored(world).passwords.lock_tries is None
    # Another environment has its own.
    rules = world.stand_in.workgate.services.sign_in.rules
    assert world.stand_in.run(rules(world.preview, by=OPERATOR)) == SignInRules()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sso", "all"),
        ("sso", ""),
        ("minimum_length", "7"),
        ("minimum_length", "129"),
        ("minimum_length", ""),
        ("minimum_length", "-8"),
        ("minimum_length", "8.5"),
        ("minimum_length", "\u0661\u0662"),
        ("minimum_length", "9" * 400),
        ("kinds", "5"),
        ("history", "25"),
        ("history", ""),
        ("expires_days", "0"),
        ("expires_days", "3651"),
        ("expires_days", "never"),
        ("lock_tries", "0"),
        ("lock_tries", "101"),
        ("lock_minutes", "1441"),
    ],
)
def test_what_cannot_be_entered(shared: World, ann: Browser, field: str, value: str) -> None:
    before = stored(shared)
    page = save(ann, **{field: value, "history" if field != "history" else "kinds": "3"})
    assert page.status_code == 422
    assert error_of(page, field)
    assert stored(shared) == before


@pytest.mark.spec(
    "Workgate", "sign-in rules", "nobody is locked out: SSO only for administrators needs a tested provider"
)
def test_nobody_locks_himself_out(world: World) -> None:
    ann = world.browser()
    ann.sign_in()
    page = save(ann, "administrators_exempt", sso="only")
    assert page.status_code == 422
    assert "test it" in error_of(page, "sso")
    assert stored(world) == SignInRules()
    assert save(ann, sso="only").status_code == 303
    page = save(ann, "administrators_exempt")
    assert page.status_code == 422
    assert "test it" in error_of(page, "administrators_exempt")
    assert stored(world).administrators_exempt
    # She comes in again, and Bob does not.
    for name, status in (("ann", 303), ("bob", 401)):
        browser = world.browser()
        fields = form_fields(browser.http.get("/login?password=1").text, "/login")
        answer = browser.http.post("/login", data={**fields, "username": name, "password": PASSWORD})
        assert answer.status_code == status


@pytest.mark.spec("OWASP ASVS", "V8.3", "only administrators decide how people sign in, with forms of their own")
def test_who_may_not(shared: World, ann: Browser) -> None:
    before = stored(shared)
    assert shared.browser().http.get(RULES).headers["location"] == "/login?next=%2Fsetup%2Fsign-in"
    bob = shared.browser()
    bob.sign_in("bob")
    own = form_fields(bob.http.get("/").text, "/logout")["csrf"]
    assert bob.http.get(RULES).status_code == 403
    assert bob.http.post(RULES, data={"csrf": own, "sso": "only"}).status_code == 403
    other = shared.browser()
    other.sign_in()
    foreign = form_fields(other.http.get("/").text, "/logout")["csrf"]
    for csrf in ("", "x", foreign):
        page = ann.http.post(RULES, data={**entries(ann.http.get(RULES)), "csrf": csrf, "minimum_length": "20"})
        assert page.status_code == 403
        assert "send it once more" in problem_of(page)
        assert 'value="20"' in page.text
    for method in ("PUT", "DELETE", "PATCH"):
        assert ann.http.request(method, RULES).status_code == 405
    assert stored(shared) == before


def test_two_administrators_change_different_rules_at_once(world: World) -> None:
    sign_in, run = world.stand_in.workgate.services.sign_in, world.stand_in.run
    run(sign_in.change(world.acme, RulesChanges(history=3), by=OPERATOR))
    run(sign_in.change(world.acme, RulesChanges(minimum_length=10), by=OPERATOR))
    assert (stored(world).passwords.history, stored(world).passwords.minimum_length) == (3, 10)
