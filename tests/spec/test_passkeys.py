"""Passkeys (Web Authentication, Level 2): whose, for which page, for which question, and how often an answer counts."""

from typing import Any

import pytest
from tests.administering import error_of, problem_of
from tests.authenticators import (
    PASSKEY,
    SECOND_STEP,
    SECURITY,
    Passkey,
    Person,
    a_person,
    b64,
    is_signed_in,
    options_in,
)
from tests.browser import World, form_fields

from workgate.domain.audit import AuditEvent

EVIL = "http://evil.localhost"


@pytest.fixture(autouse=True)
def another_minute(shared: World) -> None:
    """The limits count by the minute; these tests share an address."""
    shared.clock.advance(91)


def shown(person: Person, passkey: Passkey, origin: str = "", **lies: Any) -> tuple[int, bool]:
    """Sign in in a fresh browser with a passkey: the answer's status, and whether that was enough."""
    browser = person.begin()
    answer = person.show_passkey(browser, passkey, origin, **lies)
    return answer.status_code, is_signed_in(browser)


def registering(person: Person, passkey: Passkey, origin: str = "", **lies: Any) -> tuple[int, str]:
    """Set up a passkey that may lie: the answer's status, and what the page says."""
    page = person.browser.http.get(PASSKEY)
    credential = passkey.create(options_in(page), origin or person.origin, **lies)
    answer = person.browser.http.post(PASSKEY, data={**form_fields(page.text, PASSKEY), "credential": credential})
    return answer.status_code, problem_of(answer) if answer.status_code == 422 else ""


def last_reason(world: World, person: Person) -> str:
    world.stand_in.sweep()
    environment_id = person.environment.environment_id
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(environment_id, 200))
    failed = [record for record in records if record.event is AuditEvent.SIGN_IN_FAILED]
    return str(next(record for record in failed if record.actor == person.user.user_id).reason)


@pytest.mark.spec("WebAuthn 2", "7.2", "a password and a passkey sign in")
@pytest.mark.parametrize("counts", [True, False])
def test_passkey(shared: World, counts: bool) -> None:
    ann = a_person(shared, f"passkey {counts}")
    passkey = ann.set_up_passkey(Passkey(counts=counts), name="Office laptop")
    assert "Office laptop" in ann.browser.http.get(SECURITY).text
    for _ in range(2):
        assert shown(ann, passkey) == (303, True)


@pytest.mark.spec("WebAuthn 2", "5.4", "the browser is asked for this host, this user, and no passkey that is there")
def test_what_the_browser_is_asked(shared: World) -> None:
    ann = a_person(shared, "is asked", shared.globex)
    first = ann.set_up_passkey()
    options = options_in(ann.browser.http.get(PASSKEY))
    assert options["rp"] == {"name": "Globex", "id": "globex.my.localhost"}
    assert options["user"] == {
        "id": b64(bytes.fromhex(ann.user.user_id)),
        "name": "is asked",
        "displayName": "is asked",
    }
    assert [one["id"] for one in options["excludeCredentials"]] == [b64(first.credential_id)]
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    assert options["attestation"] == "none"
    asked, _ = ann.asked(ann.begin())
    assert asked["rpId"] == "globex.my.localhost"
    assert [one["id"] for one in asked["allowCredentials"]] == [b64(first.credential_id)]
    assert asked["userVerification"] == "preferred"


@pytest.mark.spec("WebAuthn 2", "13.4.3", "every question is another, with 32 bytes that nobody can guess")
def test_challenges(shared: World) -> None:
    ann = a_person(shared, "is asked often")
    ann.set_up_passkey()
    browser = ann.begin()
    challenges = {ann.asked(browser)[0]["challenge"] for _ in range(5)}
    challenges |= {options_in(ann.browser.http.get(PASSKEY))["challenge"] for _ in range(5)}
    assert len(challenges) == 10
    assert {len(challenge) for challenge in challenges} == {43}


@pytest.mark.spec("WebAuthn 2", "7.2", "an answer that was given to another page, or for another host, is refused")
@pytest.mark.parametrize(
    ("origin", "lies"),
    [
        (EVIL, {}),
        ("http://localhost", {}),
        ("https://localhost", {}),
        ("null", {}),
        ("", {"rp_id": "evil.localhost"}),
        (EVIL, {"rp_id": "evil.localhost"}),
        ("", {"type": "webauthn.create"}),
        ("", {"cross_origin": True}),
        ("", {"challenge": b64(b"c" * 32)}),
        ("", {"challenge": ""}),
        ("", {"flags": 0}),
        ("", {"user_handle": b"f" * 16}),
    ],
)
def test_lies_at_the_sign_in(shared: World, origin: str, lies: dict[str, Any]) -> None:
    ann = a_person(shared, f"lies {origin} {lies}")
    passkey = ann.set_up_passkey()
    assert shown(ann, passkey, origin, **lies) == (401, False)
    assert last_reason(shared, ann).startswith("second step: ")
    assert shown(ann, passkey) == (303, True)


@pytest.mark.spec("WebAuthn 2", "7.1", "a new passkey that was made for another page, or for another host, is refused")
@pytest.mark.parametrize(
    ("origin", "lies"),
    [
        (EVIL, {}),
        ("https://localhost", {}),
        ("", {"rp_id": "evil.localhost"}),
        ("", {"type": "webauthn.get"}),
        ("", {"cross_origin": True}),
        ("", {"challenge": b64(b"c" * 32)}),
    ],
)
def test_lies_at_the_registration(shared: World, origin: str, lies: dict[str, Any]) -> None:
    ann = a_person(shared, f"lies there {origin} {lies}")
    status, said = registering(ann, Passkey(), origin, **lies)
    assert status == 422
    assert said.startswith("This passkey was not taken")
    assert "It is off" in ann.browser.http.get(SECURITY).text


@pytest.mark.spec("WebAuthn 2", "7.2", "an answer counts once, also where the passkey does not count")
@pytest.mark.parametrize("counts", [True, False])
def test_replayed_answer(shared: World, counts: bool) -> None:
    ann = a_person(shared, f"replays {counts}")
    passkey = ann.set_up_passkey(Passkey(counts=counts))
    browser = ann.begin()
    options, form = ann.asked(browser)
    answer = {**form, "credential": passkey.get(options, ann.origin)}
    assert browser.http.post(SECOND_STEP, data=answer).status_code == 303
    # The same browser shows its password again, and has everything that it sent before.
    browser.http.cookies.delete("workgate_session")
    ann.begin(browser=browser)
    assert browser.http.post(SECOND_STEP, data=answer).status_code == 401
    assert not is_signed_in(browser)


@pytest.mark.spec("WebAuthn 2", "7.1", "a registration counts once, also after the passkey was removed")
def test_replayed_registration(shared: World) -> None:
    ann = a_person(shared, "registers twice")
    passkey = Passkey()
    page = ann.browser.http.get(PASSKEY)
    credential = passkey.create(options_in(page), ann.origin)
    answer = {**form_fields(page.text, PASSKEY), "credential": credential}
    assert ann.browser.http.post(PASSKEY, data=answer).status_code == 200
    again = ann.browser.http.post(PASSKEY, data=answer)
    assert (again.status_code, problem_of(again)[:24]) == (422, "This was set up already:")
    steps = shared.stand_in.workgate.database.second_factors
    record = shared.stand_in.workgate.audit.entry(AuditEvent.SECOND_FACTORS_RESET, shared.acme)
    assert shared.stand_in.run(steps.remove_factors(shared.acme.environment_id, ann.user.user_id, record=record))
    assert ann.browser.http.post(PASSKEY, data=answer).status_code == 422
    assert "It is off" in ann.browser.http.get(SECURITY).text


@pytest.mark.spec("WebAuthn 2", "13.4.3", "an answer to another browser's question, or to an old one, is refused")
def test_challenge_of_another_browser(shared: World) -> None:
    ann = a_person(shared, "asked elsewhere")
    passkey = ann.set_up_passkey()
    mine, theirs = ann.begin(), ann.begin()
    options, form = ann.asked(mine)
    credential = passkey.get(options, ann.origin)
    own = ann.asked(theirs)[1]
    for fields in ({**own, "ticket": form["ticket"]}, own, {**own, "ticket": ""}, {**own, "ticket": "x" * 200}):
        answer = theirs.http.post(SECOND_STEP, data={**fields, "credential": credential})
        assert answer.status_code == 401
        assert not is_signed_in(theirs)
    shared.clock.advance(601)
    browser = ann.begin()
    options, form = ann.asked(browser)
    shared.clock.advance(595)
    ann.begin(browser=browser)
    shared.clock.advance(11)
    late = browser.http.post(SECOND_STEP, data={**form, "credential": passkey.get(options, ann.origin)})
    assert late.status_code == 401


@pytest.mark.spec("WebAuthn 2", "7.2", "another user's passkey is worth nothing, in whatever name it signs")
def test_passkey_of_another_user(shared: World) -> None:
    ann, bob = a_person(shared, "owns a passkey"), a_person(shared, "owns another passkey")
    ann.set_up_passkey()
    his = bob.set_up_passkey()
    assert shown(ann, his) == (401, False)
    assert "not one of the user's" in last_reason(shared, ann)
    # And with the right name of the credential, but his key.
    credential_id = options_credential(ann)
    assert shown(ann, Passkey(key=his.key, credential_id=credential_id, count=50)) == (401, False)
    assert shown(bob, his) == (303, True)


def options_credential(person: Person) -> bytes:
    """The credential ID of somebody's first passkey."""
    factors = person.world.stand_in.workgate.database.second_factors
    found = person.world.stand_in.run(factors.factors(person.environment.environment_id, person.user.user_id))
    assert found[0].passkey is not None
    return found[0].passkey.credential_id


@pytest.mark.spec("WebAuthn 2", "7.2", "a passkey of one environment is worth nothing in another, lanes too")
def test_passkey_of_another_environment(shared: World) -> None:
    here = a_person(shared, "everywhere")
    passkey = here.set_up_passkey()
    for environment in (shared.globex, shared.preview):
        there = a_person(shared, "everywhere", environment)
        own = there.set_up_passkey()
        assert shown(there, passkey) == (401, False)
        assert shown(there, passkey, origin=here.origin, rp_id="localhost") == (401, False)
        assert shown(there, own) == (303, True)
    assert shown(here, passkey) == (303, True)


@pytest.mark.spec("WebAuthn 2", "6.1.1", "a signature counter that does not grow is refused and on the audit log")
def test_counter(shared: World) -> None:
    ann = a_person(shared, "was copied")
    passkey = ann.set_up_passkey()
    copy = Passkey(
        credential_id=passkey.credential_id, key=passkey.key, count=passkey.count, user_handle=passkey.user_handle
    )
    assert shown(ann, passkey) == (303, True)
    assert shown(ann, copy) == (401, False)
    assert "the signature counter went from 2 to 2" in last_reason(shared, ann)
    copy.counts, copy.count = False, 0
    assert shown(ann, copy) == (401, False)
    assert "from 2 to 0" in last_reason(shared, ann)
    assert shown(ann, passkey) == (303, True)


@pytest.mark.spec("WebAuthn 2", "7.1", "a credential ID belongs to one user of an environment")
def test_credential_id_taken(shared: World) -> None:
    ann, bob = a_person(shared, "had it first"), a_person(shared, "wants it too")
    passkey = ann.set_up_passkey()
    status, said = registering(bob, Passkey(credential_id=passkey.credential_id))
    assert (status, said[:22]) == (422, "This was set up alread")
    assert shown(ann, passkey) == (303, True)


@pytest.mark.spec("ASVS 5.0", "6.3.1", "five wrong passkeys lock the account")
def test_wrong_passkeys_lock(shared: World) -> None:
    ann = a_person(shared, "tries passkeys")
    passkey = ann.set_up_passkey()
    for _ in range(5):
        assert shown(ann, Passkey()) == (401, False)
    assert ann.fresh_browser().sign_in(ann.user.username).status_code == 401
    shared.clock.advance(601)
    assert shown(ann, passkey) == (303, True)


def test_several_passkeys_and_an_app(shared: World) -> None:
    ann = a_person(shared, "has them all")
    one, two = ann.set_up_passkey(name="One"), ann.set_up_passkey(name="Two")
    app = ann.set_up_app()
    shared.clock.advance(30)
    assert shown(ann, one) == (303, True)
    assert shown(ann, two) == (303, True)
    browser = ann.begin()
    page = browser.http.get(SECOND_STEP).text
    assert 'data-passkey="get"' in page
    assert 'href="/login/second-step?way=app"' in page
    assert 'href="/login/second-step?way=recovery"' in page
    assert ann.show_code(browser, app.code(shared)).status_code == 303


@pytest.mark.parametrize("name", ["x" * 65, "a\0b", "a\nb", "a\u202eb"])
def test_odd_names(shared: World, name: str) -> None:
    ann = a_person(shared, f"odd names {name!r}")
    page = ann.browser.http.get(PASSKEY)
    credential = Passkey().create(options_in(page), ann.origin)
    form = {**form_fields(page.text, PASSKEY), "credential": credential, "name": name}
    answer = ann.browser.http.post(PASSKEY, data=form)
    if {"\0", "\n"} & set(name):  # a form with a control character in it is none at all
        assert answer.status_code == 403
        return
    assert answer.status_code == 422
    assert error_of(answer, "name").startswith("A name has at most 64 characters")


@pytest.mark.parametrize("credential", ["", "{}", "[]", "null", "x", "[" * 3000, '{"id": "AA", "type": "public-key"}'])
def test_odd_credentials(shared: World, credential: str) -> None:
    ann = a_person(shared, f"odd {credential[:60]}")
    form = form_fields(ann.browser.http.get(PASSKEY).text, PASSKEY)
    assert ann.browser.http.post(PASSKEY, data={**form, "credential": credential}).status_code == 422
    ann.set_up_passkey()
    browser = ann.begin()
    _, form = ann.asked(browser)
    assert browser.http.post(SECOND_STEP, data={**form, "credential": credential}).status_code == 401


def test_where_passkeys_cannot_be_used(shared: World) -> None:
    ann = a_person(shared, "at an address")
    passkey = ann.set_up_passkey()
    app = ann.set_up_app()
    shared.clock.advance(30)
    headers = {"Host": f"127.0.0.1:{shared.stand_in.port}"}
    page = ann.browser.http.get(PASSKEY, headers=headers).text
    assert "Passkeys cannot be used at this address" in page
    assert "data-options" not in page
    form = form_fields(ann.browser.http.get(PASSKEY).text, PASSKEY)
    assert ann.browser.http.post(PASSKEY, data={**form, "credential": "{}"}, headers=headers).status_code == 404
    browser = ann.begin()
    step = browser.http.get(SECOND_STEP, headers=headers).text
    assert "way=passkey" not in step
    assert "Six-digit code" in step
    _, form = ann.asked(browser)
    credential = passkey.get(ann.asked(browser)[0], ann.origin)
    answer = browser.http.post(SECOND_STEP, data={**form, "credential": credential}, headers=headers)
    assert answer.status_code == 401
    form = {**form_fields(browser.http.get(SECOND_STEP, params={"way": "app"}).text, SECOND_STEP)}
    assert browser.http.post(SECOND_STEP, data={**form, "code": app.code(shared)}, headers=headers).status_code == 303


def test_a_passkey_of_another_host_of_the_same_environment(shared: World) -> None:
    ann = a_person(shared, "moves house")
    passkey = ann.set_up_passkey()
    headers = {"Host": f"acme.my.localhost:{shared.stand_in.port}"}
    browser = shared.browser(shared.acme)
    browser.sign_in(ann.user.username)
    step = browser.http.get(SECOND_STEP)
    # Nothing of hers signs there: what is left is a recovery code.
    assert "Recovery code" in step.text
    form = form_fields(step.text, SECOND_STEP)
    other = ann.begin()
    options, asked = ann.asked(other)
    credential = passkey.get(options, f"http://{headers['Host']}", rp_id="acme.my.localhost")
    answer = browser.http.post(
        SECOND_STEP, data={**form, "way": "passkey", "ticket": asked["ticket"], "credential": credential}
    )
    assert answer.status_code == 401
