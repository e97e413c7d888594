"""Client libraries of Node.js as they come from npm; docs/clients.md has what their users must know."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.browser import AUTHORIZE, INTROSPECT, PROJECTS, REDIRECT_URI, REVOKE, TOKEN, World
from tests.clients.consenting import redirected_from

from workgate.service.applications import Registered

pytestmark = pytest.mark.clients

NODE = Path(__file__).parent / "node"


@pytest.fixture(autouse=True)
def node_packages() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (NODE / "node_modules").is_dir():
        pytest.skip("the packages of tests/clients/node are not installed: scripts/setup.sh test")


def drive(world: World, script: str, registered: Registered, **settings: Any) -> dict[str, Any]:
    """Run a script of ``node/``, consent when it asks for it, and give what it reports."""
    given = {
        "url": world.stand_in.url,
        "projects_url": world.stand_in.url + PROJECTS,
        "client_id": registered.application.client_id,
        "client_secret": registered.client_secret,
        "redirect_uri": REDIRECT_URI,
        **settings,
    }
    command = ["node", script]
    with subprocess.Popen(
        command, cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        assert node.stderr is not None
        try:
            print(json.dumps(given), file=node.stdin, flush=True)
            while line := node.stdout.readline():
                said = json.loads(line)
                if "findings" in said:
                    return dict(said["findings"])
                back = redirected_from(world.browser(), said["consent_at"])
                print(json.dumps(back), file=node.stdin, flush=True)
            pytest.fail(f"{script} ended without a report:\n{node.stderr.read()}")
        finally:
            node.kill()


@pytest.mark.parametrize("body_format", ["form", "json"])
@pytest.mark.parametrize("authorization_method", ["header", "body"])
def test_simple_oauth2(world: World, body_format: str, authorization_method: str) -> None:
    options = {"bodyFormat": body_format, "authorizationMethod": authorization_method}
    found = drive(world, "simple-oauth2.mjs", world.web, options=options)
    assert found["state"] == "my-state"
    assert found["first"]["token_type"] == "sessionID"
    assert found["first"]["wid"] == world.ann.user_id
    assert found["second"]["refresh_token"] != found["first"]["refresh_token"]
    assert (found["with_first"], found["with_second"], found["after_revoke"]) == (200, 200, 401)
    assert found["expired"] is False


@pytest.mark.parametrize("authentication", ["ClientSecretBasic", "ClientSecretPost", "None"])
def test_openid_client_with_the_token_type_rewritten(world: World, authentication: str) -> None:
    registered = world.spa if authentication == "None" else world.web
    found = drive(world, "openid-client.mjs", registered, authentication=authentication, rewrite_token_type=True)
    url = world.stand_in.url
    assert found["metadata"]["issuer"] == url
    assert found["metadata"]["authorization_endpoint"] == url + AUTHORIZE
    assert found["metadata"]["token_endpoint"] == url + TOKEN
    assert found["metadata"]["revocation_endpoint"] == url + REVOKE
    assert found["metadata"]["introspection_endpoint"] == url + INTROSPECT
    assert found["expires_in"] > 0
    assert found["second"]["refresh_token"] != found["first"]["refresh_token"]
    assert (found["with_second"], found["after_revoke"]) == (200, 401)
    if registered is world.web:
        assert found["introspected"]["active"] is True
        assert found["introspected"]["sub"] == world.ann.user_id
        assert found["introspected_after_revoke"] == {"active": False}


def test_openid_client_by_itself_refuses_the_documented_token_type(world: World) -> None:
    # docs/clients.md tells its users so; should this ever work, that page has to be shortened.
    found = drive(world, "openid-client.mjs", world.web, authentication="ClientSecretBasic", rewrite_token_type=False)
    assert found["failure"]["cause"] == "unsupported `token_type` value"


def test_oauth4webapi_is_told_of_the_token_type(world: World) -> None:
    found = drive(world, "oauth4webapi.mjs", world.spa)
    assert found["first"]["token_type"] == "sessionid"
    assert found["second"]["refresh_token"] != found["first"]["refresh_token"]
    assert found["with_second"] == 200
