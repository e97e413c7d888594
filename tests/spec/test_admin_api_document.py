"""The OpenAPI document of the admin API says what the routes do: it is made of their table, and fetched by anybody."""

import re
from typing import Any

import jsonschema_rs
import pytest
from tests.admin_calls import caller, error
from tests.browser import World
from tests.central import share

from workgate import __version__
from workgate.web.api import ADMIN_PATH
from workgate.web.api.errors import STATUS_OF_CODE, Code, ErrorBody
from workgate.web.api.openapi import openapi_document
from workgate.web.api.routes import OPENAPI_PATH, OPERATIONS, find

EXAMPLE = {"client_id": "a" * 32, "secret_id": "1", "key_id": "2", "user_id": "b" * 32, "provider_id": "3"}
DOCUMENT = openapi_document()


def described() -> dict[tuple[str, str], dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = DOCUMENT["paths"]
    return {(method.upper(), path): one for path, item in paths.items() for method, one in item.items()}


@pytest.mark.spec("OpenAPI", "4.8.8", "every route is described, and nothing else is")
def test_routes(shared: World) -> None:
    assert list(described()) == [(each.method, ADMIN_PATH + each.path) for each in OPERATIONS]
    for (method, path), one in described().items():
        found = find(path.removeprefix(ADMIN_PATH).format(**EXAMPLE))
        assert found is not None
        assert found[0][method].name == one["operationId"]
        assert found[1] == {name: EXAMPLE[name] for name in re.findall(r"\{(\w+)\}", path)}
        assert one["summary"].endswith((".", "once", "lane"))
        allowed = shared.http().request("PURGE", path.format(**EXAMPLE)).headers["allow"].split(", ")
        assert {*allowed} - {"HEAD"} == {each for each, other in described() if other == path}


@pytest.mark.spec("OpenAPI", "4.8.8", "the document is served to anybody, and only read")
def test_it_is_served(shared: World) -> None:
    answer = shared.http().get(OPENAPI_PATH)
    assert answer.json() == DOCUMENT
    assert (answer.json()["openapi"], answer.json()["info"]["version"]) == ("3.1.0", __version__)
    assert answer.headers["content-type"] == "application/json"
    assert error(shared.http().post(OPENAPI_PATH), 405, "wrong_method")


@pytest.mark.spec("OpenAPI", "4.8.24", "every schema is one of JSON Schema 2020-12, and every reference is kept")
def test_schemas() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    references = re.findall(r"'#/components/schemas/(\w+)'", str(DOCUMENT))
    assert {*references} <= {*schemas}
    assert {*schemas} - {*references} <= {each.query.__name__ for each in OPERATIONS}


@pytest.mark.spec("OpenAPI", "4.8.16", "every kind of error has a status of its own, and is described where it happens")
def test_errors() -> None:
    assert {*STATUS_OF_CODE} == {*Code}
    assert len({*STATUS_OF_CODE.values()}) == len(Code)
    everywhere = {code for each in OPERATIONS for code in each.errors}
    assert {*Code} - everywhere == {Code.WRONG_METHOD, Code.FAILED}
    schema = DOCUMENT["components"]["schemas"][ErrorBody.__name__]
    assert list(schema["properties"]) == ["error", "message", "field", "reference"]
    assert schema["required"] == ["error", "message"]


@pytest.mark.spec("OpenAPI", "4.8.17", "answers are of the schema that is promised")
def test_answers(shared: World) -> None:
    http = caller(shared)
    there = {"client_id": shared.web.application.client_id, "user_id": shared.bob.user_id}
    offered = share(shared, shared.stand_in.create_app(shared.globex, "Offered"), shared.globex).application.client_id
    new = {"kind": "oidc", "name": "There", "settings": {"issuer": "https://login.example", "client_id": "c"}}
    provider = http.post(f"{ADMIN_PATH}/identity-providers", json={**new, "secret": "s"}).json()["id"]
    for each in OPERATIONS:
        if each.method == "GET" and each.media_type == "application/json" and each.answer is not None:
            more = {"client_id": offered} if each.path.startswith("/offered-") else {"provider_id": provider}
            answer = http.get(ADMIN_PATH + each.path.format(**{**EXAMPLE, **there, **more}))
            assert answer.status_code == each.status
            promised = {"$ref": f"#/components/schemas/{each.answer.__name__}", "components": DOCUMENT["components"]}
            jsonschema_rs.validate(promised, answer.json())
