"""Refreshing: rotation, the retry window, replays, and what happens at the same moment (SECURITY 16, 17; WF-24)."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from tests.browser import REVOKE, TOKEN, Browser, World, a_world, at_once, authorize_params

from workgate.domain.audit import AuditEvent
from workgate.domain.ids import ClientId
from workgate.service.applications import Registered

Pair = dict[str, Any]


def refresh_of(registered: Registered, refresh_token: str, **more: str) -> dict[str, str]:
    asked = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    asked["client_id"] = registered.application.client_id
    if registered.client_secret is not None:
        asked["client_secret"] = registered.client_secret
    return {**asked, **more}


def refreshed(world: World, registered: Registered, refresh_token: str) -> Pair:
    answer = world.refresh(registered, refresh_token)
    assert answer.status_code == 200, answer.text
    pair: Pair = answer.json()
    return pair


def assert_refused(answer: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == error
    assert not {"access_token", "refresh_token"} & set(answer.json())


def assert_all_dead(world: World, registered: Registered, *pairs: Pair) -> None:
    for pair in pairs:
        assert not world.works(pair["access_token"])
        assert_refused(world.refresh(registered, pair["refresh_token"]))


@pytest.mark.spec("RFC 6749", "6", "with rotation each use gives another refresh token; the used one ends")
@pytest.mark.parametrize("kind", ["web", "spa"])
def test_rotation_on(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    first = shared.connect(registered, ann)
    second = refreshed(shared, registered, first["refresh_token"])
    third = refreshed(shared, registered, second["refresh_token"])
    tokens = [pair[name] for pair in (first, second, third) for name in ("access_token", "refresh_token")]
    assert len(set(tokens)) == 6
    for pair in (first, second, third):
        assert (pair["token_type"], pair["wid"]) == ("sessionID", shared.ann.user_id)
        assert pair["expires_in"] == shared.acme.session_idle_seconds
    assert shared.works(third["access_token"])
    assert_refused(shared.refresh(registered, first["refresh_token"]))


@pytest.mark.spec("RFC 6749", "6", "without rotation the refresh token stays, is sent again, and opens sessions")
def test_rotation_off(shared: World, ann: Browser) -> None:
    first = shared.connect(shared.plain, ann)
    pairs = [first]
    for wait in (0, 1, 31, 3600):
        shared.clock.advance(wait)
        pairs.append(refreshed(shared, shared.plain, first["refresh_token"]))
    assert {pair["refresh_token"] for pair in pairs} == {first["refresh_token"]}
    assert len({pair["access_token"] for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert shared.works(pair["access_token"])


@pytest.mark.spec("RFC 6749", "6", "without rotation the sessions of one consent are bounded: the oldest goes first")
def test_rotation_off_bounds_sessions(shared: World, ann: Browser) -> None:
    first = shared.connect(shared.plain, ann)
    http, asked = shared.http(), refresh_of(shared.plain, first["refresh_token"])
    newest = [http.post(TOKEN, data=asked).json()["access_token"] for _ in range(40)]
    alive = [shared.works(token) for token in [first["access_token"], *newest]]
    assert alive == [False] * (41 - 16) + [True] * 16


@pytest.mark.spec("RFC 9700", "4.14.2", "rotation cannot be switched off for public clients")
@pytest.mark.parametrize("behind_the_registry", [False, True])
def test_public_client_always_rotates(shared: World, ann: Browser, behind_the_registry: bool) -> None:
    app = shared.stand_in.create_app(shared.acme, "Spa", kind="spa", rotate_refresh_tokens=False)
    if behind_the_registry:
        # As if somebody had changed the row.
        row = replace(app.application, client_id=ClientId("f" * 32), rotate_refresh_tokens=False)
        store = shared.stand_in.workgate.database.applications
        record = shared.stand_in.workgate.audit.entry(AuditEvent.APPLICATION_CREATED, shared.acme)
        assert shared.stand_in.run(store.create_application(row, None, at_most=1000, record=record))
        app = Registered(row, None)
    first = shared.connect(app, ann)
    second = refreshed(shared, app, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    shared.clock.advance(31)
    assert_refused(shared.refresh(app, first["refresh_token"]))
    assert_all_dead(shared, app, second)


@pytest.mark.spec("RFC 9700", "4.14.2", "within the retry window the same pair comes again, byte for byte")
@pytest.mark.parametrize("kind", ["web", "spa"])
def test_retry_window(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    first = shared.connect(registered, ann)
    answer = shared.refresh(registered, first["refresh_token"])
    for wait in (0, 1, 28):
        shared.clock.advance(wait)
        again = shared.refresh(registered, first["refresh_token"])
        assert again.status_code == 200
        assert again.content == answer.content
    # Repeating an answer is not a use: the pair lives on, and its turn comes.
    assert shared.works(answer.json()["access_token"])
    third = refreshed(shared, registered, answer.json()["refresh_token"])
    assert shared.works(third["access_token"])


@pytest.mark.spec("RFC 9700", "4.14.2", "a replay after the retry window is refused and revokes the whole chain")
@pytest.mark.parametrize("kind", ["web", "spa"])
@pytest.mark.parametrize("wait", [30, 31, 86400])
def test_replay_after_the_window(shared: World, ann: Browser, kind: str, wait: int) -> None:
    registered: Registered = getattr(shared, kind)
    first = shared.connect(registered, ann)
    bystander = shared.connect(registered, ann)
    second = refreshed(shared, registered, first["refresh_token"])
    shared.clock.advance(wait)
    if wait < 3600:
        assert shared.works(second["access_token"])
    assert_refused(shared.refresh(registered, first["refresh_token"]))
    assert_all_dead(shared, registered, second, first)
    # Another consent of the same user to the same application is another chain.
    assert shared.works(refreshed(shared, registered, bystander["refresh_token"])["access_token"])


@pytest.mark.spec("RFC 9700", "4.14.2", "once the new token was presented, the old one is a replay, window or not")
@pytest.mark.parametrize("kind", ["web", "spa"])
def test_new_one_then_old_one(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    first = shared.connect(registered, ann)
    second = refreshed(shared, registered, first["refresh_token"])
    third = refreshed(shared, registered, second["refresh_token"])
    assert_refused(shared.refresh(registered, first["refresh_token"]))
    assert_all_dead(shared, registered, third, second, first)


@pytest.mark.spec("RFC 9700", "4.14.2", "within the retry window the same pair comes again, byte for byte")
def test_window_length_is_a_setting() -> None:
    with a_world(refresh_retry_seconds=0) as world:
        first = world.connect(world.web)
        second = refreshed(world, world.web, first["refresh_token"])
        assert_refused(world.refresh(world.web, first["refresh_token"]))
        assert_all_dead(world, world.web, second)


@pytest.mark.spec("RFC 6749", "1.5", "after a rotation the session before lives on for 60 s, for calls in flight")
def test_overlap(shared: World, ann: Browser) -> None:
    first = shared.connect(shared.web, ann)
    shared.clock.advance(1000)
    second = refreshed(shared, shared.web, first["refresh_token"])
    shared.clock.advance(59)
    assert shared.works(first["access_token"])
    assert shared.works(second["access_token"])
    shared.clock.advance(2)
    assert not shared.works(first["access_token"])
    assert shared.works(second["access_token"])


@pytest.mark.spec("RFC 6749", "1.5", "each session overlaps for its own time, however often is refreshed")
def test_every_replaced_session_overlaps(shared: World, ann: Browser) -> None:
    pairs = [shared.connect(shared.web, ann)]
    for _ in range(2):
        pairs.append(refreshed(shared, shared.web, pairs[-1]["refresh_token"]))
        shared.clock.advance(20)
    assert [shared.works(pair["access_token"]) for pair in pairs] == [True, True, True]
    shared.clock.advance(21)
    assert [shared.works(pair["access_token"]) for pair in pairs] == [False, True, True]
    shared.clock.advance(20)
    assert [shared.works(pair["access_token"]) for pair in pairs] == [False, False, True]


@pytest.mark.spec("RFC 6749", "10.4", "a refresh token is bound to its client, and others burn nothing")
@pytest.mark.parametrize("kind", ["web", "spa", "plain"])
def test_refresh_token_of_another_client(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    pair = shared.connect(registered, ann)
    http, token = shared.http(), pair["refresh_token"]
    for other in (shared.web, shared.spa, shared.plain):
        if other is not registered:
            assert_refused(http.post(TOKEN, data=refresh_of(other, token)))
    assert_refused(http.post(TOKEN, data=refresh_of(shared.machine, token)), "unauthorized_client")
    if registered.client_secret is not None:
        asked = refresh_of(registered, token, client_secret="wrong")
        assert_refused(http.post(TOKEN, data=asked), "invalid_client", 401)
        assert_refused(http.post(TOKEN, data={**asked, "client_secret": ""}), "invalid_client", 401)
    assert shared.works(pair["access_token"])
    assert shared.works(refreshed(shared, registered, token)["access_token"])


@pytest.mark.spec("RFC 6749", "10.4", "a rotated token in another client's hands revokes nothing")
def test_replay_by_another_client_revokes_nothing(shared: World, ann: Browser) -> None:
    first = shared.connect(shared.web, ann)
    second = refreshed(shared, shared.web, first["refresh_token"])
    shared.clock.advance(31)
    assert_refused(shared.http().post(TOKEN, data=refresh_of(shared.spa, first["refresh_token"])))
    assert shared.works(second["access_token"])
    assert refreshed(shared, shared.web, second["refresh_token"])


@pytest.mark.spec("RFC 6749", "10.4", "a refresh token is bound to its environment")
def test_refresh_token_of_another_environment(shared: World, ann: Browser) -> None:
    pair = shared.connect(shared.web, ann)
    for environment in (shared.preview, shared.globex):
        app = shared.stand_in.create_app(environment, "ClientApp")
        asked = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        assert_refused(shared.token(app, asked, environment))
        assert_refused(shared.token(shared.web, asked, environment), "invalid_client", 401)
        assert not shared.works(pair["access_token"], environment)
    assert refreshed(shared, shared.web, pair["refresh_token"])


@pytest.mark.spec("RFC 6749", "6", "refreshing never widens anything")
def test_refresh_never_widens(shared: World, ann: Browser) -> None:
    first = shared.connect(shared.web, ann)
    wishes = {
        "scope": "admin",
        "wid": shared.bob.user_id,
        "username": "bob",
        "expires_in": "999999999",
        "redirect_uri": "https://evil.example/",
        "domain": "globex",
        "lane": "preview",
        "generation": "9",
    }
    answer = shared.http().post(TOKEN, data=refresh_of(shared.web, first["refresh_token"], **wishes))
    pair = answer.json()
    assert (pair["wid"], pair["expires_in"]) == (first["wid"], first["expires_in"])
    assert "scope" not in pair
    me = shared.http().get("/attask/api/v14.0/user?id=$$USER", headers={"sessionID": pair["access_token"]})
    assert shared.ann.user_id in json.dumps(me.json())


@pytest.mark.spec("RFC 6749", "10.10", "a refresh token that was changed, or is something else, is worth nothing")
def test_forged_refresh_token(shared: World, ann: Browser) -> None:
    pair = shared.connect(shared.web, ann)
    code = ann.code(shared.web, **authorize_params(shared.web))
    token, text = pair["refresh_token"], pair["refresh_token"][4:]
    raw = base64.urlsafe_b64decode(text)
    forged = ["x", "wgr_", text, "wgc_" + text, "wgs_" + text, token + "A", token[:-1], token.lower()]
    forged += [pair["access_token"], "wgr_" + pair["access_token"][4:], code, "wgr_" + code[4:]]
    for place in (1, 9, 12, 13, 14, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 2
        forged.append("wgr_" + base64.urlsafe_b64encode(bytes(changed)).decode())
    http = shared.http()
    for attempt in forged:
        assert_refused(http.post(TOKEN, data=refresh_of(shared.web, attempt)))
    assert not shared.works(token)
    # No forgery counted as a replay.
    assert shared.works(pair["access_token"])
    assert refreshed(shared, shared.web, token)


@pytest.mark.spec("RFC 9700", "4.14.2", "50 parallel refreshers all get the same pair")
@pytest.mark.parametrize("kind", ["web", "spa"])
def test_parallel_refreshers(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    pair = shared.connect(registered, ann)
    http, asked = shared.http(), refresh_of(registered, pair["refresh_token"])
    answers = at_once([partial(http.post, TOKEN, data=asked)] * 50)
    assert [answer.status_code for answer in answers] == [200] * 50
    assert len({answer.content for answer in answers}) == 1
    new = answers[0].json()
    assert shared.works(new["access_token"])
    assert refreshed(shared, registered, new["refresh_token"])


@pytest.mark.spec("RFC 9700", "4.14.2", "50 parallel refreshers all get the same pair, on two nodes too")
def test_parallel_refreshers_on_two_nodes(world: World) -> None:
    pair = world.connect(world.web)
    asked = refresh_of(world.web, pair["refresh_token"])
    with world.another_node() as node:
        here, there = world.http(), node.client()
        answers = at_once([partial(http.post, TOKEN, data=asked) for http in (here, there) for _ in range(25)])
        there.close()
    served = {answer.content for answer in answers if answer.status_code == 200}
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert len(served) == 1
    assert world.works(json.loads(served.pop())["access_token"])


def refresh_or_revoke(world: World, registered: Registered, pair: Pair) -> list[httpx.Response]:
    http, refresh = world.http(), refresh_of(registered, pair["refresh_token"])
    revoke = {"token": pair["refresh_token"], **{key: refresh[key] for key in refresh if key.startswith("client_")}}
    calls: list[Callable[[], httpx.Response]] = [partial(http.post, TOKEN, data=refresh) for _ in range(6)]
    calls.insert(3, partial(http.post, REVOKE, data=revoke))
    return at_once(calls)


@pytest.mark.spec("RFC 7009", "2.1", "refresh against revoke in parallel never leaves a live token")
@pytest.mark.parametrize("kind", ["web", "plain", "spa"])
def test_refresh_against_revoke(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    for _ in range(6):
        pair = shared.connect(registered, ann)
        answers = refresh_or_revoke(shared, registered, pair)
        assert answers[3].status_code == 200
        assert answers[3].json() == {}
        refreshes = [answer for answer in answers if answer is not answers[3]]
        assert {answer.status_code for answer in refreshes} <= {200, 400}
        given = [answer.json() for answer in refreshes if answer.status_code == 200]
        assert_all_dead(shared, registered, pair, *given)


@pytest.mark.spec("RFC 9700", "4.14.2", "a thief and the owner refreshing at once: nothing lives on after the replay")
def test_two_parties_in_parallel(shared: World, ann: Browser) -> None:
    http = shared.http()
    first = shared.connect(shared.web, ann)
    second = refreshed(shared, shared.web, first["refresh_token"])
    old, new = (refresh_of(shared.web, pair["refresh_token"]) for pair in (first, second))
    answers = at_once([partial(http.post, TOKEN, data=asked) for asked in (old, new) * 8])
    given = [answer.json() for answer in answers if answer.status_code == 200]
    # Whatever the order was: the new token was presented, so the old one must now be a replay.
    assert_refused(shared.refresh(shared.web, first["refresh_token"]))
    assert_all_dead(shared, shared.web, second, *given)
