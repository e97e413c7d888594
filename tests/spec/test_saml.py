"""Sign-in with SAML: there and back over HTTP, what attackers can bring to our addresses, and what is used up once."""

import base64
import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.browser import World, a_world, at_once, form_fields
from tests.providers.signing_in import federate, private_reason, set_rules, who_is
from tests.saml.forgeries import CHANGED, WRAPPED, Forgery
from tests.saml.identity_provider import AttackingProvider, a_key, field_of
from tests.saml.signing_in import Trip, go, post, set_up

from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider, Provisioning
from workgate.service.acting import OPERATOR
from workgate.service.identity_providers import ProviderChanges
from workgate.service.provider_secrets import ProviderSecrets
from workgate.signin.saml_xml import DSIG

IDP = AttackingProvider()
ANN = "subject-of-ann"


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    """Acme signs in elsewhere or with passwords."""
    with a_world() as made:
        for environment in (made.acme, made.preview, made.globex):
            set_rules(made, environment, SsoMode.OPTIONAL)
        yield made


@pytest.fixture(scope="module")
def row(there: World) -> IdentityProvider:
    made = set_up(there, IDP)
    federate(there, made, ANN, there.ann)
    return made


@pytest.fixture(autouse=True)
def another_minute(there: World) -> None:
    """The limits count by the minute; these tests share an address."""
    there.clock.advance(61)


def trip(there: World, row: IdentityProvider, **more: Any) -> Trip:
    return go(there, row, IDP, **more)


def refused(trip: Trip, document: str, reason: str = ".") -> None:
    """The response is refused at once, nobody is signed in, and the reason is private."""
    answer = trip.back(document)
    assert answer.status_code == 403, answer.text
    assert "You were not signed in" in answer.text
    assert re.search(reason, private_reason(trip.world))
    assert who_is(trip.browser) is None
    for secret in (ANN, trip.request_id, "InResponseTo"):
        assert secret not in answer.text


@pytest.mark.spec("SECURITY", "26", "a genuine SAML response signs the user in whom the subject stands for")
def test_there_and_back(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row, target="/account/connected-apps?page=2")
    answer = there_and.back(IDP.signed(there_and.claims()))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/connected-apps?page=2")
    assert who_is(there_and.browser) == there.ann.user_id


def test_an_encrypted_response(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    assert there_and.back(IDP.encrypted(there_and.claims())).status_code == 303
    assert who_is(there_and.browser) == there.ann.user_id


def test_base64_with_line_breaks(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    field = base64.encodebytes(IDP.signed(there_and.claims()).encode()).decode().replace("\n", "\r\n")
    answer = post(there.http(), row, field, RelayState="anything\r\n")
    assert answer.status_code == 303
    assert there_and.browser.http.get(answer.headers["location"]).status_code == 303


@pytest.mark.spec("SECURITY", "26", "each SAML request has an ID of its own, is signed, and goes to the provider alone")
def test_the_request(there: World, row: IdentityProvider) -> None:
    one, other = trip(there, row), trip(there, row)
    assert one.request_id != other.request_id
    assert len(one.request_id) >= 43
    assert one.request.get("Destination") == IDP.sign_in_url
    assert one.request.get("AssertionConsumerServiceURL") == one.service.acs_url
    assert one.service.entity_id.endswith(f"/sso/saml/{row.provider_id}/metadata")


def test_the_request_as_a_form(there: World) -> None:
    row = set_up(there, IDP, binding="post")
    answer = there.browser().http.get(f"/sso/{row.provider_id}/begin")
    assert answer.status_code == 200
    fields = form_fields(answer.text, IDP.sign_in_url)
    request = ElementTree.fromstring(base64.b64decode(fields["SAMLRequest"]))  # noqa: S314 - our own
    assert request.findtext(f"{DSIG}Signature/{DSIG}SignatureValue")
    assert "form-action 'self' https://idp.example" in answer.headers["content-security-policy"]


@pytest.mark.spec("SECURITY", "26", "a SAML response signs in only in the browser that began the sign-in")
def test_another_browser(there: World, row: IdentityProvider) -> None:
    attackers = trip(there, row)
    answer = attackers.post(IDP.signed(attackers.claims()))
    location = answer.headers["location"]
    victim = there.browser()
    victim.http.get("/login")
    assert victim.http.get(location).status_code == 403
    assert "another browser" in private_reason(there)
    assert there.http().get(location).status_code == 403
    # Nothing was used up by it.
    assert attackers.browser.http.get(location).status_code == 303


@pytest.mark.spec("SECURITY", "26", "a SAML response is used once, also when it comes twice at the same time")
def test_replay(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    document = IDP.signed(there_and.claims())
    answers = at_once([partial(there_and.post, document)] * 8)
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 7
    location = next(answer.headers["location"] for answer in answers if answer.status_code == 303)
    finished = at_once([partial(there_and.browser.http.get, location)] * 4)
    assert sorted(answer.status_code for answer in finished) == [303, 403, 403, 403]
    assert there_and.post(document).status_code == 403
    assert there_and.browser.http.get(location).status_code == 403


@pytest.mark.spec("SECURITY", "26", "a SAML assertion that was used answers no other request either")
def test_replay_of_an_assertion(there: World, row: IdentityProvider) -> None:
    first, second = trip(there, row), trip(there, row)
    assert first.back(IDP.signed(first.claims(assertion_id="_twice"))).status_code == 303
    refused(second, IDP.signed(second.claims(assertion_id="_twice")), "used before")


@pytest.mark.spec("SECURITY", "26", "a SAML response that nobody asked for, or too late, is refused")
def test_unsolicited(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    refused(there_and, IDP.signed(there_and.claims(in_response_to=None)), "names none in InResponseTo")
    refused(there_and, IDP.signed(there_and.claims(in_response_to="_made-up")), "answers no request")
    other = trip(there, row)
    refused(there_and, IDP.signed(there_and.claims(confirmed_request=other.request_id)), "another request")
    forged = there_and.request_id[:-4] + "AAAA"
    refused(there_and, IDP.signed(there_and.claims(in_response_to=forged)), "answers no request")
    there.clock.advance(601)
    refused(there_and, IDP.signed(there_and.claims()), "answers no request")


def test_nothing_to_finish(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    finish = f"/sso/saml/{row.provider_id}/finish"
    for state in (there_and.request_id, "", "made-up", "\u0000", "x" * 5000):
        assert there_and.browser.http.get(finish, params={"state": state}).status_code == 403
    assert there_and.back(IDP.signed(there_and.claims())).status_code == 303


@pytest.mark.spec("SECURITY", "26", "wrapped and changed SAML responses are refused at our address too")
@pytest.mark.parametrize("forge", [*WRAPPED.values(), *CHANGED.values()], ids=[*WRAPPED, *CHANGED])
def test_forgeries(there: World, row: IdentityProvider, forge: Forgery) -> None:
    there_and = trip(there, row)
    signed = IDP.signed(there_and.claims(), response_too=forge.__name__ in {"xsw1", "xsw2"})
    refused(there_and, forge(signed))
    # Nothing was used up by the attempt.
    assert there_and.back(signed).status_code == 303


def test_other_refusals(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    claims = there_and.claims
    refused(there_and, IDP.unsigned(claims()), "not signed")
    refused(there_and, IDP.sign_response(IDP.unsigned(claims())), "not signed")
    refused(there_and, IDP.signed(claims(), key=a_key("attacker")), "none of the provider's keys")
    refused(there_and, IDP.signed(claims(audience="https://elsewhere.example/")), "another audience")
    refused(there_and, IDP.signed(claims(recipient="https://elsewhere.example/")), "another recipient")
    refused(there_and, IDP.signed(claims(starts=61)), "not yet valid")
    refused(there_and, IDP.signed(claims(ends=-60)), "has expired")
    refused(there_and, IDP.signed(claims(name_id="x" * 300)), "too long")
    assert there_and.back(IDP.signed(claims())).status_code == 303


@pytest.mark.spec("SECURITY", "26", "a provider's SAML response cannot be brought to another provider's address")
def test_mix_up(there: World, row: IdentityProvider) -> None:
    other_idp = AttackingProvider("other")
    other = set_up(there, other_idp, name="Other")
    honest, attacked = trip(there, row), go(there, other, other_idp)
    document = IDP.signed(honest.claims())
    assert post(there.http(), other, field_of(document)).status_code == 403
    assert "meant for another address" in private_reason(there)
    # The attacker's provider answers a request that went to the honest one, in either one's name.
    for claims in (honest.claims(), attacked.claims(in_response_to=honest.request_id)):
        signed = other_idp.signed(claims)
        assert honest.post(signed).status_code == 403
        assert attacked.post(signed).status_code == 403
    assert honest.post(AttackingProvider(key=other_idp.key).signed(honest.claims())).status_code == 403
    assert who_is(honest.browser) is who_is(attacked.browser) is None
    # Both are known by the same provider under the same key: even then each address has its own audience.
    twin = set_up(there, IDP, name="Twin")
    assert post(there.http(), twin, field_of(document)).status_code == 403
    assert honest.back(document).status_code == 303


@pytest.mark.spec("SECURITY", "26", "a SAML provider cannot sign a user into another environment")
@pytest.mark.parametrize("elsewhere", ["preview", "globex"])
def test_another_environment(there: World, row: IdentityProvider, elsewhere: str) -> None:
    environment = getattr(there, elsewhere)
    theirs = set_up(there, IDP, environment)
    there_and = trip(there, row)
    document = IDP.signed(there_and.claims())
    http = there.http(environment)
    assert post(http, row, field_of(document)).status_code == 404
    assert post(http, theirs, field_of(document)).status_code == 403
    assert http.get(f"/sso/saml/{row.provider_id}/metadata").status_code == 404
    assert http.get(f"/sso/saml/{row.provider_id}/finish", params={"state": there_and.request_id}).status_code == 404
    answer = there_and.post(document)
    assert http.get(answer.headers["location"]).status_code == 404
    assert there_and.browser.http.get(answer.headers["location"]).status_code == 303


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"SAMLResponse=", "application/x-www-form-urlencoded"),
        (b"SAMLResponse=AAAA&SAMLResponse=AAAA", "application/x-www-form-urlencoded"),
        (b"SAMLResponse=%00", "application/x-www-form-urlencoded"),
        (b"SAMLResponse=%FF", "application/x-www-form-urlencoded"),
        (b"SAMLResponse=\xff", "application/x-www-form-urlencoded"),
        (b"SAMLResponse=" + b"A" * 400_000, "application/x-www-form-urlencoded"),
        (b"SAMLResponse=" + b"A" * 700_000, "application/x-www-form-urlencoded"),
        (b'{"SAMLResponse": "AAAA"}', "application/json"),
        (b"<Response/>", "text/xml"),
    ],
)
def test_what_is_no_form(there: World, row: IdentityProvider, content: bytes, kind: str) -> None:
    answer = there.http().post(f"/sso/saml/{row.provider_id}/acs", content=content, headers={"content-type": kind})
    assert answer.status_code == 403
    assert b"AAAA" not in answer.content


@pytest.mark.spec("SECURITY", "24", "an address that brings SAML responses which prove nothing is limited")
def test_too_many(there: World, row: IdentityProvider) -> None:
    http = there.http()
    assert {post(http, row, "AAAA").status_code for _ in range(30)} == {403}
    there_and = trip(there, row)
    document = IDP.signed(there_and.claims())
    answer = there_and.post(document)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    there.clock.advance(60)
    assert there_and.back(document).status_code == 303


def test_methods_and_addresses(there: World, row: IdentityProvider) -> None:
    http = there.http()
    base = f"/sso/saml/{row.provider_id}"
    assert http.get(f"{base}/acs").status_code == 405
    assert http.post(f"{base}/finish").status_code == 405
    assert http.post(f"{base}/metadata").status_code == 405
    for provider_id in ("1", "0", "-1", "%00", "9" * 30, f"0{row.provider_id}", f"{row.provider_id}%20"):
        assert http.get(f"/sso/saml/{provider_id}/metadata").status_code == 404
        assert http.post(f"/sso/saml/{provider_id}/acs", data={"SAMLResponse": "AAAA"}).status_code == 404


def test_our_metadata_is_a_file(there: World, row: IdentityProvider) -> None:
    answer = there.http().get(f"/sso/saml/{row.provider_id}/metadata")
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    assert answer.headers["content-disposition"] == 'attachment; filename="workgate-acme-my.xml"'
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_provider_that_is_switched_off_meanwhile(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    answer = there_and.post(IDP.signed(there_and.claims()))
    providers = there.stand_in.workgate.services.identity_providers
    change = partial(providers.change, there.acme, str(row.provider_id), by=OPERATOR)
    there.stand_in.run(change(ProviderChanges(enabled=False)))
    assert there_and.browser.http.get(answer.headers["location"]).status_code == 403
    assert "switched off" in private_reason(there)
    there.stand_in.run(change(ProviderChanges(enabled=True)))
    assert there_and.browser.http.get(answer.headers["location"]).status_code == 303


def test_somebody_nobody_knows(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    answer = there_and.back(IDP.signed(there_and.claims(name_id="ann", attributes={"mail": ("ann@acme.example",)})))
    assert answer.status_code == 403
    assert "no account here is connected with that" in answer.text
    assert who_is(there_and.browser) is None


def test_a_user_is_made_of_what_arrives(there: World) -> None:
    mapping = Provisioning(enabled=True, username="uid", first_name="givenName", last_name="sn", email="mail")
    row = set_up(there, IDP, provisioning=mapping, subject_attribute="uid")
    there_and = trip(there, row)
    attributes = {"uid": ("dora",), "givenName": ("Dora & co",), "sn": ("<Ünal>",), "mail": ("dora@acme.example",)}
    escaped = {name: tuple(v.replace("&", "&amp;").replace("<", "&lt;") for v in vs) for name, vs in attributes.items()}
    answer = there_and.back(IDP.signed(there_and.claims(attributes=escaped)))
    assert answer.status_code == 303, answer.text
    account = there.stand_in.run(
        there.stand_in.workgate.database.users.account_named(there.acme.environment_id, "dora")
    )
    assert account is not None
    assert (account.user.first_name, account.user.last_name) == ("Dora & co", "<Ünal>")
    assert who_is(there_and.browser) == account.user.user_id


def test_a_test_changes_nothing(there: World, row: IdentityProvider) -> None:
    browser = there.browser()
    browser.sign_in()
    there_and = trip(there, row, browser=browser, how="test")
    answer = there_and.back(IDP.signed(there_and.claims(name_id="somebody", attributes={"mail": ("s@acme.example",)})))
    assert answer.status_code == 200, answer.text
    assert "s@acme.example" in answer.text
    assert who_is(browser) == there.ann.user_id


@pytest.mark.spec("SECURITY", "29", "our private SAML key is sealed, and lies readable in no file")
def test_our_private_key(there: World, row: IdentityProvider) -> None:
    there_and = trip(there, row)
    assert there_and.back(IDP.encrypted(there_and.claims())).status_code == 303
    opened = there.stand_in.workgate
    secrets = ProviderSecrets(mint=opened.mint, clock=there.clock, entropy=opened.entropy)
    key = secrets.of(row)
    assert key is not None
    assert key.startswith("-----BEGIN PRIVATE KEY-----")
    line = key.splitlines()[5].encode()
    assert line not in repr(row).encode()
    there.stand_in.run(opened.database.engine.flush())
    files = [path for path in there.stand_in.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if line in path.read_bytes()]
