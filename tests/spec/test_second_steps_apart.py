"""Second steps are one environment's, and only its administrators and the operator reset them."""

import pytest
from tests.authenticators import SECOND_STEP, SECURITY, a_person, is_signed_in
from tests.browser import Browser, World, form_fields

from workgate.domain.audit import AuditEvent
from workgate.domain.problems import NotAllowed
from workgate.service.acting import OPERATOR, Acting


@pytest.fixture(autouse=True)
def another_minute(shared: World) -> None:
    """The limits count by the minute; these tests share an address."""
    shared.clock.advance(91)


def test_an_administrator_resets(shared: World) -> None:
    ann, admin = a_person(shared, "lost the phone"), a_person(shared, "resets", is_admin=True)
    ann.set_up_app()
    ann.set_up_passkey()
    begun = ann.begin()
    steps, by = shared.stand_in.workgate.services.second_steps, Acting(admin.user, "192.0.2.1")
    assert shared.stand_in.run(steps.reset(shared.acme, ann.user, by=by))
    assert not shared.stand_in.run(steps.reset(shared.acme, ann.user, by=OPERATOR))
    # The sign-in that was under way owes nothing any more, and the password alone is enough.
    assert begun.http.get(SECOND_STEP).status_code == 403
    again = ann.fresh_browser()
    assert again.sign_in(ann.user.username).headers["location"] == "/"
    assert is_signed_in(ann.browser)
    assert "It is off" in again.http.get(SECURITY).text
    shared.stand_in.sweep()
    latest = shared.stand_in.run(shared.stand_in.workgate.database.audit.latest(shared.acme.environment_id, 50))
    (record,) = [one for one in latest if one.event is AuditEvent.SECOND_FACTORS_RESET]
    assert (record.actor, record.reason) == (admin.user.user_id, f"of user {ann.user.user_id}")


def test_only_an_administrator_of_the_environment_resets(shared: World) -> None:
    ann, bob = a_person(shared, "stays"), a_person(shared, "no administrator")
    elsewhere = a_person(shared, "administers elsewhere", shared.globex, is_admin=True)
    ann.set_up_app()
    steps = shared.stand_in.workgate.services.second_steps
    for somebody in (bob, elsewhere, ann):
        with pytest.raises(NotAllowed, match="only an administrator"):
            shared.stand_in.run(steps.reset(shared.acme, ann.user, by=Acting(somebody.user, None)))
    assert ann.begin().http.get(SECOND_STEP).status_code == 200


def test_second_steps_are_of_one_environment(shared: World) -> None:
    here = a_person(shared, "in both")
    app = here.set_up_app()
    there = a_person(shared, "in both", shared.globex)
    assert is_signed_in(there.browser)
    theirs = there.set_up_app()
    shared.clock.advance(30)
    assert there.enter(app.code(shared)) == (401, False)
    assert there.enter(app.recovery_codes[0], "recovery") == (401, False)
    assert there.enter(theirs.code(shared)) == (303, True)


def test_a_ticket_of_another_environment(shared: World) -> None:
    here, there = a_person(shared, "ticket here"), a_person(shared, "ticket there", shared.globex)
    here.set_up_app()
    app = there.set_up_app()
    shared.clock.advance(30)
    begun = here.begin()
    cookie = "; ".join(f"{name}={value}" for name, value in begun.http.cookies.items())
    stranger: Browser = there.fresh_browser()
    assert stranger.http.get(SECOND_STEP, headers={"Cookie": cookie}).status_code == 403
    form = form_fields(begun.http.get(SECOND_STEP).text, SECOND_STEP)
    posted = stranger.http.post(SECOND_STEP, data={**form, "code": app.code(shared)}, headers={"Cookie": cookie})
    assert posted.status_code == 403
