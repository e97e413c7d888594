"""What dies and what lives when something ends (SECURITY 19): the table of docs/what-ends-when.md, cell by cell."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.authenticators import APP, App
from tests.browser import PASSWORD, REVOKE, Browser, World, a_world, form_fields

from workgate.domain.ids import Milliseconds
from workgate.service.acting import OPERATOR, Acting
from workgate.service.applications import Registered
from workgate.storage.keyfile import KeyFile

PAGE = Path(__file__).parents[2] / "docs" / "what-ends-when.md"
COLUMNS = (
    "sign-in in the browser",
    "session of API login",
    "access token",
    "refresh token",
    "code",
    "other application",
    "other user",
)


@pytest.fixture(scope="module")
def crowd() -> Iterator[World]:
    """One world for all rows: each row has people and applications of its own, and the last rows end everything."""
    with a_world(client_failures=100_000, applications_per_environment=1000) as made:
        yield made


@dataclass
class Holdings:
    """What there is for Ann, for her other application and for her colleague, before the event."""

    world: World
    username: str
    app: Registered
    browser: Browser
    api_session: str
    first_code: str
    pair: dict[str, Any]
    code: str
    other_app: Registered
    other_app_pair: dict[str, Any]
    colleague_pair: dict[str, Any]

    def alive(self) -> dict[str, bool]:
        """Try everything. The order matters: using a refresh token or a code changes the rest."""
        world = self.world
        answers = {
            "sign-in in the browser": self.browser.http.get("/").status_code == 200,
            "session of API login": world.works(self.api_session),
            "access token": world.works(self.pair["access_token"]),
            "refresh token": self.refreshes(self.app, self.pair),
            "code": world.redeem(self.app, self.code).status_code == 200,
            "other application": self.refreshes(self.other_app, self.other_app_pair),
        }
        colleague = world.works(self.colleague_pair["access_token"])
        assert self.refreshes(self.app, self.colleague_pair) is colleague
        return {**answers, "other user": colleague}

    def refreshes(self, app: Registered, pair: dict[str, Any]) -> bool:
        """Tell whether a refresh token still gives a pair, and that the pair works."""
        answer = self.world.refresh(app, pair["refresh_token"])
        if answer.status_code == 200:
            assert self.world.works(answer.json()["access_token"])
        else:
            assert answer.json()["error"] in {"invalid_grant", "invalid_client"}
        return answer.status_code == 200


def signed_in(world: World, username: str) -> Browser:
    browser = world.browser()
    assert browser.sign_in(username).status_code == 303
    return browser


def holdings(world: World, name: str) -> Holdings:
    stand_in = world.stand_in
    for username in (name, f"colleague of {name}"):
        stand_in.create_user(world.acme, username, PASSWORD)
    app, other_app = (stand_in.create_app(world.acme, f"{text} of {name}") for text in ("app", "other app"))
    browser = signed_in(world, name)
    login = world.http().post("/attask/api/login", data={"username": name, "password": PASSWORD})
    first_code = browser.code(app)
    return Holdings(
        world=world,
        username=name,
        app=app,
        browser=browser,
        api_session=login.json()["data"]["sessionID"],
        first_code=first_code,
        pair=world.redeem(app, first_code).json(),
        code=browser.code(app),
        other_app=other_app,
        other_app_pair=world.connect(other_app, browser),
        colleague_pair=world.connect(app, signed_in(world, f"colleague of {name}")),
    )


def sign_out(held: Holdings) -> None:
    home = held.browser.http.get("/")
    answer = held.browser.http.post("/logout", data=form_fields(home.text, "/logout"))
    assert answer.status_code == 303


def log_out(held: Holdings, session_id: str) -> None:
    answer = held.world.http().get("/attask/api/logout", headers={"sessionID": session_id})
    assert answer.json() == {"data": {"success": True}}


def change_password(held: Holdings) -> None:
    held.world.stand_in.set_password(held.world.acme, held.username, "another good password")


def change_own_password(held: Holdings) -> None:
    fields = form_fields(held.browser.http.get("/account/password").text, "/account/password")
    new = {"current": PASSWORD, "new": "wibble drone tackle", "again": "wibble drone tackle"}
    assert held.browser.http.post("/account/password", data={**fields, **new}).status_code == 303


def end_other_sign_ins(held: Holdings) -> None:
    action = "/account/sessions/end-others"
    fields = form_fields(held.browser.http.get("/account/sessions").text, action)
    assert held.browser.http.post(action, data=fields).status_code == 303


def set_active(held: Holdings, *, active: bool) -> None:
    world = held.world
    world.stand_in.run(
        world.stand_in.workgate.services.administration.set_active(world.acme, held.username, active=active)
    )


def disable_and_enable(held: Holdings) -> None:
    set_active(held, active=False)
    set_active(held, active=True)


def add_second_step(held: Holdings) -> None:
    page = held.browser.http.get(APP)
    code = App.scanning(page).code(held.world)
    answer = held.browser.http.post(APP, data={**form_fields(page.text, APP), "code": code})
    assert answer.status_code == 200


def reset_second_steps(held: Holdings) -> None:
    add_second_step(held)
    world, workgate = held.world, held.world.stand_in.workgate
    user = world.stand_in.run(workgate.services.administration.user_named(world.acme, held.username))
    assert world.stand_in.run(workgate.services.second_steps.reset(world.acme, user, by=OPERATOR))


def withdraw(held: Holdings) -> None:
    world, workgate = held.world, held.world.stand_in.workgate
    user = world.stand_in.run(workgate.services.administration.user_named(world.acme, held.username))
    ended = workgate.services.connections.withdraw(
        world.acme, held.app.application.client_id, by=Acting(user, "192.0.2.1")
    )
    assert world.stand_in.run(ended) == 2  # the connected one and the one whose code is pending


def revoke(held: Holdings, token: str) -> None:
    application, secret = held.app.application, held.app.client_secret
    assert secret is not None
    answer = held.world.http().post(REVOKE, data={"token": token}, auth=(application.client_id, secret))
    assert answer.status_code == 200


def use_code_twice(held: Holdings) -> None:
    assert held.world.redeem(held.app, held.first_code).status_code == 400


def replay(held: Holdings) -> None:
    """What the newest pair is worth afterwards is the question: the replayed one was over before."""
    oldest, newer = held.pair, held.world.refresh(held.app, held.pair["refresh_token"]).json()
    held.pair = held.world.refresh(held.app, newer["refresh_token"]).json()
    assert held.world.refresh(held.app, oldest["refresh_token"]).status_code == 400


def delete_secret(held: Holdings) -> None:
    world, registry = held.world, held.world.stand_in.workgate.services.registry
    client_id, old = held.app.application.client_id, held.app.application.secrets[0]
    _, second = world.stand_in.run(registry.add_secret(world.acme, client_id, "the second one", by=OPERATOR))
    world.stand_in.run(registry.delete_secret(world.acme, client_id, str(old.secret_id), by=OPERATOR))
    assert world.refresh(held.app, held.pair["refresh_token"]).status_code == 401
    assert world.redeem(held.app, held.code).status_code == 401
    held.app = replace(held.app, client_secret=second)


def delete_application(held: Holdings) -> None:
    world = held.world
    world.stand_in.run(
        world.stand_in.workgate.services.registry.delete(world.acme, held.app.application.client_id, by=OPERATOR)
    )


def key_file(held: Holdings) -> KeyFile:
    file = held.world.stand_in.workgate.keys.file
    assert file is not None
    return file


def rotate_key(held: Holdings) -> None:
    workgate, now = held.world.stand_in.workgate, held.world.clock.now()
    key_file(held).update(workgate.entropy, lambda ring: ring.with_new_key(used_from=now, entropy=workgate.entropy))
    workgate.refresh_keys()
    assert workgate.mint.current_key(now) == workgate.mint.ring.keys[-1].key_id


def retire_key(held: Holdings) -> None:
    workgate = held.world.stand_in.workgate
    old, now = workgate.mint.current_key(held.world.clock.now()), held.world.clock.now()
    held.world.clock.advance(0.001)
    later = Milliseconds(now + 1)
    key_file(held).update(workgate.entropy, lambda ring: ring.with_new_key(used_from=later, entropy=workgate.entropy))
    key_file(held).update(workgate.entropy, lambda ring: ring.without(old, later))
    workgate.refresh_keys()


def raise_epoch(held: Holdings) -> None:
    held.world.stand_in.run(held.world.stand_in.workgate.database.installation.raise_epoch(held.world.clock.now()))


EVENTS: dict[str, Callable[[Holdings], None]] = {
    "sign-out in the browser": sign_out,
    "logout of the API session": lambda held: log_out(held, held.api_session),
    "logout with the access token": lambda held: log_out(held, held.pair["access_token"]),
    "password changed": change_password,
    "password changed by the user there": change_own_password,
    "all other sign-ins ended there": end_other_sign_ins,
    "second step added": add_second_step,
    "second steps reset": reset_second_steps,
    "user disabled": lambda held: set_active(held, active=False),
    "user disabled, then enabled": disable_and_enable,
    "consent withdrawn": withdraw,
    "refresh token revoked": lambda held: revoke(held, held.pair["refresh_token"]),
    "access token revoked": lambda held: revoke(held, held.pair["access_token"]),
    "code used twice": use_code_twice,
    "old refresh token replayed": replay,
    "client secret deleted": delete_secret,
    "application deleted": delete_application,
    "key rotated": rotate_key,
    "key retired": retire_key,
    "epoch raised": raise_epoch,
}


def documented() -> dict[str, dict[str, bool]]:
    """The page's first table: for each event, whether each thing lives on."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines() if "|" in line
    ]
    start = next(i for i, row in enumerate(rows) if row[0] == "event")
    assert tuple(rows[start][1:]) == COLUMNS
    cells = [row for row in rows[start + 2 :] if len(row) == len(COLUMNS) + 1]
    assert {cell for row in cells for cell in row[1:]} == {"ends", "lives"}
    return {row[0]: {name: cell == "lives" for name, cell in zip(COLUMNS, row[1:], strict=True)} for row in cells}


def test_the_page_documents_every_event() -> None:
    assert list(documented()) == list(EVENTS)


@pytest.mark.spec("Workgate", "what-ends-when", "what dies and what lives is what the page says")
@pytest.mark.parametrize("event", EVENTS)
def test_event(crowd: World, event: str) -> None:
    held = holdings(crowd, re.sub(r"\W+", " ", event))
    EVENTS[event](held)
    assert held.alive() == documented()[event]


@pytest.mark.spec("Workgate", "what-ends-when", "without any event everything lives")
def test_nothing_happened(crowd: World) -> None:
    assert all(holdings(crowd, "nothing").alive().values())


@pytest.mark.spec("ASVS 5.0", "10.4.9", "tokens of a withdrawn consent stay dead when the user connects again")
def test_connecting_again_after_a_withdrawal(crowd: World) -> None:
    held = holdings(crowd, "again")
    withdraw(held)
    again = crowd.connect(held.app, held.browser)
    assert crowd.works(again["access_token"])
    assert not crowd.works(held.pair["access_token"])
    assert not held.refreshes(held.app, held.pair)


@pytest.mark.spec("Workgate", "what-ends-when", "a deleted application cannot be used to ask for consent")
def test_consent_page_of_a_deleted_application(crowd: World) -> None:
    held = holdings(crowd, "asked too late")
    application = held.app.application
    page = held.browser.authorize(
        client_id=application.client_id, redirect_uri=application.redirect_uris[0], response_type="code"
    )
    delete_application(held)
    answer = held.browser.decide(page)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.spec("Workgate", "what-ends-when", "a consent form of an ended sign-in does nothing")
def test_consent_form_after_sign_out(crowd: World) -> None:
    held = holdings(crowd, "gone")
    application = held.app.application
    page = held.browser.authorize(
        client_id=application.client_id, redirect_uri=application.redirect_uris[0], response_type="code"
    )
    sign_out(held)
    assert held.browser.decide(page).status_code == 403
    assert held.browser.sign_in(held.username).status_code == 303
    assert held.browser.decide(page).status_code == 403


@pytest.mark.spec("Workgate", "what-ends-when", "after a rotation the old access token lives for the overlap only")
def test_overlap_of_a_rotation(crowd: World) -> None:
    held = holdings(crowd, "overlap")
    newer = crowd.refresh(held.app, held.pair["refresh_token"]).json()
    crowd.clock.advance(59.999)
    assert crowd.works(held.pair["access_token"])
    crowd.clock.advance(0.002)
    assert not crowd.works(held.pair["access_token"])
    assert crowd.works(newer["access_token"])
