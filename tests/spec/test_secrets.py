"""No secret lies readable at rest or in a log, after everything that can be done with it was done (SECURITY 28, 29)."""

import base64
import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.authenticators import APP, SECOND_STEP, App, codes_in
from tests.browser import (
    CHALLENGE,
    INTROSPECT,
    PASSWORD,
    PROJECTS,
    REDIRECT_URI,
    REVOKE,
    TOKEN,
    VERIFIER,
    Browser,
    form_fields,
)
from tests.processes import ServerProcess, installed, workgate

from workgate.opening import SystemClock
from workgate.service.applications import Registered
from workgate.signin.totp import code_of, secret_text, step_at

NEW_PASSWORD = "the other secret password of Ann 4712"
WRONG_PASSWORD = "a password that Ann has elsewhere 4713"
ORG = ("--org", "acme", "--json")


@dataclass
class Run:
    """A server with what it was made to know and what it gave out, and every error that it answered."""

    folder: Path
    server: ServerProcess
    web: Registered
    spa: Registered
    secrets: dict[str, str] = field(default_factory=dict)
    error_answers: list[str] = field(default_factory=list)

    def keep(self, name: str, value: str) -> str:
        """Remember a secret."""
        assert len(value) > 20
        self.secrets[f"{name} {len(self.secrets)}"] = value
        return value

    def keep_pair(self, answer: httpx.Response) -> dict[str, Any]:
        """Remember what a token answer gave."""
        assert answer.status_code == 200, answer.text
        pair = dict(answer.json())
        self.keep("access token", pair["access_token"])
        self.keep("refresh token", pair["refresh_token"])
        return pair

    def http(self) -> httpx.Client:
        """A client that remembers every error answer."""

        def remember(answer: httpx.Response) -> None:
            answer.read()
            if answer.status_code >= 400 or "error=" in answer.headers.get("location", ""):
                self.error_answers.append(f"{answer.headers}\n{answer.text}")

        return self.server.client(event_hooks={"response": [remember]})

    def auth(self) -> tuple[str, str]:
        """The web application's credentials."""
        assert self.web.client_secret is not None
        return self.web.application.client_id, self.web.client_secret

    def post(self, **params: str) -> httpx.Response:
        """Post to the token endpoint as the web application."""
        with self.http() as http:
            return http.post(TOKEN, data=params, auth=self.auth())

    def post_public(self, **params: str) -> httpx.Response:
        """Post to the token endpoint without Basic credentials."""
        with self.http() as http:
            return http.post(TOKEN, data=params)

    def code(self, browser: Browser, client_id: str, **more: str) -> str:
        """Consent, and remember the code."""
        page = browser.authorize(client_id=client_id, redirect_uri=REDIRECT_URI, response_type="code", **more)
        location = browser.decide(page).headers["location"]
        return self.keep("code", httpx.URL(location).params["code"])

    def redeem(self, code: str, **more: str) -> httpx.Response:
        """Exchange a code as the web application."""
        return self.post(grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI, **more)

    def logs(self) -> str:
        """All that the server printed."""
        return "".join(self.server.lines) + self.server.printed


def prepared(folder: Path) -> Run:
    apps = installed(folder)
    run = Run(folder, ServerProcess(folder, debug="true"), apps["web"], apps["spa"])
    for name, value in (("password", PASSWORD), ("wrong password", WRONG_PASSWORD), ("verifier", VERIFIER)):
        run.keep(name, value)
    run.keep("client secret", run.auth()[1])
    for key in json.loads((folder / "workgate.keys").read_text())["keys"]:
        run.keep("key", key["key"])
    return run


def sign_in(run: Run) -> Browser:
    browser = Browser(run.http())
    assert browser.sign_in("ann", WRONG_PASSWORD).status_code == 401
    assert browser.sign_in("ann", PASSWORD).status_code == 303
    run.keep("session of the browser", browser.http.cookies["workgate_session"])
    return browser


def use_tokens(run: Run, browser: Browser) -> None:
    """Everything that works: codes, refreshes, calls, introspection, revocation."""
    pair = run.keep_pair(run.redeem(run.code(browser, run.web.application.client_id)))
    pair = run.keep_pair(run.post(grant_type="refresh_token", refresh_token=pair["refresh_token"]))
    code = run.code(browser, run.spa.application.client_id, code_challenge=CHALLENGE, code_challenge_method="S256")
    params = {
        "client_id": run.spa.application.client_id,
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    run.keep_pair(run.post_public(grant_type="authorization_code", **params))
    with run.http() as http:
        session = {"sessionID": pair["access_token"]}
        assert http.get(PROJECTS, headers=session).status_code == 200
        assert http.get(PROJECTS, params=session).status_code == 200
        for token in (pair["access_token"], pair["refresh_token"]):
            assert http.post(INTROSPECT, data={"token": token}, auth=run.auth()).json()["active"] is True
        login = http.post("/attask/api/login", params={"username": "ann", "password": PASSWORD})
        run.keep("session of the API", login.json()["data"]["sessionID"])
        assert http.get("/attask/api/logout", params={"sessionID": pair["access_token"]}).status_code == 200
        assert http.post(REVOKE, data={"token": pair["refresh_token"]}, auth=run.auth()).status_code == 200


def use_two_steps(run: Run) -> None:
    """Somebody sets up an authenticator app, uses it and recovery codes, and uses them wrong."""
    stdin = PASSWORD + "\n"
    assert workgate("user", "create", "tess", "--password-stdin", *ORG, folder=run.folder, stdin=stdin).json
    clock, browser = SystemClock(), Browser(run.http())
    assert browser.sign_in("tess").status_code == 303
    page = browser.http.get(APP)
    app, fields = App.scanning(page), form_fields(page.text, APP)
    run.keep("authenticator's secret", secret_text(app.secret))
    run.keep("authenticator's secret as it is", base64.b64encode(app.secret).decode())
    answer = browser.http.post(APP, data={**fields, "code": code_of(app.secret, step_at(clock.now()))})
    codes = codes_in(answer)
    run.secrets |= {f"recovery code {number}": code for number, code in enumerate(codes)}
    browser.http.cookies.delete("workgate_session")
    ways = (("recovery", codes[0]), ("recovery", codes[0]), ("app", codes[1]), ("recovery", secret_text(app.secret)))
    for way, code in (*ways, ("app", code_of(app.secret, step_at(clock.now()) + 1))):
        assert browser.sign_in("tess").headers["location"] == SECOND_STEP
        run.keep("sign-in under way", browser.http.cookies["workgate_pending"])
        step = browser.http.get(SECOND_STEP, params={"way": way})
        browser.http.post(SECOND_STEP, data={**form_fields(step.text, SECOND_STEP), "code": code})
        browser.http.cookies.delete("workgate_session")
    with run.http() as http:
        shown = [http.get(f"/{code}") for code in (codes[2], secret_text(app.secret))]
        assert [answer.status_code for answer in shown] == [404, 404]
    browser.http.close()


def make_mistakes(run: Run, browser: Browser) -> None:
    """Everything that careless clients do: tokens replayed, in wrong places, in the address, cut off."""
    client_id, secret = run.auth()
    code = run.code(browser, client_id)
    pair = run.keep_pair(run.redeem(code))
    newer = run.keep_pair(run.post(grant_type="refresh_token", refresh_token=pair["refresh_token"]))
    unused = run.code(browser, client_id)
    values = [secret, pair["refresh_token"], newer["access_token"], unused, VERIFIER]
    with run.http() as http:
        answers = [run.redeem(code), run.redeem(unused, code_verifier=VERIFIER)]
        for value in values:
            answers += [run.post(**{name: value}) for name in ("grant_type", "code", "refresh_token", "redirect_uri")]
            answers += [
                run.post(grant_type="authorization_code", code=unused, redirect_uri=f"https://client.example/{value}"),
                run.post_public(client_id=value, client_secret=value, grant_type="refresh_token"),
                run.post(client_secret=value),
                http.post(TOKEN, params={"refresh_token": value, "client_secret": secret}),
                http.post(TOKEN, content=value, headers={"Content-Type": value}, auth=run.auth()),
                http.post(TOKEN, content=f'{{"code": "{value}"', headers={"Content-Type": "application/json"}),
                http.post(TOKEN, headers={"Authorization": f"Bearer {value}"}),
                http.post(TOKEN, headers={"Authorization": f"Basic {value}"}, data={"grant_type": "refresh_token"}),
                http.request(value[:20], TOKEN),
                http.get(f"/{value}"),
                http.get(f"/attask/api/proj/{value}", headers={"sessionID": secret}),
                http.get(f"/attask/api/{value}", headers={"sessionID": value + "x"}),
                http.get("/integrations/oauth2/authorize", params={"client_id": value, "redirect_uri": value}),
                browser.authorize(client_id=client_id, redirect_uri=REDIRECT_URI, response_type=value),
                browser.authorize(
                    client_id=client_id, redirect_uri=f"{REDIRECT_URI}?code={value}", response_type="code"
                ),
                browser.http.post("/login", data={"username": "ann", "password": value, "csrf": value}),
            ]
        assert all(answer.status_code >= 400 or "error=" in answer.headers["location"] for answer in answers)


def break_the_database(run: Run, browser: Browser) -> None:
    """Answers and log lines of a database that does not work."""
    client_id, secret = run.auth()
    pair = run.keep_pair(run.redeem(run.code(browser, client_id)))
    with closing(sqlite3.connect(run.folder / "workgate.db", timeout=30)) as database, run.http() as http:
        database.execute("ALTER TABLE authorizations RENAME TO elsewhere")
        assert run.post(grant_type="refresh_token", refresh_token=pair["refresh_token"]).status_code == 503
        assert http.get(PROJECTS, headers={"sessionID": pair["access_token"]}).status_code == 503
        assert browser.http.get("/").status_code == 503
        database.execute("ALTER TABLE elsewhere RENAME TO authorizations")
        assert http.get(PROJECTS, headers={"sessionID": pair["access_token"]}).status_code == 200
    # The commands beside a running server leave nothing behind either.
    added = workgate("app", "secret", "add", client_id, *ORG, folder=run.folder).json
    run.keep("second client secret", added["client_secret"])
    stdin = NEW_PASSWORD + "\n"
    assert workgate("user", "password", "ann", "--password-stdin", *ORG, folder=run.folder, stdin=stdin).json
    run.keep("new password", NEW_PASSWORD)
    assert secret != added["client_secret"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The server after all of that, still running."""
    made = prepared(tmp_path_factory.mktemp("secrets"))
    with made.server:
        browser = sign_in(made)
        use_tokens(made, browser)
        use_two_steps(made)
        make_mistakes(made, browser)
        break_the_database(made, browser)
        browser.http.close()
        yield made


def forms_of(secret: str) -> set[bytes]:
    """How a secret could lie about: as it is, its end, in other encodings, or decoded."""
    raw = secret.encode()
    forms = {raw, raw[-24:], raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")[:-2]}
    if secret.isascii() and " " not in secret:
        text = secret[4:] if secret.startswith("wg") else secret
        decoded = base64.urlsafe_b64decode(text[: len(text) // 4 * 4])
        forms |= {decoded[-24:], decoded[-24:].hex().encode()}
    return forms


def found_in(run: Run, content: bytes) -> list[str]:
    assert content
    return [name for name, secret in run.secrets.items() if any(form in content for form in forms_of(secret))]


def test_the_search_finds(run: Run) -> None:
    kinds = {name.rpartition(" ")[0] for name in run.secrets}
    assert kinds >= {"password", "code", "access token", "refresh token", "client secret", "key", "verifier"}
    assert len(run.secrets) > 20
    some = next(value for name, value in run.secrets.items() if name.startswith("code"))
    assert len(found_in(run, b"x" + some.encode() + b"x")) == 1


@pytest.mark.spec("ASVS 5.0", "11.4.2", "no secret lies in the database, its journal or its index while it is in use")
@pytest.mark.parametrize("name", ["workgate.db", "workgate.db-wal", "workgate.db-shm"])
def test_files(run: Run, name: str) -> None:
    assert found_in(run, (run.folder / name).read_bytes()) == []


@pytest.mark.spec("ASVS 5.0", "16.2.5", "no secret is in the logs, details included")
def test_logs(run: Run) -> None:
    logs = run.logs()
    assert logs.count("token_refused") > 20
    assert "sign_in_failed" in logs
    assert "store_unavailable" in logs
    assert "Traceback" not in logs
    assert found_in(run, logs.encode()) == []


@pytest.mark.spec("ASVS 5.0", "16.2.5", "no secret is in the audit log")
def test_audit_log(run: Run) -> None:
    shown = workgate("audit", "list", "--limit", "1000", *ORG, folder=run.folder)
    assert len(shown.json["events"]) > 50
    assert found_in(run, shown.out.encode()) == []


@pytest.mark.spec("ASVS 5.0", "16.5.1", "no error answer and no error page shows a secret")
def test_error_answers(run: Run) -> None:
    assert len(run.error_answers) > 50
    assert found_in(run, "\n".join(run.error_answers).encode()) == []


@pytest.mark.spec("ASVS 5.0", "13.3.2", "the database, its journal and the key file are their owner's alone")
def test_file_modes(run: Run) -> None:
    files = sorted(path.name for path in run.folder.iterdir())
    of_the_database = [f"workgate.db{end}" for end in ("", "-next", "-shm", "-turn", "-wal")]
    assert files == [*of_the_database, "workgate.keys"]
    for name in files:
        assert stat.S_IMODE((run.folder / name).stat().st_mode) == 0o600, name


@pytest.mark.spec("ASVS 5.0", "13.3.2", "a key file that others can read is refused")
def test_readable_key_file(tmp_path: Path) -> None:
    assert workgate("org", "create", "acme", "--json", folder=tmp_path).json
    (tmp_path / "workgate.keys").chmod(0o640)
    complaint = workgate("org", "create", "globex", "--json", folder=tmp_path).complaint
    assert "chmod 600" in complaint
    assert json.loads((tmp_path / "workgate.keys").read_text())["keys"][0]["key"] not in complaint


@pytest.mark.spec("ASVS 5.0", "16.2.5", "what the server prints when it ends holds no secret, and it ends well")
def test_end(run: Run) -> None:
    assert run.server.stop() in {0, -15}
    assert found_in(run, (run.folder / "workgate.db").read_bytes()) == []
    assert found_in(run, run.logs().encode()) == []
    assert run.server.printed == ""
