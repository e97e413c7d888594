"""Every fault's public text and HTTP form, and the metadata document that goes with them."""

import json
import re

import pytest

from workgate.attask.envelope import ApiError, ApiFault
from workgate.oauth import metadata
from workgate.oauth.errors import Fault, Refusal
from workgate.web.errors import ErrorStyle, endpoint_error, status_of

# RFC 6749 §4.1.2.1 and §5.2.
CODES = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "access_denied",
    "server_error",
    "temporarily_unavailable",
}
STATUSES = {400, 401, 404, 405, 413, 415, 429, 500, 503}


def test_no_fault_is_another_ones_second_name() -> None:
    assert list(Fault) == list(Fault.__members__.values())
    assert list(ApiFault) == list(ApiFault.__members__.values())
    assert len({fault.description for fault in Fault}) == len(Fault)


@pytest.mark.parametrize("fault", Fault)
def test_the_public_text(fault: Fault) -> None:
    assert fault.code in CODES
    assert fault.description.endswith(".")
    assert fault.description[0].isupper()
    # RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", fault.description)
    assert not re.search(r"[{}<>]|%[sdr(]|\b(?:TODO|TBD|FIXME|XXX|None)\b|  ", fault.description)
    assert len(fault.description) <= 250


@pytest.mark.parametrize("fault", Fault)
def test_the_status(fault: Fault) -> None:
    status = status_of(fault)
    assert status in STATUSES
    assert (status == 500) == (fault.code == "server_error")
    assert (status in {429, 503}) == (fault.code == "temporarily_unavailable")
    # RFC 6749 §5.2: 401 for a client that could not authenticate, 400 for what is wrong with a grant.
    assert (status == 401) == (fault is Fault.CLIENT_AUTHENTICATION)
    assert fault.code != "invalid_grant" or status == 400


@pytest.mark.parametrize("style", ErrorStyle)
@pytest.mark.parametrize("fault", Fault)
def test_the_answer(fault: Fault, style: ErrorStyle) -> None:
    for basic in (False, True):
        answer = endpoint_error(fault, style=style, reference="ABCD-EFGH", basic=basic, retry_after=7)
        assert answer.body == {
            "error": fault.code if style is ErrorStyle.RFC else True,
            "error_description": fault.description,
            "statusCode": answer.status,
            "type": fault.code,
            "message": fault.description,
            "reference": "ABCD-EFGH",
        }
        headers = dict(answer.headers)
        assert headers[b"cache-control"] == b"no-store"
        assert (b"www-authenticate" in headers) == (answer.status == 401 and basic)
        assert (headers.get(b"allow") == b"POST") == (answer.status == 405)
        assert headers.get(b"retry-after") == (b"7" if answer.status in {429, 503} else None)


def test_waiting_is_never_for_0_seconds() -> None:
    assert (b"retry-after", b"1") in list(endpoint_error(Fault.UNAVAILABLE, style=ErrorStyle.RFC).headers)


def test_the_reason_stays_private() -> None:
    refusal = Refusal(fault=Fault.CODE_INVALID, reason="the private reason")
    answer = endpoint_error(refusal.fault, style=ErrorStyle.RFC)
    assert "private" not in json.dumps(answer.body)


@pytest.mark.parametrize("fault", ApiFault)
def test_an_error_of_the_api(fault: ApiFault) -> None:
    payload = ApiError(fault, "A text.").payload()
    assert payload == {"error": {"class": fault.class_name, "message": "A text."}}
    assert 400 <= fault.status < 600
    assert re.fullmatch(r"[a-z.]+\.[A-Za-z]+Exception", fault.class_name)


PATHS = {name: path for name, path in vars(metadata).items() if name.endswith("_PATH")}


def test_the_paths() -> None:
    assert len(set(PATHS.values())) == len(PATHS)
    for name, path in PATHS.items():
        assert path.startswith("/.well-known/" if name == "METADATA_PATH" else metadata.OAUTH2_PREFIX + "/")
        assert not path.endswith("/")
    # RFC 8414 §3: for an issuer without a path.
    assert metadata.METADATA_PATH == "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize("issuer", ["https://acme.my.workgate.example", "http://localhost:8400"])
def test_the_document(issuer: str) -> None:
    document = metadata.metadata_document(issuer)
    assert json.loads(json.dumps(document)) == document
    assert document["issuer"] == issuer
    endpoints = {name: value for name, value in document.items() if name.endswith("_endpoint")}
    assert {str(value).removeprefix(issuer) for value in endpoints.values()} == set(PATHS.values()) - {
        metadata.CONSENT_PATH,
        metadata.METADATA_PATH,
    }
    for name in endpoints:
        if name != "authorization_endpoint":
            assert f"{name}_auth_methods_supported" in document
    # A client that can keep no secret learns nothing about tokens.
    assert "none" not in document["introspection_endpoint_auth_methods_supported"]  # type: ignore[operator]
    assert document["code_challenge_methods_supported"] == ["S256"]


def test_the_text_for_an_unknown_grant_names_those_of_the_document() -> None:
    named = re.findall(r"[a-z:]+_[a-z:_]+", Fault.GRANT_TYPE.description.replace("grant_type", ""))
    assert named == list(metadata.GRANT_TYPES)
