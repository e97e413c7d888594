"""Whoever forges, replays, mixes up or carries off a sign-in at an OpenID provider is not signed in (SECURITY 26)."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser import World, a_world, at_once
from tests.providers.scripted import ScriptedProvider, a_provider, send
from tests.providers.signing_in import come_back, federate, go, private_reason, set_rules, set_up, who_is

from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider, Provisioning
from workgate.service.acting import OPERATOR

Claims = dict[str, Any]


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    with a_world(sso_private_addresses=True) as made:
        for environment in (made.acme, made.preview, made.globex):
            set_rules(made, environment, SsoMode.OPTIONAL)
        yield made


@pytest.fixture(scope="module")
def provider(there: World) -> Iterator[ScriptedProvider]:
    with a_provider(lambda: there.clock.now() // 1000) as running:
        yield running


@pytest.fixture(scope="module")
def other(there: World) -> Iterator[ScriptedProvider]:
    """Another provider, which an attacker runs."""
    with a_provider(lambda: there.clock.now() // 1000) as running:
        yield running


@pytest.fixture(scope="module")
def row(there: World, provider: ScriptedProvider) -> IdentityProvider:
    made = set_up(there, provider, there.acme)
    federate(there, made, "subject-1", there.ann)
    return made


@pytest.fixture(autouse=True)
def another_minute(there: World) -> None:
    there.clock.advance(61)


@pytest.mark.spec("SECURITY", "26", "an answer counts once, also when it comes many times at once")
def test_replayed(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    code = provider.code(trip.query)
    answers = at_once([lambda: trip.back(code).status_code] * 8)
    assert sorted(answers) == [303, *[403] * 7]
    assert trip.back(code).status_code == 403
    assert trip.back(provider.code(trip.query)).status_code == 403


@pytest.mark.spec("SECURITY", "26", "an answer that comes after ten minutes is refused")
def test_late(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    for seconds, status in ((599, 303), (601, 403)):
        trip = go(there.browser(), row)
        there.clock.advance(seconds)
        assert trip.back(provider.code(trip.query)).status_code == status
    assert not who_is(trip.browser)


@pytest.mark.spec(
    "SECURITY", "26", "state: an answer counts only in the browser that asked, and is not spent elsewhere"
)
def test_in_another_browser(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip, victim, stranger = go(there.browser(), row), there.browser(), there.browser()
    victim.http.get("/login")  # it has a cookie of its own
    code = provider.code(trip.query)
    answer = {"code": code, "state": trip.query["state"]}
    for browser in (victim, stranger):
        assert come_back(browser, row, answer).status_code == 403
        assert who_is(browser) is None
        assert "another browser" in private_reason(there)
    assert trip.back(code).status_code == 303


@pytest.mark.spec("SECURITY", "26", "a state that is made up, cut, or of another kind of token signs nobody in")
def test_made_up_states(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    code, good = provider.code(trip.query), trip.query["state"]
    changed = good[:-1] + ("A" if good[-1] != "A" else "B")
    for state in ("", "x", good[:-1], changed, good + "A", "wgs_" + good[4:], "wgl_" + good[4:], "\x00", "é" * 60):
        assert trip.back(code, state=state).status_code == 403
    assert trip.back(code, state=None).status_code == 403
    browser, here = trip.browser, f"/sso/oidc/{row.provider_id}/callback"
    assert browser.http.get(f"{here}?code={code}&state={good}&state={good}").status_code == 403
    assert browser.http.get(f"{here}?state={good}&code=" + "x" * 20_000).status_code == 403
    assert trip.back(code).status_code == 303


@pytest.mark.spec("RFC 9207", "2.4", "mix-up: an answer of one provider counts at no other one's callback")
def test_mix_up(there: World, provider: ScriptedProvider, other: ScriptedProvider, row: IdentityProvider) -> None:
    attackers = set_up(there, other, there.acme, name="Attacker's")
    trip = go(there.browser(), row)
    asked = len(other.asked)
    answer = {"code": provider.code(trip.query), "state": trip.query["state"]}
    assert come_back(trip.browser, attackers, answer).status_code == 403
    assert len(other.asked) == asked, "the code was sent to the other provider"
    assert trip.back(answer["code"], iss=other.issuer).status_code == 403
    assert "iss" in private_reason(there)


@pytest.mark.spec(
    "RFC 9207", "2.4", "iss is required where the provider says that it sends it, and compared wherever it comes"
)
def test_iss(there: World) -> None:
    with a_provider(lambda: there.clock.now() // 1000) as sends_it:
        sends_it.metadata = {"authorization_response_iss_parameter_supported": True}
        row = set_up(there, sends_it, there.acme, name="Sends iss")
        federate(there, row, "subject-1", there.ann)
        for iss, status in ((None, 403), ("", 403), (sends_it.issuer + "/", 403), (sends_it.issuer, 303)):
            trip = go(there.browser(), row)
            assert trip.back(sends_it.code(trip.query), iss=iss).status_code == status


@pytest.mark.spec("SECURITY", "26", "a provider of one environment signs nobody in to another, lane against lane too")
def test_another_environment(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    for environment in (there.preview, there.globex):
        assert there.browser(environment).http.get(f"/sso/{row.provider_id}/begin").status_code == 404
        theirs = set_up(there, provider, environment)
        trip = go(there.browser(environment), theirs)
        # The same provider, the same person: but nobody there is connected with it.
        assert trip.back(provider.code(trip.query)).status_code == 403
        assert who_is(trip.browser) is None
        # An answer from there, carried here with the browser's cookie, and the other way round.
        trip = go(there.browser(environment), theirs)
        here = there.browser()
        here.http.cookies.set("workgate_form", trip.browser.http.cookies["workgate_form"])
        answer = {"code": provider.code(trip.query), "state": trip.query["state"]}
        for target in (row, theirs):
            assert come_back(here, target, answer).status_code in {403, 404}
            assert who_is(here) is None


@pytest.mark.spec("SECURITY", "6", "no next leads away from this server, after a sign-in elsewhere neither")
@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d%0aa", " /a", "x"],
)
def test_next(there: World, provider: ScriptedProvider, row: IdentityProvider, target: str) -> None:
    trip = go(there.browser(), row, target)
    location = trip.back(provider.code(trip.query)).headers["location"]
    assert location in {"/", "/%0d%0aa"}
    assert "\r" not in location


@pytest.mark.spec("SECURITY", "26", "an error from the provider signs nobody in, and is not echoed")
def test_errors_of_the_provider(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    answer = trip.back(None, error="access_denied<script>", error_description="<b>come here</b>")
    assert answer.status_code == 403
    assert "access_denied" not in answer.text
    assert "come here" not in answer.text
    assert "access_deniedscript" in private_reason(there)
    assert trip.back(provider.code(trip.query)).status_code == 403  # used up
    trip = go(there.browser(), row)
    assert trip.back("a code that it never gave").status_code == 403
    assert "invalid_grant" in private_reason(there)
    trip = go(there.browser(), row)
    assert trip.back(None).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"id_token": None},
        {"id_token": 5},
        {"token_type": "mac"},
        {"token_type": None},
        {"access_token": ["x"]},
    ],
)
def test_token_answers_that_are_none(
    there: World, provider: ScriptedProvider, row: IdentityProvider, changes: Claims
) -> None:
    trip = go(there.browser(), row)
    code = provider.code(trip.query)
    provider.tokens(code, **changes)
    assert trip.back(code).status_code == 403
    assert who_is(trip.browser) is None


@pytest.mark.parametrize("path", ["/token", "/keys", "/.well-known/openid-configuration"])
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b'{"a":"\xff"}', b"[]", b"[" * 100_000, b'{"error": 5}', b'{"keys": 5}', b"{" * 5, b"null"],
)
def test_answers_that_are_no_json(there: World, path: str, status: int, body: bytes) -> None:
    with a_provider(lambda: there.clock.now() // 1000) as odd:
        row = set_up(there, odd, name="Odd")
        odd.overrides[path] = lambda handler: send(handler, status, body)
        begun = there.browser().http.get(f"/sso/{row.provider_id}/begin")
        if path.startswith("/.well-known"):
            assert begun.status_code == 502
        else:
            trip = go(there.browser(), row)
            assert trip.back(odd.code(trip.query)).status_code in {403, 502}
            assert who_is(trip.browser) is None
    providers = there.stand_in.workgate.services.identity_providers
    there.stand_in.run(providers.delete(there.acme, str(row.provider_id), by=OPERATOR))


@pytest.mark.spec("OpenID Connect Discovery", "4.3", "metadata that name another issuer are not used")
@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user:pw@elsewhere.example/"},
        {"token_endpoint": "ftp://elsewhere.example/"},
        {"jwks_uri": 5},
        {"end_session_endpoint": "javascript:alert(1)"},
    ],
)
def test_metadata_that_are_not_usable(there: World, metadata: Claims) -> None:
    with a_provider(lambda: there.clock.now() // 1000) as odd:
        odd.metadata = metadata
        row = set_up(there, odd, there.acme, name="Odd")
        answer = there.browser().http.get(f"/sso/{row.provider_id}/begin")
        assert answer.status_code == 502
        assert "location" not in answer.headers


@pytest.mark.spec("SECURITY", "26", "whom one sign-in makes two users of, when both come at once, is one user")
def test_two_first_sign_ins_at_once(there: World, provider: ScriptedProvider) -> None:
    row = set_up(there, provider, there.acme, name="Makes users", provisioning=Provisioning(enabled=True))
    trips = [go(there.browser(), row) for _ in range(6)]
    codes = [provider.code(trip.query, sub="twice") for trip in trips]
    backs = [lambda trip=trip, code=code: trip.back(code).status_code for trip, code in zip(trips, codes, strict=True)]
    assert set(at_once(backs)) == {303}
    assert len({who_is(trip.browser) for trip in trips}) == 1


@pytest.mark.spec(
    "Workgate", "sso", "sign-ins that are begun and not finished are bounded for an address, and cleaned up"
)
def test_many_begun(there: World, row: IdentityProvider) -> None:
    browser = there.browser()
    statuses = [browser.http.get(f"/sso/{row.provider_id}/begin").status_code for _ in range(65)]
    assert statuses.count(302) == 60
    assert set(statuses[60:]) == {429}
    for name in ("0", "-1", "1" * 19, "9" * 30, "abc", "%00", f"0{row.provider_id}", "\u0661"):
        assert browser.http.get(f"/sso/{name}/begin").status_code == 404
        assert browser.http.get(f"/sso/oidc/{name}/callback?state=x").status_code == 404
    assert browser.http.post(f"/sso/{row.provider_id}/begin").status_code == 405
    assert browser.http.post(f"/sso/oidc/{row.provider_id}/callback").status_code == 405
