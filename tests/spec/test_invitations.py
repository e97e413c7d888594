"""Invitations: an administrator has a link mailed, or hands it over; its holder chooses the first password."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser import PASSWORD, World, a_world
from tests.mailing import Mailing, a_mailing, choose, path_in

from workgate.domain.accounts import User
from workgate.domain.audit import AuditEvent
from workgate.domain.ids import new_object_id
from workgate.domain.problems import Conflict, NotAllowed, NotFound
from workgate.domain.signing_in import SignInRules, SsoMode
from workgate.service.acting import OPERATOR, Acting
from workgate.service.mailed_links import Invited
from workgate.service.mailed_links import Mailing as Written
from workgate.web.languages import LANGUAGES

NEW = "wibble drone tackle"
DAY = 86_400


@pytest.fixture(scope="module")
def mailing() -> Iterator[Mailing]:
    with a_mailing() as made:
        yield made


def somebody_new(world: World, name: str, **changes: Any) -> User:
    """A user without a password."""
    stand_in = world.stand_in
    user = world.bob._replace(
        user_id=new_object_id(stand_in.clock.now(), stand_in.workgate.entropy),
        username=name,
        first_name="",
        last_name="",
        **{"email": "new@acme.example", **changes},
    )
    stand_in.run(stand_in.workgate.database.users.create_user(user, None, stand_in.clock.now()))
    return user


def invite(world: World, user: User, by: Acting = OPERATOR, language: str = "en") -> Invited:
    written = Written(world.stand_in.url, LANGUAGES[language].say)
    return world.stand_in.run(
        world.stand_in.workgate.services.mailed_links.invite(world.acme, user, by=by, mailing=written)
    )


@pytest.mark.spec("ASVS 5.0", "6.4.1", "an invitation is a link that works once, to choose the first password with")
def test_an_invitation(mailing: Mailing) -> None:
    world = mailing.world
    user = somebody_new(world, "newcomer")
    invited = invite(world, user, Acting(world.ann, "192.0.2.1"))
    assert invited.mailed
    assert "wgl_" not in repr(invited)
    (mail,) = mailing.settled()
    assert (mail["To"], mail["Subject"]) == ("new@acme.example", "Your account at Acme")
    assert invited.address in mail.get_content()
    browser, path = world.browser(), path_in(mail)
    assert "Welcome to <bdi>Acme</bdi>" in browser.http.get(path).text
    assert browser.sign_in("newcomer", "").status_code == 401
    assert choose(browser, path, "newcomer1").status_code == 422
    assert choose(browser, path, NEW).status_code == 303
    assert browser.http.get(path).status_code == 404
    assert browser.sign_in("newcomer", NEW).status_code == 303
    assert mailing.settled() == []  # nobody had a password that was changed
    world.stand_in.sweep()
    records = world.stand_in.run(world.stand_in.workgate.database.audit.latest(world.acme.environment_id, 100))
    (record,) = [record for record in records if record.event is AuditEvent.USER_INVITED]
    assert (record.actor, record.reason) == (world.ann.user_id, f"of user {user.user_id}")


def test_an_invitation_in_italian(mailing: Mailing) -> None:
    invite(mailing.world, somebody_new(mailing.world, "nuovo"), language="it")
    (mail,) = mailing.settled()
    assert mail["Subject"] == "Il tuo account presso Acme"


@pytest.mark.spec("ASVS 5.0", "6.4.1", "an invitation works for seven days, and a later one ends it")
def test_how_long_it_works(mailing: Mailing) -> None:
    world = mailing.world
    user = somebody_new(world, "takes time")
    first = invite(world, user).address
    world.clock.advance(7 * DAY - 1)
    assert world.http().get(first).status_code == 200
    second = invite(world, user).address
    assert world.http().get(first).status_code == 404
    world.clock.advance(1)
    assert world.http().get(second).status_code == 200
    world.clock.advance(7 * DAY)
    assert world.http().get(second).status_code == 404
    mailing.settled()


def test_a_forgotten_password_before_the_first_one(mailing: Mailing) -> None:
    somebody_new(mailing.world, "lost the invitation")
    path = mailing.link_for("lost the invitation")
    assert choose(mailing.world.browser(), path, NEW).status_code == 303
    mailing.settled()


def test_who_has_a_password_gets_a_link_for_another_one(mailing: Mailing) -> None:
    world = mailing.world
    user = world.stand_in.create_user(world.acme, "has one", PASSWORD, email="has.one@acme.example")
    invited = invite(world, user)
    assert invited.expires_at == world.clock.now() + 3_600_000
    (mail,) = mailing.settled()
    assert "An administrator of Acme asks you" in mail.get_content().replace("\r\n", " ")
    assert world.browser().sign_in("has one").status_code == 303  # nothing has ended yet


def test_who_may_invite_and_who_can_be_invited(mailing: Mailing) -> None:
    world = mailing.world
    user = somebody_new(world, "hangs in the air")
    with pytest.raises(NotAllowed):
        invite(world, user, Acting(world.bob, None))
    with pytest.raises(NotFound):
        invite(world, user._replace(user_id=new_object_id(world.clock.now(), world.stand_in.workgate.entropy)))
    with pytest.raises(Conflict, match="disabled"):
        invite(world, somebody_new(world, "is disabled", is_active=False))
    store = world.stand_in.workgate.database.sign_in_rules
    record = world.stand_in.workgate.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, world.acme)
    world.stand_in.run(store.set_rules(world.acme.environment_id, SignInRules(sso=SsoMode.ONLY), record=record))
    with pytest.raises(Conflict, match="single sign-on"):
        invite(world, user)
    record = world.stand_in.workgate.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, world.acme)
    world.stand_in.run(store.set_rules(world.acme.environment_id, SignInRules(), record=record))
    assert mailing.settled() == []


def test_without_mail_the_link_is_handed_over() -> None:
    with a_world() as world:
        invited = invite(world, somebody_new(world, "fetched in person"))
        assert not invited.mailed
        browser = world.browser()
        path = invited.address.removeprefix(world.stand_in.url)
        assert choose(browser, path, NEW).status_code == 303
        assert browser.sign_in("fetched in person", NEW).status_code == 303
    with a_mailing() as mailing:
        assert not invite(mailing.world, somebody_new(mailing.world, "x", email="not an address")).mailed
