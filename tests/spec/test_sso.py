"""Sign-in with OpenID Connect: there and back, whom a subject stands for, and what an environment's rules say."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from tests.browser import PASSWORD, Browser, World, a_world, authorize_params, form_fields, query_of
from tests.providers.scripted import CLIENT_ID, SECRET, ScriptedProvider, a_provider
from tests.providers.signing_in import federate, go, private_reason, set_rules, set_up, who_is

from workgate.domain.audit import AuditEvent
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider, Provisioning
from workgate.service.acting import OPERATOR

LOGIN = "/attask/api/login"
MAPPING = Provisioning(
    enabled=True, username="preferred_username", first_name="given_name", last_name="family_name", email="email"
)


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    """Acme signs in elsewhere or with passwords; its administrator let providers be on this machine."""
    with a_world(sso_private_addresses=True) as made:
        set_rules(made, made.acme, SsoMode.OPTIONAL)
        yield made


@pytest.fixture(scope="module")
def provider(there: World) -> Iterator[ScriptedProvider]:
    with a_provider(lambda: there.clock.now() // 1000) as running:
        yield running


@pytest.fixture(scope="module")
def row(there: World, provider: ScriptedProvider) -> IdentityProvider:
    made = set_up(there, provider, there.acme)
    federate(there, made, "subject-1", there.ann)
    return made


@pytest.fixture(autouse=True)
def another_minute(there: World) -> Iterator[None]:
    """The limits count by the minute; these tests share an address. Whatever one decided, the next begins alike."""
    there.clock.advance(61)
    yield
    set_rules(there, there.acme, SsoMode.OPTIONAL)


@pytest.mark.spec("SECURITY", "26", "the request has state, nonce and an S256 challenge; each sign-in others")
def test_the_request(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip, other = go(there.browser(), row), go(there.browser(), row)
    assert trip.address.startswith(f"{provider.issuer}/authorize?")
    assert {name: trip.query[name] for name in ("response_type", "client_id", "scope", "code_challenge_method")} == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "scope": "openid profile email",
        "code_challenge_method": "S256",
    }
    assert urlsplit(trip.query["redirect_uri"]).path == f"/sso/oidc/{row.provider_id}/callback"
    for name in ("state", "nonce", "code_challenge"):
        assert len(trip.query[name]) >= 43
        assert trip.query[name] != other.query[name]


@pytest.mark.spec("SECURITY", "26", "a genuine answer signs the user in whom the subject stands for")
def test_there_and_back(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    browser = there.browser()
    trip = go(browser, row, "/account/connected-apps?page=2")
    answer = trip.back(provider.code(trip.query))
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/account/connected-apps?page=2"
    assert who_is(browser) == there.ann.user_id
    sent = next(asked for asked in reversed(provider.asked) if asked.path == "/token")
    assert sent.form["redirect_uri"] == trip.query["redirect_uri"]
    assert sent.headers["authorization"].startswith("Basic ")
    assert SECRET not in str(sent.form)


@pytest.mark.parametrize("authentication", ["client_secret_post", "none"])
def test_other_client_authentications(there: World, provider: ScriptedProvider, authentication: str) -> None:
    secret = None if authentication == "none" else SECRET
    row = set_up(there, provider, there.acme, name=authentication, secret=secret, client_authentication=authentication)
    federate(there, row, "subject-1", there.bob)
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query)).status_code == 303
    assert who_is(trip.browser) == there.bob.user_id
    sent = next(asked for asked in reversed(provider.asked) if asked.path == "/token")
    assert sent.form.get("client_secret") == secret
    assert sent.form["client_id"] == CLIENT_ID
    assert "authorization" not in sent.headers


@pytest.mark.spec("SECURITY", "23", "a sign-in elsewhere makes a new session, and ends the one before")
def test_a_new_session(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    browser = there.browser()
    assert browser.sign_in("bob").status_code == 303
    before = browser.http.cookies["workgate_session"]
    trip = go(browser, row)
    assert trip.back(provider.code(trip.query)).status_code == 303
    assert browser.http.cookies["workgate_session"] != before
    assert who_is(browser) == there.ann.user_id
    assert not there.works(before)


@pytest.mark.spec("SECURITY", "26", "nobody is known by an e-mail address or a user name that a provider tells")
def test_matched_by_subject_only(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    claims = {"email": "ann@acme.example", "email_verified": True, "preferred_username": "ann", "name": "ann"}
    answer = trip.back(provider.code(trip.query, sub="ann", **claims))
    assert answer.status_code == 403
    assert who_is(trip.browser) is None
    assert "no account here is connected" in answer.text
    assert "stands for nobody here" in private_reason(there)


def test_a_disabled_user_stays_out(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    user = there.stand_in.create_user(there.acme, "disabled", PASSWORD)
    federate(there, row, "disabled", user)
    administration = there.stand_in.workgate.services.administration
    there.stand_in.run(administration.set_active(there.acme, "disabled", active=False))
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, sub="disabled")).status_code == 403
    assert who_is(trip.browser) is None
    assert "disabled" in private_reason(there)


def test_a_lock_by_wrong_passwords_does_not_keep_them_out(
    there: World, provider: ScriptedProvider, row: IdentityProvider
) -> None:
    user = there.stand_in.create_user(there.acme, "locked", PASSWORD)
    federate(there, row, "locked", user)
    for number in range(5):
        assert there.browser().sign_in("locked", f"wrong {number}").status_code == 401
    assert there.browser().sign_in("locked").status_code == 401
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, sub="locked")).status_code == 303
    assert who_is(trip.browser) == user.user_id


@pytest.mark.spec("Workgate", "sso", "users are made of what arrives only where that is switched on, once for each")
def test_provisioning(there: World, provider: ScriptedProvider) -> None:
    row = set_up(there, provider, there.acme, name="Makes users", provisioning=MAPPING)
    claims = {"preferred_username": "dora", "given_name": "Dora", "family_name": "Dean", "email": "dora@acme.example"}
    for _ in range(2):
        trip = go(there.browser(), row)
        assert trip.back(provider.code(trip.query, sub="d-1", **claims)).status_code == 303
    account = there.stand_in.run(
        there.stand_in.workgate.database.users.account_named(there.acme.environment_id, "dora")
    )
    assert account is not None
    assert who_is(trip.browser) == account.user.user_id
    user = account.user
    assert (user.first_name, user.last_name, user.email) == ("Dora", "Dean", "dora@acme.example")
    assert (user.is_admin, account.password_hash) == (False, None)
    assert there.http().post(LOGIN, data={"username": "dora", "password": ""}).status_code == 401


@pytest.mark.spec("SECURITY", "26", "a made user never takes the place of one who has the name")
@pytest.mark.parametrize("username", ["ann", " ANN ", "\uff41\uff4e\uff4e"])
def test_provisioning_a_name_that_is_taken(there: World, provider: ScriptedProvider, username: str) -> None:
    row = set_up(there, provider, there.acme, name="Makes users", provisioning=MAPPING)
    trip = go(there.browser(), row)
    answer = trip.back(provider.code(trip.query, sub="not-ann", preferred_username=username))
    assert answer.status_code == 403
    assert who_is(trip.browser) is None
    assert "taken" in private_reason(there)


@pytest.mark.parametrize("username", [None, "", "a\u0000b", "a\u202eb", "x" * 255])
def test_provisioning_of_what_makes_no_user_name(
    there: World, provider: ScriptedProvider, username: str | None
) -> None:
    row = set_up(there, provider, there.acme, name="Makes users", provisioning=MAPPING)
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, sub="nameless", preferred_username=username)).status_code == 403
    assert who_is(trip.browser) is None


def test_userinfo_gives_more_and_only_of_the_same_subject(there: World, provider: ScriptedProvider) -> None:
    row = set_up(there, provider, there.acme, name="Asks more", provisioning=MAPPING, userinfo=True)
    provider.userinfo = {"sub": "somebody-else", "preferred_username": "eva"}
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, sub="e-1")).status_code == 403
    assert "sub is not the ID token's" in private_reason(there)
    provider.userinfo = {"sub": "e-1", "preferred_username": "eva", "email": "from userinfo"}
    trip = go(there.browser(), row)
    assert trip.back(provider.code(trip.query, sub="e-1", email="from the token")).status_code == 303
    account = there.stand_in.run(there.stand_in.workgate.database.users.account_named(there.acme.environment_id, "eva"))
    assert account is not None
    assert account.user.email == "from the token"
    asked = next(asked for asked in reversed(provider.asked) if asked.path == "/userinfo")
    assert asked.headers["authorization"] == "Bearer an-access-token"


@pytest.mark.spec("Workgate", "sso", "a test shows what arrived and what would happen, and changes nothing")
def test_the_test(there: World, provider: ScriptedProvider) -> None:
    row = set_up(there, provider, there.acme, name="Under test", enabled=False, provisioning=MAPPING)
    ann = there.browser()
    assert ann.sign_in().status_code == 303
    session = ann.http.cookies["workgate_session"]
    trip = go(ann, row, "/setup/sso", how="test")
    page = trip.back(provider.code(trip.query, sub="t-1", preferred_username="tess", groups=["a", "<b>"], family=3))
    assert page.status_code == 200, page.text
    for shown in ("t-1", "tess", "&lt;b&gt;", "groups", "Make this user", 'href="/setup/sso"'):
        assert shown in page.text
    assert ann.http.cookies["workgate_session"] == session
    accounts = there.stand_in.workgate.database.users
    assert there.stand_in.run(accounts.account_named(there.acme.environment_id, "tess")) is None
    for changes, said in (
        ({"sub": "t-2", "preferred_username": "ann"}, "The user name is taken"),
        ({"sub": "t-3"}, "The attribute preferred_username did not arrive"),
    ):
        trip = go(ann, row, how="test")
        assert said in trip.back(provider.code(trip.query, **changes)).text
    federate(there, row, "t-4", there.bob)
    trip = go(ann, row, how="test")
    assert "Sign in <bdi>Bob Baker</bdi>" in trip.back(provider.code(trip.query, sub="t-4")).text


@pytest.mark.spec("Workgate", "sso", "only an administrator tests, and a provider that is off signs nobody in")
def test_who_may_test(there: World, provider: ScriptedProvider) -> None:
    row = set_up(there, provider, there.acme, name="Off", enabled=False)
    bob = there.browser()
    assert bob.sign_in("bob").status_code == 303
    assert bob.http.get(f"/sso/{row.provider_id}/test").status_code == 403
    assert bob.http.get(f"/sso/{row.provider_id}/begin").status_code == 404
    stranger = there.browser()
    answer = stranger.http.get(f"/sso/{row.provider_id}/test?next=/setup/sso")
    assert answer.headers["location"] == "/login?next=%2Fsetup%2Fsso"
    ann = there.browser()
    assert ann.sign_in().status_code == 303
    trip = go(ann, row, how="test")
    ann.http.cookies.delete("workgate_session")
    assert trip.back(provider.code(trip.query)).status_code == 403
    assert who_is(ann) is None


@pytest.mark.spec("Workgate", "sso", "a provider that is switched off meanwhile signs nobody in")
def test_switched_off_meanwhile(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    set_rules(there, there.acme, SsoMode.NONE)
    assert trip.back(provider.code(trip.query)).status_code == 403
    assert there.browser().http.get(f"/sso/{row.provider_id}/begin").status_code == 404
    assert row.name not in there.browser().http.get("/login").text


@pytest.mark.spec("Workgate", "sso", "SSO only: no password signs in, page or API, but an exempt administrator's")
def test_sso_only(there: World, row: IdentityProvider) -> None:
    set_rules(there, there.acme, SsoMode.ONLY)
    wrong = there.http().post(LOGIN, data={"username": "bob", "password": "wrong"})
    right = there.http().post(LOGIN, data={"username": "bob", "password": PASSWORD})
    references = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}")
    assert references.sub("", right.text) == references.sub("", wrong.text)
    assert (right.status_code, wrong.status_code) == (401, 401)
    assert "SSO only" in private_reason(there)
    assert there.http().post(LOGIN, data={"username": "ann", "password": PASSWORD}).status_code == 200
    page = there.browser().http.get("/login?next=%2Fsetup")
    assert 'name="password"' not in page.text
    assert "/login?next=%2Fsetup&amp;password=1" in page.text
    browser = there.browser()
    page = browser.http.get("/login?next=%2Fsetup&password=1")
    assert "next=%2Flogin%3Fnext%3D%252Fsetup%26password%3D1" in page.text  # the other language shows the same
    form = form_fields(page.text, "/login")
    bob = browser.http.post("/login", data={**form, "username": "bob", "password": PASSWORD})
    assert bob.status_code == 401
    assert "The user name or the password is not right" in bob.text
    ann = browser.http.post("/login", data={**form, "username": "ann", "password": PASSWORD})
    assert (ann.status_code, ann.headers["location"]) == (303, "/setup")
    set_rules(there, there.acme, SsoMode.ONLY, administrators_exempt=False)
    page = there.browser().http.get("/login?password=1")
    assert 'name="password"' not in page.text
    assert "password=1" not in page.text
    assert there.http().post(LOGIN, data={"username": "ann", "password": PASSWORD}).status_code == 401


def test_the_authorize_page_goes_straight_to_the_only_provider(provider: ScriptedProvider) -> None:
    with a_world(sso_private_addresses=True) as world:
        row = set_up(world, provider, world.acme)
        set_rules(world, world.acme, SsoMode.ONLY)
        asked = authorize_params(world.web, state="a b&c")
        browser = world.browser()
        answer = browser.authorize(**asked)
        location = answer.headers["location"]
        assert location.startswith(f"/sso/{row.provider_id}/begin?next=")
        assert query_of(query_of(location)["next"]) == asked
        set_up(world, provider, world.acme, name="Another one")
        location = browser.authorize(**asked).headers["location"]
        assert location.startswith("/login?next=")
        page = browser.http.get(location).text
        assert page.count(f"/begin?next={location.partition('next=')[2]}") == 2


@pytest.mark.spec("RP-Initiated Logout", "2", "who signs out here is offered to sign out at the provider too")
def test_signing_out(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    browser = there.browser()
    trip = go(browser, row)
    assert trip.back(provider.code(trip.query)).status_code == 303
    sign_out(browser)
    page = browser.http.get("/signed-out").text
    found = re.search(r'href="([^"]*/logout\?[^"]*)"', page)
    assert found is not None
    address = found[1].replace("&amp;", "&")
    assert address.startswith(f"{provider.issuer}/logout?")
    assert query_of(address) == {
        "client_id": CLIENT_ID,
        "post_logout_redirect_uri": f"{there.stand_in.url}/signed-out",
    }
    assert "/logout?" not in browser.http.get("/signed-out").text
    local = there.browser()
    assert local.sign_in().status_code == 303
    sign_out(local)
    assert "/logout?" not in local.http.get("/signed-out").text


def sign_out(browser: Browser) -> None:
    form = form_fields(browser.http.get("/").text, "/logout")
    assert browser.http.post("/logout", data=form).headers["location"] == "/signed-out"


@pytest.mark.spec("SECURITY", "28", "no secret of a sign-in elsewhere is in the database or on the audit log")
def test_nothing_secret_is_kept(there: World, provider: ScriptedProvider, row: IdentityProvider) -> None:
    trip = go(there.browser(), row)
    code = provider.code(trip.query)
    cookie = trip.browser.http.cookies["workgate_form"]
    there.stand_in.run(there.stand_in.workgate.database.engine.flush())
    kept = b"".join(path.read_bytes() for path in there.stand_in.folder.iterdir() if path.is_file())
    assert trip.back(code).status_code == 303
    sent = next(asked for asked in reversed(provider.asked) if asked.path == "/token")
    secrets = [trip.query["state"], trip.query["nonce"], sent.form["code_verifier"], cookie, SECRET]
    there.stand_in.run(there.stand_in.workgate.database.engine.flush())
    kept += b"".join(path.read_bytes() for path in there.stand_in.folder.iterdir() if path.is_file())
    for secret in [*secrets, code, "an-access-token"]:
        assert secret.encode() not in kept
    records = there.stand_in.run(there.stand_in.workgate.database.audit.latest(there.acme.environment_id, 100))
    assert AuditEvent.SIGNED_IN in {record.event for record in records}


@pytest.mark.spec("SECURITY", "29", "a provider's secret is sealed anew under a new key, so the old one can be retired")
def test_keys_that_rotate(provider: ScriptedProvider) -> None:
    with a_world(sso_private_addresses=True) as world:
        set_rules(world, world.acme, SsoMode.OPTIONAL)
        row = set_up(world, provider)
        federate(world, row, "subject-1", world.ann)
        world.clock.advance((provider.now() * 1000 - world.clock.now()) / 1000)
        opened, early = world.stand_in.workgate, go(world.browser(), row)
        (old,) = opened.mint.ring.keys
        opened.mint.ring = opened.mint.ring.with_new_key(used_from=world.clock.now(), entropy=opened.entropy)
        trip = go(world.browser(), row)
        opened.mint.ring = opened.mint.ring.without(old.key_id, world.clock.now())
        assert early.back(provider.code(early.query)).status_code == 403
        assert trip.back(provider.code(trip.query)).status_code == 303
        again = go(world.browser(), row)
        assert again.back(provider.code(again.query)).status_code == 303
        other = set_up(world, provider, name="Sealed under a key that goes")
        opened.mint.ring = opened.mint.ring.with_new_key(used_from=world.clock.now(), entropy=opened.entropy)
        gone = opened.mint.ring.keys[0].key_id
        opened.mint.ring = opened.mint.ring.without(gone, world.clock.now())
        lost = go(world.browser(), other)
        assert lost.back(provider.code(lost.query)).status_code == 403
        assert "key" in private_reason(world)


@pytest.mark.spec("Workgate", "sso", "what is decided about providers ends no session: it counts at the next sign-in")
def test_what_lives_on(there: World, provider: ScriptedProvider) -> None:
    row = set_up(there, provider, name="Short-lived")
    federate(there, row, "subject-1", there.bob)
    by_provider, by_password = go(there.browser(), row), there.browser()
    assert by_provider.back(provider.code(by_provider.query)).status_code == 303
    assert by_password.sign_in("bob").status_code == 303
    set_rules(there, there.acme, SsoMode.ONLY)
    providers = there.stand_in.workgate.services.identity_providers
    there.stand_in.run(providers.delete(there.acme, str(row.provider_id), by=OPERATOR))
    assert who_is(by_provider.browser) == who_is(by_password) == there.bob.user_id
