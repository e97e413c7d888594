"""The JWT exchange of machine-to-machine applications (SECURITY 20; contract §2.7)."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import jwt as pyjwt
import pytest
from tests.browser import INTROSPECT, REVOKE, World, at_once
from tests.signing import private_key, private_pem, public_pem, signed_by_joserfc, signed_by_pyjwt

from workgate.domain.audit import AuditEvent, AuditFilter
from workgate.service.acting import OPERATOR, Acting
from workgate.service.applications import Registered

EXCHANGE = "/integrations/oauth2/api/v1/jwt/exchange"
SPEC = "Workfront"


@dataclass
class Robot:
    """A machine-to-machine application with a key of Ann's."""

    world: World
    app: Registered
    key_id: str

    @property
    def now(self) -> int:
        return self.world.clock.now() // 1000

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims, or changed ones; None leaves one out. Each time others, as ``jti`` makes them."""
        good = {
            "iss": self.world.acme.customer_id,
            "sub": self.world.ann.user_id,
            "exp": self.now + 60,
            "jti": base64.b16encode(self.world.stand_in.workgate.entropy(8)).decode(),
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def jwt(self, **changes: Any) -> str:
        """A JWT signed with Ann's key."""
        return signed_by_pyjwt(self.claims(**changes), private_pem(private_key()))

    def exchange(self, jwt: str, **more: Any) -> httpx.Response:
        """Present it."""
        client = {"client_id": self.app.application.client_id, "client_secret": self.app.client_secret}
        return self.world.http().post(EXCHANGE, data={**client, "jwt_token": jwt, **more})

    def reason(self, answer: httpx.Response) -> str:
        """What the audit log says of a refusal."""
        work = self.world.stand_in.workgate
        self.world.stand_in.run(work.database.engine.flush())
        wanted = work.services.audit_queries.reference(self.world.acme, answer.json()["reference"], by=OPERATOR)
        return self.world.stand_in.run(wanted).reason or ""

    def refused(self, jwt: str, reason: str) -> None:
        """Expect the one public refusal, and that private reason."""
        answer = self.exchange(jwt)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] == "invalid_grant"
        assert answer.headers["cache-control"] == "no-store"
        assert jwt not in answer.text
        assert reason in self.reason(answer)


@pytest.fixture(scope="module")
def robot(shared: World) -> Robot:
    return a_robot(shared)


def a_robot(world: World) -> Robot:
    app = world.stand_in.create_app(world.acme, "Robot", kind="machine")
    keys = world.stand_in.workgate.services.application_keys
    added = keys.add(
        world.acme, app.application.client_id, public_pem(private_key()), by=Acting(world.ann, "192.0.2.1")
    )
    return Robot(world, app, str(world.stand_in.run(added).key_id))


@pytest.mark.spec(SPEC, "2.7", "a JWT that PyJWT or joserfc signs opens a session of the user in sub")
@pytest.mark.parametrize("sign", [signed_by_pyjwt, signed_by_joserfc])
@pytest.mark.parametrize("issuer", ["customer", "client"])
def test_a_working_exchange(robot: Robot, sign: Callable[[dict[str, Any], str], str], issuer: str) -> None:
    iss = robot.world.acme.customer_id if issuer == "customer" else robot.app.application.client_id
    answer = robot.exchange(sign(robot.claims(iss=iss, iat=robot.now), private_pem(private_key())))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    pair = answer.json()
    assert set(pair) == {"token_type", "access_token", "expires_in", "wid"}
    assert (pair["token_type"], pair["wid"]) == ("sessionID", robot.world.ann.user_id)
    assert pair["expires_in"] > 0
    assert robot.world.works(pair["access_token"])
    assert not robot.world.works(pair["access_token"], robot.world.preview)


@pytest.mark.spec(SPEC, "2.7", "the client may authenticate with Basic, and send JSON")
def test_other_ways_to_ask(robot: Robot) -> None:
    client = (robot.app.application.client_id, robot.app.client_secret or "")
    for body in ("data", "json"):
        more: dict[str, Any] = {body: {"jwt_token": robot.jwt()}}
        answer = robot.world.http().post(EXCHANGE, auth=client, **more)
        assert answer.status_code == 200, answer.text


@pytest.mark.spec("RFC 8725", "2.1", "only RS256: neither none, nor HS256 with the public key, nor any other algorithm")
def test_algorithms(robot: Robot) -> None:
    claims, pem = robot.claims(), private_pem(private_key())
    robot.refused(pyjwt.encode(claims, "", algorithm="none"), "its alg is 'none'")
    header, payload = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    )
    forged = pyjwt.api_jws.PyJWS().get_algorithm_by_name("HS256")
    mac = forged.sign(f"{header}.{payload}".encode(), public_pem(private_key()).encode())
    robot.refused(f"{header}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}", "its alg is 'HS256'")
    for algorithm in ("RS384", "RS512", "PS256"):
        robot.refused(signed_by_pyjwt(claims, pem, algorithm), f"its alg is '{algorithm}'")
    crit = pyjwt.encode(claims, pem, algorithm="RS256", headers={"crit": ["exp"]})
    robot.refused(crit, "extensions")


@pytest.mark.spec(SPEC, "2.7", "the signature is by one of the application's keys, over what is claimed")
def test_signatures(robot: Robot) -> None:
    stranger = signed_by_pyjwt(robot.claims(), private_pem(private_key("stranger")))
    robot.refused(stranger, "none of the application's keys signed it")
    header, payload, signature = robot.jwt().split(".")
    other = robot.jwt().split(".")[1]
    robot.refused(f"{header}.{other}.{signature}", "none of the application's keys signed it")
    robot.refused(f"{header}.{payload}.", "none of the application's keys signed it")
    for text in ("x", "a.b.c", f"{header}.{payload}", "..", f"{header}.{payload}.{signature}.{signature}"):
        answer = robot.exchange(text)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), text


@pytest.mark.spec(SPEC, "2.7", "iss is the environment's customer or the client; sub is the key's user")
def test_issuer_and_subject(robot: Robot) -> None:
    world = robot.world
    for iss in (None, "", 5, world.globex.customer_id, world.preview.customer_id, world.web.application.client_id):
        robot.refused(robot.jwt(iss=iss) if not isinstance(iss, int) else unchecked(robot, iss=iss), "iss is")
    for sub in (None, "", "ann", world.bob.user_id):
        robot.refused(robot.jwt(sub=sub), "but the key that signed it is of user")
    robot.refused(unchecked(robot, sub=[world.ann.user_id]), "but the key that signed it is of user")


def unchecked(robot: Robot, **changes: Any) -> str:
    """A JWT with claims that a signing library would not let through."""
    payload = json.dumps(robot.claims(**changes)).encode()
    return pyjwt.api_jws.encode(payload, private_pem(private_key()), algorithm="RS256")


@pytest.mark.spec(SPEC, "2.7", "exp is required, at most an hour away; a small leeway for clocks")
def test_times(robot: Robot) -> None:
    for exp in (None, "soon", True, [1], -1, 10**30):
        robot.refused(unchecked(robot, exp=exp), "exp is")
    robot.refused(robot.jwt(exp=robot.now - 30), "it expired 30 s ago")
    robot.refused(robot.jwt(exp=robot.now + 3631), "it expires in 3631 s")
    robot.refused(robot.jwt(iat=robot.now + 31), "iat is 31 s in the future")
    robot.refused(robot.jwt(nbf=robot.now + 31), "nbf is 31 s in the future")
    robot.refused(unchecked(robot, iat="now"), "iat is 'now'")
    for good in ({"exp": robot.now - 29}, {"exp": robot.now + 3630}, {"iat": robot.now + 29}, {"exp": robot.now + 0.5}):
        assert robot.exchange(robot.jwt(**good)).status_code == 200, good


@pytest.mark.spec("RFC 7523", "3", "a JWT works once, also for many at once and after it was refused nowhere")
def test_replay(robot: Robot) -> None:
    jwt = robot.jwt()
    answers = at_once([lambda: robot.exchange(jwt) for _ in range(10)])
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
    robot.refused(jwt, "it was used before")


@pytest.mark.spec("RFC 7523", "3", "a JWT that one node exchanged is refused by another")
def test_replay_at_another_node(world: World) -> None:
    robot = a_robot(world)
    jwt = robot.jwt()
    assert robot.exchange(jwt).status_code == 200
    with world.another_node() as node, node.client() as http:
        client = {"client_id": robot.app.application.client_id, "client_secret": robot.app.client_secret}
        answer = http.post(EXCHANGE, data={**client, "jwt_token": jwt})
        assert answer.status_code == 400
        again = http.post(EXCHANGE, data={**client, "jwt_token": robot.jwt()})
        assert again.status_code == 200
        assert world.works(again.json()["access_token"])


@pytest.mark.spec(SPEC, "2.7", "the client proves who it is, and is a machine; a refusal uses nothing up")
def test_clients(robot: Robot) -> None:
    jwt, world = robot.jwt(), robot.world
    wrong = robot.exchange(jwt, client_secret="wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    for app in (world.web, world.spa):
        data = {"client_id": app.application.client_id, "jwt_token": jwt}
        if app.client_secret is not None:
            data["client_secret"] = app.client_secret
        answer = world.http().post(EXCHANGE, data=data)
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    other = world.machine
    assert other.client_secret is not None
    data = {"client_id": other.application.client_id, "client_secret": other.client_secret, "jwt_token": jwt}
    assert world.http().post(EXCHANGE, data=data).status_code == 400
    client = {"client_id": robot.app.application.client_id, "client_secret": robot.app.client_secret}
    assert world.http().post(EXCHANGE, data=client).json()["error"] == "invalid_request"
    assert world.http().post(EXCHANGE, params={"jwt_token": jwt}, data=client).status_code == 400
    assert world.http().get(EXCHANGE).status_code == 405
    assert robot.exchange(jwt).status_code == 200


@pytest.mark.spec(SPEC, "2.7", "sessions of exchanges live beside each other, and are told and revoked one by one")
def test_sessions(robot: Robot) -> None:
    world = robot.world
    first, second = (robot.exchange(robot.jwt()).json()["access_token"] for _ in range(2))
    world.clock.advance(61)
    assert world.works(first)
    assert world.works(second)
    client = (robot.app.application.client_id, robot.app.client_secret or "")
    told = world.http().post(INTROSPECT, data={"token": first}, auth=client).json()
    assert (told["active"], told["sub"]) == (True, world.ann.user_id)
    assert world.http().post(REVOKE, data={"token": first}, auth=client).status_code == 200
    assert not world.works(first)
    assert world.works(second)
    http = world.http()
    assert http.get("/attask/api/logout", headers={"sessionID": second}).status_code == 200
    assert not world.works(second)


def open_session(robot: Robot) -> str:
    return str(robot.exchange(robot.jwt()).json()["access_token"])


@pytest.mark.spec("Workgate", "what-ends-when", "what ends the session of an exchanged JWT, and what does not")
def test_what_ends_an_exchanged_session(world: World) -> None:
    robot, run, workgate = a_robot(world), world.stand_in.run, world.stand_in.workgate
    client_id, acme = robot.app.application.client_id, world.acme
    session = open_session(robot)
    ((connection),) = run(workgate.services.connections.of_user(acme, world.ann))
    assert (connection.client_id, connection.application) == (client_id, "Robot")
    assert run(workgate.services.connections.withdraw(acme, client_id, by=Acting(world.ann, None))) == 1
    assert not world.works(session)

    session = open_session(robot)
    world.stand_in.set_password(acme, "ann", "another good password")
    assert not world.works(session)

    session = open_session(robot)
    run(workgate.services.administration.set_active(acme, "ann", active=False))
    assert not world.works(session)
    robot.refused(robot.jwt(), "the user of the key is disabled")
    run(workgate.services.administration.set_active(acme, "ann", active=True))

    session = open_session(robot)
    run(workgate.services.application_keys.delete(acme, client_id, robot.key_id, by=OPERATOR))
    assert world.works(session)
    robot.refused(robot.jwt(), "none of the application's keys signed it")
    run(workgate.services.registry.delete(acme, client_id, by=OPERATOR))
    assert not world.works(session)


@pytest.mark.spec(SPEC, "2.7", "an exchange is on the audit log")
def test_on_record(robot: Robot) -> None:
    open_session(robot)
    run, workgate = robot.world.stand_in.run, robot.world.stand_in.workgate
    wanted = AuditFilter(event=AuditEvent.JWT_EXCHANGED, client_id=robot.app.application.client_id)
    (record,) = run(workgate.services.audit_queries.page(robot.world.acme, wanted, limit=1, by=OPERATOR)).records
    assert record.actor == robot.world.ann.user_id
    assert record.address == "127.0.0.1"
