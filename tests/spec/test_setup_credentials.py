"""Client secrets and public keys on the setup pages: shown once, noted, deleted; and a rotation under traffic."""

import html
import os
import re
import threading
from urllib.parse import unquote

import httpx
import pytest
from tests.administering import SETUP, error_of, multipart, problem_of, send, shown_secret
from tests.browser import TOKEN, Browser, World, a_world, at_once, form_fields
from tests.signing import certificate_pem, private_key, private_pem, public_pem, signed_by_pyjwt

from workgate.domain.oauth import ClientSecret
from workgate.oauth.metadata import JWT_EXCHANGE_PATH
from workgate.service.applications import Registered

DAY = 86_400


def secrets_path(registered: Registered) -> str:
    return f"{SETUP}/{registered.application.client_id}/secrets"


def keys_path(registered: Registered) -> str:
    return f"{SETUP}/{registered.application.client_id}/keys"


def stored(world: World, registered: Registered) -> tuple[ClientSecret, ...]:
    application = world.stand_in.run(
        world.stand_in.workgate.database.applications.application(
            world.acme.environment_id, registered.application.client_id
        )
    )
    assert application is not None
    return application.secrets


def opens(world: World, registered: Registered, secret: str) -> bool:
    answer = world.http().post(
        "/integrations/oauth2/api/v1/introspect",
        data={"token": "x"},
        auth=(registered.application.client_id, secret),
    )
    assert answer.status_code in {200, 401}
    # That it was used is noted without making the client wait.
    world.stand_in.run(world.stand_in.workgate.database.engine.flush())
    return answer.status_code == 200


def add(browser: Browser, registered: Registered, note: str = "") -> httpx.Response:
    return send(browser, secrets_path(registered), {"note": note})


# --- secrets


@pytest.mark.spec("contract", "2.2", "a client secret is shown once, with Cache-Control: no-store, and never again")
def test_a_secret_is_shown_once(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Once")
    page = add(ann, app, "the new one")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    secret = shown_secret(page)
    assert opens(shared, app, secret)
    for path in ("", f"/{app.application.client_id}", f"/{app.application.client_id}/secrets"):
        again = ann.http.get(SETUP + path)
        assert again.headers["cache-control"] == "no-store"
        assert secret not in again.text
    listed = ann.http.get(secrets_path(app)).text
    assert secret[-4:] in listed
    assert 'value="the new one"' in listed


@pytest.mark.spec("OWASP ASVS", "V2.3", "a form that is sent twice adds one secret")
def test_reloading_the_page_adds_no_other(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Reloaded")
    fields = form_fields(ann.http.get(secrets_path(app)).text, secrets_path(app))
    assert ann.http.post(secrets_path(app), data=fields).status_code == 200
    again = ann.http.post(secrets_path(app), data=fields)
    assert again.status_code == 409
    assert "Nothing was added just now" in problem_of(again)
    assert len(stored(shared, app)) == 2


@pytest.mark.spec("contract", "2.2", "notes are edited in place and have at most 64 characters")
def test_notes(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Noted")
    (secret,) = stored(shared, app)
    path = f"{secrets_path(app)}/{secret.secret_id}/note"
    for note in ("the export's", "x" * 64, "<b>'\"&", ""):
        answer = send(ann, path, {"note": note}, page=secrets_path(app))
        assert (answer.status_code, answer.headers["location"]) == (303, f"{secrets_path(app)}?done=noted")
        assert (
            f'value="{html.escape(note).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}"'
            in ann.http.get(secrets_path(app)).text
        )
    for note, said in {"y" * 65: "65 characters; 64 are the most", "a\u202eb": "without control characters"}.items():
        wrong = send(ann, path, {"note": note}, page=secrets_path(app))
        assert wrong.status_code == 422
        assert said in wrong.text
        assert f'id="note-{secret.secret_id}-error"' in wrong.text
        assert f'value="{note}"' in wrong.text
    assert add(ann, app, "z" * 65).status_code == 422
    (unchanged,) = stored(shared, app)
    assert unchanged.note == ""


def test_deleting_a_secret_asks_first(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Deleted")
    (first,) = stored(shared, app)
    path = f"{secrets_path(app)}/{first.secret_id}/delete"
    assert "It is the only one" in ann.http.get(path).text
    other = shown_secret(add(ann, app))
    assert "It is the only one" not in ann.http.get(path).text
    fields = form_fields(ann.http.get(path).text, path)
    answers = at_once([lambda: ann.http.post(path, data=fields)] * 4)
    assert sorted(answer.status_code for answer in answers) == [303, 404, 404, 404]
    assert not opens(shared, app, str(app.client_secret))
    assert opens(shared, app, other)


def test_twenty_secrets_are_the_most(shared: World, ann: Browser) -> None:
    app = shared.stand_in.create_app(shared.acme, "Many")
    fields = form_fields(ann.http.get(secrets_path(app)).text, secrets_path(app))
    for _ in range(19):
        assert add(ann, app).status_code == 200
    page = ann.http.get(secrets_path(app)).text
    assert "An application can have 20 secrets: delete one first." in page
    assert f'action="{secrets_path(app)}"' not in page
    assert ann.http.post(secrets_path(app), data=fields).status_code == 409


@pytest.mark.spec("contract", "2.2", "a secret that is not used for 30 days while another one is can be deleted safely")
def test_safe_to_delete() -> None:
    mark = "Safe to delete: not used for 30 days, while another one is."
    with a_world() as world:
        app, clock = world.web, world.clock
        ann = world.browser()
        ann.sign_in()
        assert opens(world, app, str(app.client_secret))
        new = shown_secret(add(ann, app))
        clock.advance(30 * DAY - 1)
        ann.sign_in()
        assert opens(world, app, new)
        assert mark not in ann.http.get(secrets_path(app)).text
        clock.advance(1)
        page = ann.http.get(secrets_path(app)).text
        assert page.count(mark) == 1
        # Newest first, so the old one is the last.
        assert page.index(mark) > page.index(new[-4:])


@pytest.mark.spec(
    "contract", "2.2", "a secret is replaced without a failed request: docs/applications.md, step by step"
)
def test_a_rotation_with_traffic_in_between() -> None:
    with a_world() as world:
        app, clock = world.plain, world.clock
        ann = world.browser()
        ann.sign_in()
        tokens = world.connect(app)
        in_use = [str(app.client_secret)]
        failures: list[str] = []
        count = [0]
        stop = threading.Event()

        def client() -> None:
            with httpx.Client(base_url=world.stand_in.url, trust_env=False, timeout=30) as http:
                while not stop.is_set():
                    answer = http.post(
                        TOKEN,
                        data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
                        auth=(app.application.client_id, in_use[0]),
                    )
                    count[0] += 1
                    if answer.status_code != 200:
                        failures.append(answer.text)

        def traffic() -> None:
            """Let at least five more requests begin and end."""
            enough = count[0] + 6
            while count[0] < enough and not failures:
                assert running.is_alive()

        running = threading.Thread(target=client)
        running.start()
        try:
            traffic()
            new = shown_secret(add(ann, app, "since November"))  # 1. add a second one
            traffic()
            in_use[0] = new  # 2. give it to the application
            traffic()
            old, _ = sorted(stored(world, app), key=lambda secret: secret.secret_id)
            clock.advance(60)
            traffic()
            page = ann.http.get(secrets_path(app)).text  # 3. the old one is not used any more
            assert page.count("Last used") == 2
            path = f"{secrets_path(app)}/{old.secret_id}/delete"
            assert send(ann, path, {}).status_code == 303  # 4. delete it
            traffic()
        finally:
            stop.set()
            running.join(timeout=30)
        assert failures == []
        assert count[0] >= 25
        assert not opens(world, app, str(app.client_secret))
        assert [secret.note for secret in stored(world, app)] == ["since November"]


# --- keys


def exchanged(world: World, pem: str) -> int:
    now = world.clock.now() // 1000
    claims = {"iss": world.acme.customer_id, "sub": world.ann.user_id, "exp": now + 300, "jti": os.urandom(8).hex()}
    token = signed_by_pyjwt(claims, pem)
    registered = world.machine
    answer = world.http().post(
        JWT_EXCHANGE_PATH,
        data={
            "client_id": registered.application.client_id,
            "client_secret": str(registered.client_secret),
            "jwt_token": token,
        },
    )
    return answer.status_code


@pytest.mark.spec("contract", "2.1", "a pair is made, its private half given once and never kept")
def test_a_generated_pair_works_and_is_gone(world: World) -> None:
    ann = world.browser()
    ann.sign_in()
    path = keys_path(world.machine)
    fields = form_fields(ann.http.get(path).text, f"{path}/generate")
    page = ann.http.post(f"{path}/generate", data=fields)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    shown = re.search(r'<textarea id="private-key"[^>]*>\n(.*?)</textarea>', page.text, re.S)
    download = re.search(r'href="data:application/x-pem-file;charset=us-ascii,([^"]*)"', page.text)
    assert shown is not None
    assert download is not None
    pem = html.unescape(shown.group(1))
    assert unquote(html.unescape(download.group(1))) == pem
    assert exchanged(world, pem) == 200
    assert "PRIVATE" not in ann.http.get(path).text
    assert ann.http.post(f"{path}/generate", data=fields).status_code == 409
    assert (
        len(
            world.stand_in.run(
                world.stand_in.workgate.database.keys.keys(
                    world.acme.environment_id, world.machine.application.client_id
                )
            )
        )
        == 1
    )
    listed = ann.http.get(path).text
    assert world.ann.user_id in listed
    (delete,) = re.findall(rf'href="({path}/\d+/delete)"', listed)
    assert "It is the only one" in ann.http.get(delete).text
    assert send(ann, delete, {}).headers["location"] == f"{path}?done=key-deleted"
    assert exchanged(world, pem) == 400
    assert ann.http.get(delete).status_code == 404


@pytest.mark.spec("contract", "2.1", "a certificate or public key is pasted or uploaded, and belongs to who added it")
def test_keys_that_are_brought(shared: World, ann: Browser) -> None:
    path = keys_path(shared.machine)
    pasted, uploaded = private_key("pasted"), private_key("uploaded")
    entries: dict[str, str | bytes] = {"public_key": public_pem(pasted).replace("\n", "\r\n"), "note": "pasted one"}
    assert send(ann, path, entries).headers["location"] == f"{path}?done=key-added"
    entries = {"key_file": certificate_pem(uploaded).encode(), "public_key": ""}
    assert send(ann, path, entries).status_code == 303
    page = ann.http.get(path).text
    assert "pasted one" in page
    assert len(re.findall(r'<code dir="ltr">[0-9a-f]{64}</code>', page)) == 2
    for key in (pasted, uploaded):
        assert exchanged(shared, private_pem(key)) == 200
    again = send(ann, path, entries)
    assert error_of(again, "public_key") == "MachineApp has this key already."


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        ("", "Give one PEM block"),
        ("ssh-rsa AAAA", "Give one PEM block"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "The PEM block is broken"),
        ("é" * 10, "A key in PEM is ASCII text"),
        ("x" * 20_000, "A key in PEM is ASCII text"),
        (public_pem(private_key("weak", 1024)), "The key has 1024 bits"),
    ],
)
def test_keys_that_are_no_good(shared: World, ann: Browser, pem: str, said: str) -> None:
    page = send(ann, keys_path(shared.machine), {"public_key": pem, "note": "kept"})
    assert page.status_code == 422
    assert said in error_of(page, "public_key")
    assert 'value="kept"' in page.text


@pytest.mark.spec("OWASP ASVS", "V13.3", "a private key that was pasted is refused and not written into the page again")
def test_a_private_key_is_refused(shared: World, ann: Browser) -> None:
    pem = private_pem(private_key("pasted"))
    for entries in ({"public_key": pem}, {"public_key": "", "key_file": pem.encode()}):
        page = send(ann, keys_path(shared.machine), entries)
        assert "This is a private key" in error_of(page, "public_key")
        assert "PRIVATE KEY-----" not in page.text
    both = send(ann, keys_path(shared.machine), {"public_key": "x", "key_file": b"y"})
    assert error_of(both, "public_key") == "Paste a key or choose a file, not both."


def test_only_machines_have_keys(shared: World, ann: Browser) -> None:
    csrf = form_fields(ann.http.get("/").text, "/logout")["csrf"]
    for app in (shared.web, shared.spa):
        assert ann.http.get(keys_path(app)).status_code == 404
        assert multipart(ann, keys_path(app), {"csrf": csrf, "public_key": "x"}).status_code == 404
        assert ann.http.post(f"{keys_path(app)}/generate", data={"csrf": csrf}).status_code == 404
