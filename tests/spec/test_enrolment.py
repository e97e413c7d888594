"""Where an environment asks for two steps, nobody gets in with one: the second is set up first."""

import pytest
from tests.administering import problem_of
from tests.authenticators import (
    ENROL,
    ENROL_APP,
    ENROL_PASSKEY,
    SECOND_STEP,
    SECURITY,
    App,
    Passkey,
    a_person,
    codes_in,
    is_signed_in,
    options_in,
    require_two_steps,
    requiring_two_steps,
)
from tests.browser import PASSWORD, World, a_world, authorize_params, form_fields, query_of

LOGIN = "/attask/api/login"


@pytest.fixture(autouse=True)
def another_minute(shared: World) -> None:
    """The limits count by the minute; these tests share an address, and name their environments by the time."""
    shared.clock.advance(91)


@pytest.mark.spec("ASVS 5.0", "6.3.3", "who has no second step where two are asked for sets one up at the sign-in")
@pytest.mark.parametrize("way", ["app", "passkey"])
def test_enrolment(shared: World, way: str) -> None:
    environment = requiring_two_steps(shared)
    ann = a_person(shared, "ann", environment)
    assert not is_signed_in(ann.browser)
    page = ann.browser.http.get(ENROL)
    assert 'href="/login/enrol/authenticator"' in page.text
    assert 'href="/login/enrol/passkey"' in page.text
    if way == "app":
        app = ann.set_up_app(ENROL_APP)
        assert len(app.recovery_codes) == 10
    else:
        ann.set_up_passkey(path=ENROL_PASSKEY)
    assert is_signed_in(ann.browser)
    assert "It is on" in ann.browser.http.get(SECURITY).text
    # The step is settled: its page is closed.
    assert ann.browser.http.get(ENROL).status_code == 403
    assert ann.begin().http.get(SECOND_STEP).status_code == 200


@pytest.mark.spec("ASVS 5.0", "6.3.3", "nothing but the enrolment is open to a sign-in that owes it")
def test_nothing_else_is_open(shared: World) -> None:
    environment = requiring_two_steps(shared)
    ann = a_person(shared, "ann", environment, is_admin=True)
    for path in ("/", SECURITY, f"{SECURITY}/authenticator", f"{SECURITY}/passkey", "/setup/oauth2", "/setup/audit"):
        answer = ann.browser.http.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, "/login"), path
    assert ann.browser.http.get(SECOND_STEP).headers["location"] == ENROL
    answer = ann.browser.http.post(SECOND_STEP, data={"way": "recovery", "code": "0000-0000-0000"})
    assert answer.headers["location"] == ENROL
    api = shared.http(environment).post(LOGIN, data={"username": "ann", "password": PASSWORD})
    assert api.status_code == 401


@pytest.mark.spec("ASVS 5.0", "6.3.3", "an application's request is kept over the enrolment")
def test_flow_of_an_application(shared: World) -> None:
    environment = requiring_two_steps(shared)
    registered = shared.stand_in.create_app(environment)
    ann = a_person(shared, "ann", environment)
    browser = ann.fresh_browser()
    target = query_of(browser.authorize(**authorize_params(registered)).headers["location"])["next"]
    ann.browser = ann.begin(target, browser)
    page = browser.http.get(ENROL_APP)
    app = App.scanning(page)
    answer = browser.http.post(ENROL_APP, data={**form_fields(page.text, ENROL_APP), "code": app.code(shared)})
    assert f'href="{target.replace("&", "&amp;")}"' in answer.text
    assert browser.http.get(target).status_code == 200


@pytest.mark.spec("ASVS 5.0", "6.3.3", "whoever is overtaken by an enrolment elsewhere owes the second step")
def test_overtaken(shared: World) -> None:
    environment = requiring_two_steps(shared)
    ann = a_person(shared, "ann", environment)
    thief = ann.begin()
    page = thief.http.get(ENROL_APP)
    theirs, form = App.scanning(page), form_fields(page.text, ENROL_APP)
    ann.set_up_app(ENROL_APP)
    answer = thief.http.post(ENROL_APP, data={**form, "code": theirs.code(shared)})
    assert answer.headers["location"] == SECOND_STEP
    assert not is_signed_in(thief)
    shared.clock.advance(30)
    assert ann.show_code(thief, theirs.code(shared)).status_code == 401


@pytest.mark.spec("ASVS 5.0", "6.3.3", "an enrolment is bound to its browser, user and environment, and counts once")
def test_tickets_of_others(shared: World) -> None:
    environment = requiring_two_steps(shared)
    ann, bob = a_person(shared, "ann", environment), a_person(shared, "bob", environment)
    page = ann.browser.http.get(ENROL_APP)
    app, form = App.scanning(page), form_fields(page.text, ENROL_APP)
    own = form_fields(bob.browser.http.get(ENROL_APP).text, ENROL_APP)
    stolen = bob.browser.http.post(ENROL_APP, data={**own, "ticket": form["ticket"], "code": app.code(shared)})
    assert stolen.status_code == 422
    assert "open for too long" in problem_of(stolen)
    forged = ann.browser.http.post(ENROL_APP, data={**form, "csrf": own["csrf"], "code": app.code(shared)})
    assert forged.status_code == 422
    stranger = shared.http(environment).post(ENROL_APP, data={**form, "code": app.code(shared)})
    assert stranger.status_code == 403
    assert not is_signed_in(ann.browser)
    good = ann.browser.http.post(ENROL_APP, data={**form, "code": app.code(shared)})
    assert len(codes_in(good)) == 10
    again = ann.browser.http.post(ENROL_APP, data={**form, "code": app.code(shared)})
    assert again.status_code == 403


def test_a_passkey_that_was_made_for_another_browser(shared: World) -> None:
    environment = requiring_two_steps(shared)
    ann, bob = a_person(shared, "ann", environment), a_person(shared, "bob", environment)
    page = ann.browser.http.get(ENROL_PASSKEY)
    credential = Passkey().create(options_in(page), ann.origin)
    own = form_fields(bob.browser.http.get(ENROL_PASSKEY).text, ENROL_PASSKEY)
    for ticket in (own["ticket"], form_fields(page.text, ENROL_PASSKEY)["ticket"]):
        answer = bob.browser.http.post(ENROL_PASSKEY, data={**own, "ticket": ticket, "credential": credential})
        assert answer.status_code == 422
        assert not is_signed_in(bob.browser)


def test_a_passkey_where_there_can_be_none() -> None:
    with a_world() as world:
        require_two_steps(world, world.acme)  # the default environment, which an IP address stands for
        ann = a_person(world, "tess")
        headers = {"Host": f"127.0.0.1:{world.stand_in.port}"}
        page = ann.browser.http.get(ENROL_PASSKEY)
        answer = {**form_fields(page.text, ENROL_PASSKEY), "credential": Passkey().create(options_in(page), ann.origin)}
        refused = ann.browser.http.post(ENROL_PASSKEY, data=answer, headers=headers)
        assert (refused.status_code, problem_of(refused)) == (422, "Passkeys cannot be used at this address.")
        assert not is_signed_in(ann.browser)


def test_an_account_that_was_locked_meanwhile(shared: World) -> None:
    environment = requiring_two_steps(shared)
    ann = a_person(shared, "ann", environment)
    for number in range(5):
        assert ann.fresh_browser().sign_in("ann", f"wrong {number}").status_code == 401
    # The second step is set up and its codes are shown, but nobody is signed in.
    app = ann.set_up_app(ENROL_APP)
    assert len(app.recovery_codes) == 10
    assert not is_signed_in(ann.browser)
    shared.clock.advance(601)
    assert ann.show_code(ann.begin(), app.code(shared)).status_code == 303


def test_the_switch_counts_at_the_next_sign_in(shared: World) -> None:
    environment = requiring_two_steps(shared)
    require_two_steps(shared, environment, required=False)
    ann = a_person(shared, "ann", environment)
    assert is_signed_in(ann.browser)
    require_two_steps(shared, environment)
    assert is_signed_in(ann.browser)
    begun = ann.begin()
    assert begun.http.get(ENROL).status_code == 200
    # Switched off again, what is under way owes nothing: it begins once more.
    require_two_steps(shared, environment, required=False)
    assert begun.http.get(ENROL).status_code == 403
    assert ann.fresh_browser().sign_in("ann").headers["location"] == "/"
