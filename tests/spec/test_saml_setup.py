"""Setting SAML providers up: metadata by file and by address, their keys that change, a key pair of ours for each."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser import World, a_world
from tests.providers.signing_in import federate, private_reason, set_rules
from tests.saml.identity_provider import AttackingProvider, a_key
from tests.saml.publisher import Publisher, a_publisher
from tests.saml.signing_in import go, set_up

from workgate.domain.problems import Problem, TooOften
from workgate.domain.signing_in import SsoMode
from workgate.domain.sso import IdentityProvider
from workgate.service.acting import OPERATOR
from workgate.service.identity_providers import ProviderChanges

IDP = AttackingProvider()
NEW = a_key("the next one")


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    """Acme signs in elsewhere or with passwords; providers may be on this machine."""
    with a_world(sso_private_addresses=True) as made:
        set_rules(made, made.acme, SsoMode.OPTIONAL)
        yield made


@pytest.fixture(autouse=True)
def another_minute(there: World) -> None:
    there.clock.advance(61)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with a_publisher(IDP.metadata()) as running:
        yield running


def changed(there: World, row: IdentityProvider, **protocol: Any) -> IdentityProvider:
    providers = there.stand_in.workgate.services.identity_providers
    changes = ProviderChanges(protocol={**row.protocol, **protocol})
    return there.stand_in.run(providers.change(there.acme, str(row.provider_id), changes, by=OPERATOR))


def test_by_address(there: World, publisher: Publisher) -> None:
    row = set_up(there, IDP, metadata="", metadata_url=publisher.url)
    assert row.protocol["metadata"] == IDP.metadata()
    publisher.document = b"\xef\xbb\xbf" + AttackingProvider("other").metadata().encode()
    assert changed(there, row).protocol["metadata"] == AttackingProvider("other").metadata()


@pytest.mark.parametrize(
    ("status", "document", "field"),
    [
        (404, b"", "metadata_url"),
        (302, b"", "metadata_url"),
        (200, b"\xff\xfe", "metadata_url"),
        (200, b"<html>", "metadata"),
        (200, b"x" * 700_000, "metadata_url"),
    ],
)
def test_an_address_that_gives_no_metadata(
    there: World, publisher: Publisher, status: int, document: bytes, field: str
) -> None:
    publisher.status, publisher.document = status, document
    with pytest.raises(Problem) as found:
        set_up(there, IDP, metadata_url=publisher.url)
    assert found.value.field == field


@pytest.mark.spec("SECURITY", "27", "SAML metadata is not fetched from private addresses unless that is configured")
def test_a_private_address(publisher: Publisher) -> None:
    with a_world() as plain:
        for url in (publisher.url, "https://127.0.0.1/", "https://localhost/", "file:///etc/passwd", "https://[::1]/"):
            with pytest.raises(Problem) as found:
                set_up(plain, IDP, metadata_url=url)
            assert found.value.field == "metadata_url"
    assert publisher.asked == 0


@pytest.mark.spec("SECURITY", "26", "a SAML provider may change its keys, which are looked for once a minute")
def test_the_provider_changes_its_key(there: World, publisher: Publisher) -> None:
    row = set_up(there, IDP, metadata_url=publisher.url)
    federate(there, row, "subject-of-ann", there.ann)
    attacked = go(there, row, IDP)
    for _ in range(5):
        assert attacked.post(IDP.signed(attacked.claims(), key=a_key("attacker"))).status_code == 403
    assert publisher.asked == 2  # once to set it up, and once to look for other keys
    there.clock.advance(61)
    # What another entity publishes there is not this provider's.
    publisher.document = AttackingProvider("attacker").metadata().encode()
    assert attacked.post(IDP.signed(attacked.claims(), key=a_key("attacker"))).status_code == 403
    assert "none of the provider's keys" in private_reason(there)
    there.clock.advance(61)
    publisher.document = IDP.metadata(NEW.certificate).encode()
    there_and = go(there, row, IDP)
    assert there_and.back(IDP.signed(there_and.claims(), key=NEW)).status_code == 303
    asked = publisher.asked
    again = go(there, row, IDP)
    assert again.back(IDP.signed(again.claims(assertion_id="_again"), key=NEW)).status_code == 303
    assert publisher.asked == asked
    # The old key is published no more.
    last = go(there, row, IDP)
    assert last.post(IDP.signed(last.claims(assertion_id="_last"))).status_code == 403


def test_metadata_by_file_is_never_looked_for(there: World) -> None:
    row = set_up(there, IDP)
    there_and = go(there, row, IDP)
    assert there_and.post(IDP.signed(there_and.claims(), key=NEW)).status_code == 403


@pytest.mark.parametrize(
    ("protocol", "field"),
    [
        ({"metadata": ""}, "metadata"),
        ({"metadata": 5}, "metadata"),
        ({"metadata": "<a/>"}, "metadata"),
        ({"binding": "soap"}, "binding"),
        ({"name_id_format": "made up"}, "name_id_format"),
        ({"leeway_seconds": -1}, "leeway_seconds"),
        ({"leeway_seconds": 301}, "leeway_seconds"),
        ({"leeway_seconds": "many"}, "leeway_seconds"),
        ({"subject_attribute": "x" * 256}, "subject_attribute"),
        ({"subject_attribute": "a\nb"}, "subject_attribute"),
        ({"metadata_url": "not an address"}, "metadata_url"),
        (
            {
                "sign_requests": False,
                "metadata": IDP.metadata().replace(
                    "<md:IDPSSODescriptor", '<md:IDPSSODescriptor WantAuthnRequestsSigned="true"'
                ),
            },
            "sign_requests",
        ),
    ],
)
def test_what_cannot_be_set_up(there: World, protocol: dict[str, Any], field: str) -> None:
    with pytest.raises(Problem) as found:
        set_up(there, IDP, **protocol)
    assert found.value.field == field


def test_our_key_pair_stays_and_is_of_one_provider(there: World) -> None:
    row, other = set_up(there, IDP), set_up(there, IDP)
    assert row.protocol["certificate"] != other.protocol["certificate"]
    # What somebody enters does not take its place.
    after = changed(there, row, certificate=a_key("attacker").certificate, leeway_seconds=0)
    assert after.protocol["certificate"] == row.protocol["certificate"]
    assert after.sealed_secret == row.sealed_secret
    saml = there.stand_in.workgate.services.saml
    assert saml is not None
    metadata, own = saml.described(after)
    assert [certificate.not_after for certificate in metadata.certificates] < [there.clock.now()]
    assert own.not_after > there.clock.now()


def test_key_pairs_are_not_made_without_end(there: World) -> None:
    for _ in range(6):
        with pytest.raises(Problem):
            set_up(there, IDP, metadata="")  # makes none
    for _ in range(5):
        set_up(there, IDP, there.globex)
    with pytest.raises(TooOften):
        set_up(there, IDP, there.globex)
    set_up(there, IDP)


def test_without_the_extra_there_is_no_saml() -> None:
    script = (
        "import sys; sys.modules['saml2'] = None\n"
        "from workgate.testing import StandIn\n"
        "with StandIn() as stand_in:\n"
        "    stand_in.create_org()\n"
        "    answer = stand_in.client().get('/sso/saml/1/metadata')\n"
        "    services = stand_in.workgate.services\n"
        "    print(services.saml, *services.identity_providers.kinds, answer.status_code)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "None oidc 404\n", ran.stderr
