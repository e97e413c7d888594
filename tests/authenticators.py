"""What people hold in their hands: an authenticator app that makes codes, and a passkey that signs, both in software.

The passkey is written from the specification, so that it can also do what no browser would.
"""

import base64
import hashlib
import html
import json
import os
import re
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.browser import PASSWORD, Browser, World, form_fields
from workgate.domain.accounts import Environment, User
from workgate.domain.audit import AuditEvent
from workgate.domain.signing_in import SignInRules
from workgate.signin.totp import code_of, step_at

SECURITY = "/account/security"
APP = f"{SECURITY}/authenticator"
PASSKEY = f"{SECURITY}/passkey"
CODES = f"{SECURITY}/recovery-codes"
SECOND_STEP = "/login/second-step"
ENROL = "/login/enrol"
ENROL_APP = f"{ENROL}/authenticator"
ENROL_PASSKEY = f"{ENROL}/passkey"
_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def options_in(page: httpx.Response) -> dict[str, Any]:
    """What a page has the browser asked."""
    found = re.search(r'data-options="([^"]*)"', page.text)
    assert found is not None, page.text
    return dict(json.loads(html.unescape(found.group(1))))


def codes_in(page: httpx.Response) -> list[str]:
    """The recovery codes that a page shows."""
    found = re.search(r'<code id="recovery-codes" dir="ltr">([^<]*)</code>', page.text)
    assert found is not None, page.text
    return found.group(1).split()


@dataclass
class App:
    """An authenticator app with one account."""

    secret: bytes
    recovery_codes: list[str] = field(default_factory=list)

    @classmethod
    def scanning(cls, page: httpx.Response) -> "App":
        """Read the secret off a page."""
        found = re.search(r'<code id="totp-secret" dir="ltr">(.*?)</code>', page.text)
        assert found is not None, page.text
        return cls(base64.b32decode(re.sub(r"<[^>]*>|\s", "", found.group(1))))

    def code(self, world: World, steps: int = 0) -> str:
        """The code that it shows now, or so many steps later or earlier."""
        return code_of(self.secret, step_at(world.clock.now()) + steps)


@dataclass
class Passkey:
    """One passkey of an authenticator. Without ``counts`` its signature counter stays 0."""

    counts: bool = True
    count: int = 0
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    user_handle: bytes = b""

    def create(self, options: dict[str, Any], origin: str, **lies: Any) -> str:
        """Answer ``navigator.credentials.create``; ``lies`` say something else than a browser would."""
        self.user_handle = unb64(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + cbor2.dumps(public)
        rp_id = lies.get("rp_id", options["rp"]["id"])
        data = self._data(rp_id, _PRESENT | _VERIFIED | _ATTESTED) + attested
        response = {
            "clientDataJSON": b64(self._client_data("webauthn.create", options, origin, lies)),
            "attestationObject": b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal", "made-up"],
        }
        return self._answer(response)

    def get(self, options: dict[str, Any], origin: str, **lies: Any) -> str:
        """Answer ``navigator.credentials.get``."""
        rp_id = lies.get("rp_id", options["rpId"])
        data = self._data(rp_id, lies.get("flags", _PRESENT | _VERIFIED))
        client_data = self._client_data("webauthn.get", options, origin, lies)
        signed = data + hashlib.sha256(client_data).digest()
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": b64(lies.get("user_handle", self.user_handle)),
        }
        return self._answer(response)

    def _data(self, rp_id: str, flags: int) -> bytes:
        self.count += self.counts
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client_data(self, kind: str, options: dict[str, Any], origin: str, lies: dict[str, Any]) -> bytes:
        challenge = lies.get("challenge", options["challenge"])
        said = {"type": lies.get("type", kind), "challenge": challenge, "origin": origin}
        return json.dumps({**said, "crossOrigin": lies.get("cross_origin", False)}).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        name = b64(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


@dataclass
class Person:
    """Somebody of acme with a browser, made for one test."""

    world: World
    user: User
    browser: Browser
    environment: Environment

    @property
    def origin(self) -> str:
        """Where this browser finds Workgate."""
        host = self.browser.http.headers.get("Host")
        return f"http://{host}" if host and host != f"localhost:{self.world.stand_in.port}" else self.world.stand_in.url

    def fresh_browser(self) -> Browser:
        """Another browser of the same person at the same address."""
        return self.world.browser(None if self.environment is self.world.acme else self.environment)

    def post(self, path: str, entries: dict[str, str], browser: Browser | None = None) -> httpx.Response:
        """Open a page and send its form with these entries."""
        http = (browser or self.browser).http
        return http.post(path, data={**form_fields(http.get(path).text, path), **entries})

    def set_up_app(self, path: str = APP) -> App:
        """Set up an authenticator app; the recovery codes are those that were shown, if any."""
        page = self.browser.http.get(path)
        app = App.scanning(page)
        answer = self.browser.http.post(path, data={**form_fields(page.text, path), "code": app.code(self.world)})
        assert answer.status_code in {200, 303}, answer.text
        if answer.status_code == 200:
            app.recovery_codes = codes_in(answer)
        return app

    def set_up_passkey(self, passkey: Passkey | None = None, name: str = "", path: str = PASSKEY) -> Passkey:
        """Set up a passkey."""
        made = passkey or Passkey()
        page = self.browser.http.get(path)
        credential = made.create(options_in(page), self.origin)
        entries = {**form_fields(page.text, path), "credential": credential, "name": name}
        answer = self.browser.http.post(path, data=entries)
        assert answer.status_code in {200, 303}, answer.text
        return made

    def begin(self, target: str = "/", browser: Browser | None = None) -> Browser:
        """Show the password in a browser that is not signed in; it then owes a step."""
        begun = browser or self.fresh_browser()
        answer = begun.sign_in(self.user.username, target=target)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith("/login/"), answer.headers["location"]
        assert not is_signed_in(begun)
        return begun

    def show_code(self, browser: Browser, code: str, way: str = "app") -> httpx.Response:
        """Enter a code at the second step."""
        page = browser.http.get(SECOND_STEP, params={"way": way})
        return browser.http.post(SECOND_STEP, data={**form_fields(page.text, SECOND_STEP), "code": code})

    def enter(self, code: str, way: str = "app") -> tuple[int, bool]:
        """Sign in in a fresh browser with a code: the answer's status, and whether that was enough."""
        browser = self.begin()
        answer = self.show_code(browser, code, way)
        return answer.status_code, is_signed_in(browser)

    def asked(self, browser: Browser) -> tuple[dict[str, Any], dict[str, str]]:
        """What the second step asks of a passkey, and the form that takes the answer."""
        page = browser.http.get(SECOND_STEP, params={"way": "passkey"})
        return options_in(page), form_fields(page.text, SECOND_STEP)

    def show_passkey(self, browser: Browser, passkey: Passkey, origin: str = "", **lies: Any) -> httpx.Response:
        """Show a passkey at the second step."""
        options, form = self.asked(browser)
        credential = passkey.get(options, origin or self.origin, **lies)
        return browser.http.post(SECOND_STEP, data={**form, "credential": credential})


def is_signed_in(browser: Browser) -> bool:
    """Tell whether the start page lets a browser in."""
    return browser.http.get("/").status_code == 200


def a_person(world: World, name: str, environment: Environment | None = None, **more: Any) -> Person:
    """Create somebody and sign them in with their password alone, or as far as that leads."""
    where = environment or world.acme
    user = world.stand_in.create_user(where, name, PASSWORD, **more)
    browser = world.browser(None if environment is None else where)
    made = Person(world, user, browser, where)
    assert browser.sign_in(name).status_code == 303
    return made


def requiring_two_steps(world: World) -> Environment:
    """A new environment that asks for two steps."""
    (made,) = world.stand_in.create_org(f"strict{world.clock.now()}")
    require_two_steps(world, made)
    return made


def require_two_steps(world: World, environment: Environment, *, required: bool = True) -> None:
    """Have an environment ask for two steps, or no longer."""
    workgate = world.stand_in.workgate
    record = workgate.audit.entry(AuditEvent.SIGN_IN_RULES_CHANGED, environment)
    rules = SignInRules(two_step_required=required)
    world.stand_in.run(workgate.database.sign_in_rules.set_rules(environment.environment_id, rules, record=record))
