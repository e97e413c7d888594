"""Whatever is moved, copied, cut out or renamed in a signed response: it is refused, or says what was signed."""

import asyncio
import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOW
from tests.saml.forgeries import ATTACKER
from tests.saml.identity_provider import AttackingProvider, Claims, Service, a_key, field_of

from workgate.domain.sso import NotVouched
from workgate.signin.saml import Saml, SamlProvider, SamlSettings
from workgate.signin.saml_metadata import OwnMetadata, read_metadata
from workgate.signin.xmlsec import XmlSec

IDP = AttackingProvider()
OWN = a_key("us")
US = Service(entity_id="https://acme.example/metadata", acs_url="https://acme.example/acs", certificate=OWN.certificate)
PROVIDER = SamlProvider(
    settings=SamlSettings(metadata=IDP.metadata(), certificate=OWN.certificate),
    metadata=read_metadata(IDP.metadata().encode()),
    own=OwnMetadata(
        entity_id=US.entity_id,
        acs_url=US.acs_url,
        certificate=OWN.certificate,
        name_id_format=None,
        signs_requests=False,
    ),
    private_key=OWN.private_key,
)
SIGNED = IDP.signed(Claims(service=US, in_response_to="_asked", attributes={"mail": ("ann@acme.example",)}))
_IDS = ("_assertion-1", "_response-1", "_evil-1")
_SPACES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}


class Edit(NamedTuple):
    """One change: what is done, to which element, with which other one and where in it; numbers wrap around."""

    what: str
    which: int
    other: int
    where: int


EDITS = st.builds(
    Edit,
    st.sampled_from(["copy", "move", "cut", "rename", "retell", "hollow"]),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 6),
)


@pytest.fixture(scope="module")
def saml() -> Iterator[Saml]:
    made = Saml(XmlSec())
    yield made
    made.close()


def edited(root: Element, edit: Edit) -> None:
    elements = list(root.iter())
    parents = {child: parent for parent in elements for child in parent}
    chosen, other = elements[edit.which % len(elements)], elements[edit.other % len(elements)]
    parent = parents.get(chosen)
    match edit.what:
        case "copy":
            other.insert(edit.where, copy.deepcopy(chosen))
        case "move" if parent is not None and other not in list(chosen.iter()):
            parent.remove(chosen)
            other.insert(edit.where, chosen)
        case "cut" if parent is not None:
            parent.remove(chosen)
        case "rename":
            chosen.set("ID", _IDS[edit.where % len(_IDS)])
        case "retell":
            chosen.text = ATTACKER
        case "hollow":
            for child in list(chosen):
                chosen.remove(child)


def subject(saml: Saml, document: str) -> str:
    async def proved() -> str:
        field = field_of(document)
        response = await saml.response(field, provider=PROVIDER.metadata.entity_id, acs_url=US.acs_url)
        return (await saml.proved(PROVIDER, response, request_id="_asked", now=NOW)).vouched.subject

    return asyncio.run(proved())


def written(root: Element) -> str:
    for prefix, space in _SPACES.items():
        ElementTree.register_namespace(prefix, space)
    return ElementTree.tostring(root, encoding="unicode")


def test_writing_it_anew_breaks_no_signature(saml: Saml) -> None:
    assert subject(saml, written(ElementTree.fromstring(SIGNED))) == "subject-of-ann"  # noqa: S314 - our own


@pytest.mark.spec("SECURITY", "26", "whatever is moved or copied in a signed SAML response, nothing unsigned is read")
@given(st.lists(EDITS, min_size=1, max_size=5))
def test_nothing_unsigned_is_read(saml: Saml, edits: list[Edit]) -> None:
    root = ElementTree.fromstring(SIGNED)  # noqa: S314 - our own
    for edit in edits:
        edited(root, edit)
    with suppress(NotVouched):
        assert subject(saml, written(root)) == "subject-of-ann"
