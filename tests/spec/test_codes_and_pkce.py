"""Codes work once, for a short time, for whom they were made, and with their verifier (SECURITY 10, 11, 12)."""

import base64
import hashlib
from functools import partial
from typing import Any

import httpx
import pytest
from tests.browser import CHALLENGE, TOKEN, VERIFIER, Browser, World, at_once, authorize_params

from workgate.service.applications import Registered

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
OTHER_VERIFIER = VERIFIER[::-1]


def code_for(browser: Browser, registered: Registered, **params: str) -> str:
    return browser.code(registered, **authorize_params(registered, **params))


def redemption(registered: Registered, code: str, **more: str) -> dict[str, str]:
    application = registered.application
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": application.redirect_uris[0],
        "client_id": application.client_id,
    }
    if registered.client_secret is not None:
        asked["client_secret"] = registered.client_secret
    return {**asked, **more}


def assert_refused(answer: httpx.Response, error: str = "invalid_grant") -> None:
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["error"] == error
    assert not {"access_token", "refresh_token"} & set(body)


def is_dead(world: World, registered: Registered, pair: dict[str, Any]) -> bool:
    refused = world.refresh(registered, pair["refresh_token"]).status_code == 400
    return refused and not world.works(pair["access_token"])


@pytest.mark.spec("RFC 6749", "4.1.2", "a second use of a code is refused, and revokes what the first gave")
@pytest.mark.parametrize("kind", ["web", "spa", "plain"])
def test_second_use_revokes(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    verifier = {"code_verifier": VERIFIER} if kind == "spa" else {}
    code = code_for(ann, registered)
    pair = shared.redeem(registered, code, **verifier).json()
    other = shared.connect(registered, ann)
    assert shared.works(pair["access_token"])
    assert_refused(shared.redeem(registered, code, **verifier))
    assert is_dead(shared, registered, pair)
    # What other consents gave is not touched.
    assert shared.works(other["access_token"])
    assert shared.refresh(registered, other["refresh_token"]).status_code == 200


@pytest.mark.spec("RFC 6749", "4.1.2", "a second use of a code is refused, and revokes what the first gave")
def test_second_use_after_refreshes_and_long_after(world: World) -> None:
    browser = world.browser()
    code = code_for(browser, world.web)
    pair = world.redeem(world.web, code).json()
    world.clock.advance(3 * 86400)
    later = world.refresh(world.web, pair["refresh_token"]).json()
    assert world.works(later["access_token"])
    assert_refused(world.redeem(world.web, code))
    assert is_dead(world, world.web, later)


@pytest.mark.spec("RFC 6749", "4.1.2", "only its own client's second use revokes")
def test_second_use_by_others_revokes_nothing(shared: World, ann: Browser) -> None:
    code = code_for(ann, shared.web)
    pair = shared.redeem(shared.web, code).json()
    assert_refused(shared.redeem(shared.plain, code))
    assert_refused(shared.redeem(shared.spa, code, code_verifier=VERIFIER))
    wrong_secret = redemption(shared.web, code, client_secret="wrong")
    assert shared.http().post(TOKEN, data=wrong_secret).status_code == 401
    assert shared.works(pair["access_token"])
    assert shared.refresh(shared.web, pair["refresh_token"]).status_code == 200


@pytest.mark.spec("RFC 9700", "2.1.1", "of 50 parallel redeemers at most one succeeds")
@pytest.mark.parametrize("kind", ["web", "spa"])
def test_parallel_redeemers(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    verifier = {"code_verifier": VERIFIER} if kind == "spa" else {}
    asked = redemption(registered, code_for(ann, registered), **verifier)
    http = shared.http()
    answers = at_once([partial(http.post, TOKEN, data=asked)] * 50)
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    for answer in answers:
        if answer not in won:
            assert_refused(answer)
    # The others were second uses: what the winner got is dead.
    assert is_dead(shared, registered, won[0].json())


@pytest.mark.spec("RFC 9700", "2.1.1", "of 50 parallel redeemers at most one succeeds, on two nodes too")
def test_parallel_redeemers_on_two_nodes(world: World) -> None:
    browser = world.browser()
    code = code_for(browser, world.web)
    asked = redemption(world.web, code)
    with world.another_node() as node:
        here, there = world.http(), node.client()
        calls = [partial(http.post, TOKEN, data=asked) for http in (here, there) for _ in range(25)]
        answers = at_once(calls)
        won = [answer for answer in answers if answer.status_code == 200]
        assert len(won) == 1
        assert {answer.status_code for answer in answers} <= {200, 400, 503}
        pair = won[0].json()
        if any(answer.status_code == 400 for answer in answers):
            refused = there.post(TOKEN, data=refresh_of(world.web, pair["refresh_token"]))
            assert refused.status_code == 400
            assert not world.works(pair["access_token"])
        there.close()


def refresh_of(registered: Registered, refresh_token: str) -> dict[str, str]:
    return {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": registered.application.client_id,
        "client_secret": registered.client_secret or "",
    }


@pytest.mark.spec("RFC 6749", "4.1.2", "a code lives 120 s, or the 60 s that its application asks for")
@pytest.mark.parametrize("seconds", [120, 60])
def test_code_lifetime(shared: World, ann: Browser, seconds: int) -> None:
    app = shared.stand_in.create_app(shared.acme, "Lifetime", code_seconds=seconds)
    in_time = code_for(ann, app)
    shared.clock.advance(seconds - 1)
    assert shared.redeem(app, in_time).status_code == 200
    late = code_for(ann, app)
    shared.clock.advance(seconds + 1)
    assert_refused(shared.redeem(app, late))
    exactly = code_for(ann, app)
    shared.clock.advance(seconds)
    assert_refused(shared.redeem(app, exactly))


@pytest.mark.spec("RFC 6749", "4.1.2", "a code is bound to its client")
def test_code_of_another_client(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Thief")
    code = code_for(ann, shared.web)
    assert_refused(shared.redeem(app, code))
    assert_refused(shared.redeem(shared.spa, code, code_verifier=VERIFIER))
    machine = shared.token(shared.machine, redemption_without_client(shared.web, code))
    assert_refused(machine, "unauthorized_client")
    public = redemption(shared.web, code)
    del public["client_secret"]
    assert shared.http().post(TOKEN, data=public).status_code == 401
    # None of them burned it.
    assert shared.redeem(shared.web, code).status_code == 200


@pytest.mark.spec("RFC 6749", "4.1.2", "a code is bound to its environment")
def test_code_of_another_environment(shared: World, ann: Browser) -> None:
    code = code_for(ann, shared.web)
    for environment in (shared.preview, shared.globex):
        app = shared.stand_in.create_app(environment, "ClientApp")
        assert_refused(shared.token(app, redemption_without_client(app, code), environment))
        # The client of this environment is nobody in the other one.
        stranger = shared.token(shared.web, redemption_without_client(shared.web, code), environment)
        assert stranger.status_code == 401
    assert shared.redeem(shared.web, code).status_code == 200


def redemption_without_client(registered: Registered, code: str) -> dict[str, str]:
    asked = redemption(registered, code)
    return {name: value for name, value in asked.items() if not name.startswith("client_")}


@pytest.mark.spec("RFC 6749", "4.1.2", "a code is bound to the user who consented")
def test_code_is_bound_to_its_user(shared: World, ann: Browser) -> None:
    eve = shared.stand_in.create_user(shared.acme, "eve")
    bob = shared.browser()
    assert bob.sign_in("bob").status_code == 303
    codes = {shared.ann.user_id: code_for(ann, shared.web), shared.bob.user_id: code_for(bob, shared.web)}
    for user_id, code in codes.items():
        assert shared.redeem(shared.web, code, wid=eve.user_id, username="eve").json()["wid"] == user_id
    gone = shared.browser()
    assert gone.sign_in("eve").status_code == 303
    code = code_for(gone, shared.web)
    shared.stand_in.run(shared.stand_in.workgate.services.administration.set_active(shared.acme, "eve", active=False))
    assert_refused(shared.redeem(shared.web, code))


@pytest.mark.spec("RFC 6749", "4.1.3", "a code is bound to the redirect_uri of its request")
def test_code_with_another_redirect_uri(shared: World, ann: Browser) -> None:
    uris = ["https://client.example/one", "https://client.example/two"]
    app = shared.stand_in.create_app(shared.acme, "Two", redirect_uris=uris)
    code = code_for(ann, app)
    for other in (uris[1], "", uris[0] + "/", uris[0].upper(), "https://client.example/%6fne"):
        assert_refused(shared.redeem(app, code, redirect_uri=other))
    missing = redemption(app, code)
    del missing["redirect_uri"]
    assert_refused(shared.http().post(TOKEN, data=missing))
    assert shared.redeem(app, code).status_code == 200


@pytest.mark.spec("RFC 6749", "10.10", "a code that was changed, or is something else, is worth nothing")
def test_forged_code(shared: World, ann: Browser) -> None:
    code = code_for(ann, shared.web)
    pair = shared.connect(shared.web, ann)
    name, text = code[:4], code[4:]
    forged = ["x", "wgc_", name, text, "wgr_" + text, "wgs_" + text, code + "A", code[:-1], f" {code}", code.upper()]
    forged += [pair["refresh_token"], pair["access_token"], name + pair["refresh_token"][4:]]
    raw = base64.urlsafe_b64decode(text)
    for place in (0, 1, 5, 9, 13, 14, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        forged.append(name + base64.urlsafe_b64encode(bytes(changed)).decode())
    forged.append(name + base64.urlsafe_b64encode(raw[:14] + bytes(28)).decode())
    forged.append(name + base64.urlsafe_b64encode(b"\xff" * 42).decode())
    for attempt in forged:
        assert_refused(shared.redeem(shared.web, attempt))
    # A code is no other token either, and is still good after all that.
    assert not shared.works(code)
    assert_refused(shared.refresh(shared.web, code))
    assert shared.works(pair["access_token"])
    assert shared.redeem(shared.web, code).status_code == 200


@pytest.mark.spec("RFC 7636", "4.6", "verifier mismatch is refused")
@pytest.mark.parametrize("kind", ["web", "spa"])
def test_wrong_verifier_then_the_right_one(shared: World, ann: Browser, kind: str) -> None:
    registered: Registered = getattr(shared, kind)
    code = code_for(ann, registered, **PKCE)
    for wrong in (OTHER_VERIFIER, VERIFIER.upper(), VERIFIER + "x", CHALLENGE):
        assert_refused(shared.redeem(registered, code, code_verifier=wrong))
    # Refusing freed the code of its challenge for nobody: without a verifier it never works.
    for _ in range(2):
        assert_refused(shared.redeem(registered, code))
        assert_refused(shared.redeem(registered, code, code_verifier=""))
        assert_refused(shared.redeem(registered, code, code_challenge=CHALLENGE, code_challenge_method="plain"))
    assert shared.redeem(registered, code, code_verifier=VERIFIER).status_code == 200


@pytest.mark.spec("RFC 7636", "4.6", "verifier mismatch is refused")
def test_verifier_of_another_code(shared: World, ann: Browser) -> None:
    digest = hashlib.sha256(OTHER_VERIFIER.encode()).digest()
    other_challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    mine = code_for(ann, shared.spa)
    yours = code_for(ann, shared.spa, code_challenge=other_challenge)
    assert_refused(shared.redeem(shared.spa, yours, code_verifier=VERIFIER))
    assert_refused(shared.redeem(shared.spa, mine, code_verifier=OTHER_VERIFIER))
    assert shared.redeem(shared.spa, yours, code_verifier=OTHER_VERIFIER).status_code == 200
    assert shared.redeem(shared.spa, mine, code_verifier=VERIFIER).status_code == 200


@pytest.mark.spec("RFC 9700", "2.1.1", "a verifier without a challenge is refused (downgrade)")
def test_verifier_without_challenge(shared: World, ann: Browser) -> None:
    code = code_for(ann, shared.web)
    assert_refused(shared.redeem(shared.web, code, code_verifier=VERIFIER))
    assert_refused(shared.redeem(shared.web, code, code_verifier="x"))
    assert shared.redeem(shared.web, code).status_code == 200


@pytest.mark.spec("RFC 7636", "4.1", "a verifier has 43 to 128 unreserved characters")
@pytest.mark.parametrize(
    ("verifier", "good"),
    [
        ("a" * 42, False),
        ("a" * 43, True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("abcXYZ0189-._~" * 4, True),
        ("a" * 43 + "+", False),
        ("a" * 43 + "/", False),
        ("a" * 43 + "=", False),
        ("a" * 43 + " ", False),
        ("a" * 43 + "!", False),
        ("\u00fc" * 43, False),
        ("\uff41" * 43, False),
        ("\u0663" * 43, False),
    ],
)
def test_verifier_grammar(shared: World, ann: Browser, verifier: str, good: bool) -> None:
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    code = code_for(ann, shared.spa, code_challenge=challenge)
    answer = shared.redeem(shared.spa, code, code_verifier=verifier)
    if good:
        assert answer.status_code == 200
    else:
        assert_refused(answer, "invalid_request")
