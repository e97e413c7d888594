"""The admin API of identity providers: set up, changed and deleted by programs as on the setup pages."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.admin_calls import JSON, caller, error
from tests.browser import PASSWORD, World, a_world
from tests.saml.identity_provider import AttackingProvider

from workgate.domain.audit import AuditEvent
from workgate.domain.ids import RowId
from workgate.service.acting import OPERATOR
from workgate.web.api import ADMIN_PATH

PROVIDERS = f"{ADMIN_PATH}/identity-providers"
RULES = f"{ADMIN_PATH}/sign-in-rules"
OIDC = {"issuer": "https://login.example", "client_id": "workgate"}
NEW: dict[str, Any] = {"kind": "oidc", "name": "Staff", "settings": OIDC, "secret": "one for the provider"}


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    with a_world() as made:
        yield made


@pytest.fixture
def http(there: World) -> Iterator[httpx.Client]:
    """A program of an administrator, in an environment without providers."""
    http = caller(there)
    yield http
    http.patch(RULES, json={"sso": "none"})
    for provider in http.get(PROVIDERS).json()["providers"]:
        assert http.delete(f"{PROVIDERS}/{provider['id']}").status_code == 204


def created(http: httpx.Client, **changed: object) -> dict[str, Any]:
    answer = http.post(PROVIDERS, json={**NEW, **changed})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.spec("Workgate", "admin API", "identity providers are set up, shown, changed, switched and deleted")
def test_a_provider(http: httpx.Client) -> None:
    made = created(http, provisioning={"enabled": True, "email": "mail"})
    assert made["settings"] == {
        **OIDC,
        "client_authentication": "client_secret_basic",
        "scopes": ["openid", "profile", "email"],
        "algorithms": ["RS256", "PS256", "ES256"],
        "userinfo": False,
        "logout": True,
    }
    assert (made["has_secret"], made["enabled"], made["provisioning"]["email"]) == (True, False, "mail")
    assert made["callback_path"].startswith("/sso/")
    one = f"{PROVIDERS}/{made['id']}"
    assert http.get(one).json() == made
    changed = http.patch(one, json={"name": "All  staff", "enabled": True, "provisioning": {}}).json()
    nothing = {"enabled": False, "username": "", "first_name": "", "last_name": "", "email": ""}
    assert changed == {**made, "name": "All staff", "enabled": True, "provisioning": nothing}
    public = http.patch(one, json={"settings": {**OIDC, "client_authentication": "none"}, "secret": None})
    assert (public.status_code, public.json()["has_secret"]) == (200, False)
    assert http.delete(one).status_code == 204
    error(http.get(one), 404, "not_found")


@pytest.mark.spec("Workgate", "admin API", "the secret of an identity provider is in no answer, and in no record")
def test_the_secret(http: httpx.Client) -> None:
    made = created(http)
    answers = [http.get(PROVIDERS), http.get(f"{PROVIDERS}/{made['id']}"), http.get(f"{ADMIN_PATH}/audit/export")]
    assert "provider_created" in answers[2].text
    for answer in answers:
        assert NEW["secret"] not in answer.text


@pytest.mark.spec("Workgate", "admin API", "the secret for one issuer never goes to another")
def test_another_issuer(http: httpx.Client) -> None:
    one = f"{PROVIDERS}/{created(http)['id']}"
    elsewhere = {**OIDC, "issuer": "https://evil.example"}
    assert error(http.patch(one, json={"settings": elsewhere}), 400, "invalid")["field"] == "secret"
    assert http.get(one).json()["settings"]["issuer"] == OIDC["issuer"]
    assert http.patch(one, json={"settings": {**OIDC, "client_id": "other"}}).json()["has_secret"] is True
    assert http.patch(one, json={"settings": elsewhere, "secret": "its own"}).status_code == 200
    assert "https://evil.example" in http.get(f"{ADMIN_PATH}/audit/export").text


@pytest.mark.spec("Workgate", "admin API", "people of one issuer never become people of another")
@pytest.mark.parametrize("kind", ["oidc", "saml"])
def test_another_issuers_people(there: World, http: httpx.Client, kind: str) -> None:
    here, elsewhere = OIDC, {**OIDC, "issuer": "https://other.example"}
    if kind == "saml":
        here, elsewhere = ({"metadata": AttackingProvider(name).metadata()} for name in ("here", "elsewhere"))
    own = {"secret": "its own"} if kind == "oidc" else {}
    made = created(http, kind=kind, settings=here, secret=own.get("secret"))
    one = f"{PROVIDERS}/{made['id']}"
    federations = f"{ADMIN_PATH}/users/{there.bob.user_id}/federations"
    known = {"provider_id": made["id"], "subject": "4711"}
    assert http.post(federations, json=known).status_code == 201
    refused = error(http.patch(one, json={"settings": elsewhere, **own}), 409, "conflict")
    assert "a provider of its own" in refused["message"]
    assert http.get(one).json() == made
    assert http.patch(one, json={"name": "Renamed", "settings": here, **own}).status_code == 200
    assert http.post(f"{federations}/remove", json=known).status_code == 204
    assert http.patch(one, json={"settings": elsewhere, **own}).status_code == 200
    lines = http.get(f"{ADMIN_PATH}/audit/export", params={"event": "provider_changed"}).text.splitlines()
    assert any("before at" in line for line in lines)


@pytest.mark.spec("Workgate", "admin API", "a name that comes twice is refused at any depth")
def test_a_name_twice(http: httpx.Client) -> None:
    settings = '{"client_id":"c","issuer":"https://a.example","issuer":"https://b.example"}'
    body = f'{{"kind":"oidc","name":"x","settings":{settings}}}'
    refused = http.post(PROVIDERS, content=body, headers=JSON)
    assert error(refused, 400, "invalid")["field"] == "settings"


@pytest.mark.spec("Workgate", "admin API", "whoever mistypes something uses up no key pair")
def test_no_key_pair_for_mistakes(there: World, http: httpx.Client) -> None:
    there.clock.advance(61)
    saml: dict[str, Any] = {"kind": "saml", "secret": None, "settings": {"metadata": AttackingProvider().metadata()}}
    for _ in range(6):
        error(http.post(PROVIDERS, json={**NEW, **saml, "name": " "}), 400, "invalid")
    created(http, **saml)


@pytest.mark.spec("Workgate", "admin API", "metadata as large as the pages take can be sent, and sent back")
def test_large_metadata(http: httpx.Client) -> None:
    document = AttackingProvider().metadata().rstrip() + "\n<!-- " + "\n" * 400_000 + "-->"
    made = created(http, kind="saml", secret=None, settings={"metadata": document})
    changed = http.patch(f"{PROVIDERS}/{made['id']}", json={"settings": {**made["settings"], "leeway_seconds": 5}})
    assert changed.status_code == 200, changed.text[:200]


@pytest.mark.spec("Workgate", "admin API", "a SAML provider gets a key pair of ours, which nobody can replace")
def test_saml(http: httpx.Client) -> None:
    made = created(http, kind="saml", secret=None, settings={"metadata": AttackingProvider().metadata()})
    assert made["settings"]["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    one = f"{PROVIDERS}/{made['id']}"
    assert "PRIVATE" not in http.get(one).text
    # What was read can be sent back with a change in it: the certificate stays ours.
    settings = {**made["settings"], "leeway_seconds": 30, "certificate": "another one"}
    changed = http.patch(one, json={"settings": settings}).json()
    assert changed["settings"] == {**made["settings"], "leeway_seconds": 30}
    for secret in ("a key", None, ""):
        assert error(http.patch(one, json={"secret": secret}), 400, "invalid")["field"] == "secret"
    refused = http.post(PROVIDERS, json={**NEW, "kind": "saml", "settings": {"metadata": "x"}})
    assert error(refused, 400, "invalid")["field"] == "secret"


@pytest.mark.spec("Workgate", "admin API", "settings that cannot be used are refused with their field")
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"settings": {}}, "issuer"),
        ({"settings": {**OIDC, "issuer": "http://login.example"}}, "issuer"),
        ({"settings": {**OIDC, "scopes": ["email"]}}, "scopes"),
        ({"settings": {**OIDC, "algorithms": ["none"]}}, "algorithms"),
        ({"settings": {**OIDC, "algorithms": ["HS256"]}}, "algorithms"),
        ({"settings": {**OIDC, "trust": True}}, None),
        ({"settings": [OIDC]}, "settings"),
        ({"secret": None}, "secret"),
        ({"secret": "a\u0007b"}, "secret"),
        ({"name": " "}, "name"),
        ({"kind": "ldap"}, "kind"),
        ({"kind": "saml", "secret": None, "settings": {"metadata": "<!DOCTYPE x []><x/>"}}, "metadata"),
        ({"kind": "saml", "secret": None, "settings": {"metadata_url": "http://127.0.0.1/"}}, "metadata_url"),
        ({"provisioning": {"email": "x" * 256}}, "email"),
        ({"provisioning": {"isAdmin": "admin"}}, "provisioning"),
        ({"provisioning": {"email": 1}}, "provisioning"),
        ({"settings": {**OIDC, "algorithms": ["RS256"] * 9}}, "algorithms"),
        ({"settings": {**OIDC, "scopes": ["openid"] * 2}}, "scopes"),
    ],
)
def test_what_cannot_be_used(http: httpx.Client, changed: dict[str, object], field: str | None) -> None:
    refused = error(http.post(PROVIDERS, json={**NEW, **changed}), 400, "invalid")
    assert field is None or refused.get("field") == field, refused
    assert http.get(PROVIDERS).json()["providers"] == []


@pytest.mark.spec("Workgate", "admin API", "the last provider that was seen to work stays where all must use SSO")
def test_nobody_locks_everybody_out(http: httpx.Client) -> None:
    made = created(http, enabled=True)
    error(http.patch(RULES, json={"sso": "only", "administrators_exempt": False}), 409, "conflict")
    assert http.patch(RULES, json={"sso": "only", "administrators_exempt": True}).status_code == 200
    assert http.patch(f"{PROVIDERS}/{made['id']}", json={"enabled": False}).status_code == 200


@pytest.mark.spec("Workgate", "admin API", "the last provider that was seen to work stays as it was tested, too")
def test_the_last_one_is_not_changed(there: World, http: httpx.Client) -> None:
    made = created(http, enabled=True)
    one = f"{PROVIDERS}/{made['id']}"
    workgate, number = there.stand_in.workgate, RowId(int(made["id"]))
    record = OPERATOR.entry(workgate.audit, AuditEvent.PROVIDER_TESTED, there.acme, reason="by hand")
    tested = workgate.database.provider_states.tested(
        there.acme.environment_id, number, there.clock.now(), record=record
    )
    assert there.stand_in.run(tested)
    assert http.patch(RULES, json={"sso": "only", "administrators_exempt": False}).status_code == 200
    for changes in (
        {"settings": {**OIDC, "client_id": "typo"}},
        {"settings": {**OIDC, "issuer": "https://typo.example"}, "secret": "b"},
        {"secret": "another one"},
        {"enabled": False},
    ):
        error(http.patch(one, json=changes), 409, "conflict")
    error(http.delete(one), 409, "conflict")
    assert http.get(one).json() == made
    assert http.patch(one, json={"name": "Renamed"}).status_code == 200
    assert http.patch(RULES, json={"administrators_exempt": True}).status_code == 200
    assert http.patch(one, json={"settings": {**OIDC, "client_id": "other"}}).status_code == 200


@pytest.mark.spec("Workgate", "admin API", "providers come in pages, oldest first, and no more than twenty")
def test_many(http: httpx.Client) -> None:
    made = [created(http, name=f"No. {number}")["id"] for number in range(20)]
    error(http.post(PROVIDERS, json=NEW), 409, "conflict")
    read: list[str] = []
    after: str | None = ""
    while after is not None:
        page = http.get(PROVIDERS, params={"limit": 7, "after": after}).json()
        read += [provider["id"] for provider in page["providers"]]
        after = page["following"]
    assert read == made


@pytest.mark.spec("Workgate", "admin API", "only administrators reach identity providers, and only their own")
def test_access(there: World, http: httpx.Client) -> None:
    one = f"{PROVIDERS}/{created(http)['id']}"
    for other in (caller(there, "bob"), there.http()):
        status, code = (403, "not_allowed") if "sessionID" in other.headers else (401, "not_signed_in")
        error(other.get(PROVIDERS), status, code)
        error(other.post(PROVIDERS, json=NEW), status, code)
        error(other.patch(one, json={"enabled": True}), status, code)
        error(other.delete(one), status, code)
    there.stand_in.create_user(there.preview, "adele", PASSWORD, is_admin=True)
    elsewhere = caller(there, "adele", there.preview)
    for answer in (elsewhere.get(one), elsewhere.patch(one, json={"enabled": True}), elsewhere.delete(one)):
        error(answer, 404, "not_found")
    assert elsewhere.get(PROVIDERS).json()["providers"] == []
