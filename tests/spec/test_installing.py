"""Installing applications of other organisations: who may, what is shown and asked, and what cannot be done there."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from tests.admin_calls import APPLICATIONS, caller, error
from tests.administering import SETUP, listed, new_app, png, problem_of
from tests.browser import REDIRECT_URI, Browser, World, a_world, at_once, form_fields
from tests.central import Installed, a_crowded_world, authorize, connected, dead, install, share

from workgate.domain.audit import AuditEvent
from workgate.domain.problems import Conflict, NotAllowed, NotFound
from workgate.service.acting import OPERATOR, Acting

AVAILABLE = f"{SETUP}/available"
OFFERED = APPLICATIONS.replace("/applications", "/offered-applications")


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """A world in which globex has an administrator, too."""
    with a_crowded_world() as made:
        yield made


@pytest.fixture
def gus(shared: World) -> Browser:
    """The browser of globex' administrator."""
    browser = shared.browser(shared.globex)
    assert browser.sign_in("gus").status_code == 303
    return browser


@pytest.fixture
def web(shared: World) -> Installed:
    return connected(shared, install(shared, share(shared, shared.stand_in.create_app(shared.acme, "Sync"))))


def press(browser: Browser, path: str) -> httpx.Response:
    page = browser.http.get(path)
    assert page.status_code == 200, page.text
    return browser.http.post(path, data=form_fields(page.text, path))


def last_change(world: World, client_id: str) -> tuple[AuditEvent, bool]:
    """The newest record of globex that tells of installing; and whether somebody of globex did it."""
    workgate = world.stand_in.workgate
    world.stand_in.run(workgate.database.engine.flush())
    found = world.stand_in.run(workgate.database.audit.latest(world.globex.environment_id, 100))
    kinds = (AuditEvent.APPLICATION_INSTALLED, AuditEvent.APPLICATION_UNINSTALLED)
    record = next(one for one in found if one.client_id == client_id and one.event in kinds)
    return record.event, record.actor is not None


@pytest.mark.spec(
    "Workgate", "installed applications", "an administrator installs and uninstalls, each time asked first"
)
def test_install_and_uninstall(shared: World, gus: Browser) -> None:
    app = share(
        shared,
        shared.stand_in.create_app(
            shared.acme,
            "Planner <b>",
            developer_name="The <i>planners",
            privacy_url="https://planner.example/privacy",
            description="Plans.",
            logo=png(),
        ),
    )
    client_id = app.application.client_id
    assert authorize(shared, app).status_code == 400
    assert "Applications of other organisations" in gus.http.get(SETUP).text
    page = gus.http.get(AVAILABLE)
    assert "Planner &lt;b&gt;" in page.text
    assert 'Of <bdi>Acme</bdi> (<bdi dir="ltr">acme</bdi>)' in page.text
    assert "Made by <bdi>The &lt;i&gt;planners</bdi>" in page.text
    assert "https://planner.example/privacy" in page.text
    logo = gus.http.get(f"{AVAILABLE}/{client_id}/logo")
    assert (logo.status_code, logo.headers["content-type"]) == (200, "image/png")
    path = f"{AVAILABLE}/{client_id}/install"
    assert "Install <bdi>Planner" in gus.http.get(path).text
    assert authorize(shared, app).status_code == 400  # asking does nothing
    answer = press(gus, path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{AVAILABLE}?done=installed")
    done = gus.http.get(answer.headers["location"])
    assert "The application is installed: your users can connect it." in done.text
    assert last_change(shared, client_id) == (AuditEvent.APPLICATION_INSTALLED, True)
    assert authorize(shared, app).status_code == 302
    assert gus.http.get(f"/integrations/oauth2/logo/{client_id}").content == logo.content
    # It is not among globex' own.
    assert client_id not in gus.http.get(SETUP).text
    assert f"0 of {shared.stand_in.workgate.services.registry.at_most} used" in gus.http.get(SETUP).text
    # Pressed twice it does no harm.
    assert press(gus, path).status_code == 303
    there = connected(shared, app)
    path = f"{AVAILABLE}/{client_id}/uninstall"
    page = gus.http.get(path)
    assert "1 user is disconnected" in page.text
    assert there.works()
    answer = gus.http.post(path, data=form_fields(page.text, path))
    assert answer.headers["location"] == f"{AVAILABLE}?done=uninstalled"
    assert last_change(shared, client_id) == (AuditEvent.APPLICATION_UNINSTALLED, True)
    assert dead(there)
    assert authorize(shared, app).status_code == 400
    assert gus.http.post(path, data=form_fields(page.text, path)).status_code == 303
    assert gus.http.get(path).status_code == 302


@pytest.mark.spec(
    "Workgate", "installed applications", "nothing of it can be changed or read where it is only installed"
)
def test_it_is_not_the_installing_environments_own(shared: World, web: Installed, gus: Browser) -> None:
    path = f"{SETUP}/{web.client_id}"
    for below in ("", "/delete", "/copy", "/secrets", "/keys"):
        assert gus.http.get(path + below).status_code == 404
    # A form of one's own application is worth nothing there.
    own = new_app(gus)
    forms = {
        "": form_fields(gus.http.get(f"{SETUP}/{own}").text, f"{SETUP}/{own}"),
        "/delete": form_fields(gus.http.get(f"{SETUP}/{own}/delete").text, f"{SETUP}/{own}/delete"),
        "/secrets": form_fields(gus.http.get(f"{SETUP}/{own}/secrets").text, f"{SETUP}/{own}/secrets"),
    }
    for below, fields in forms.items():
        assert gus.http.post(path + below, data={**fields, "name": "Mine"}).status_code == 404
    http = caller(shared, "gus", shared.globex)
    address = f"{APPLICATIONS}/{web.client_id}"
    error(http.get(address), 404, "not_found")
    error(http.patch(address, json={"name": "Mine"}), 404, "not_found")
    error(http.delete(address), 404, "not_found")
    error(http.post(f"{address}/secrets", json={}), 404, "not_found")
    error(http.get(f"{address}/secrets"), 404, "not_found")
    error(http.post(f"{address}/keys/generate", json={}), 404, "not_found")
    error(http.post(f"{address}/copies", json={"lane": "my"}), 404, "not_found")
    error(http.put(f"{address}/logo", content=png(), headers={"Content-Type": "image/png"}), 404, "not_found")
    last_four = web.app.application.secrets[0].last_four
    for page in (gus.http.get(AVAILABLE), http.get(OFFERED), http.get(f"{OFFERED}/{web.client_id}")):
        assert page.status_code == 200
        assert last_four not in page.text
        assert REDIRECT_URI not in page.text
    assert not dead(web)


def test_who_is_connected(shared: World, web: Installed, gus: Browser) -> None:
    path = f"{SETUP}/{web.client_id}/connections"
    page = gus.http.get(path)
    assert 'href="/setup/oauth2/available">Applications of other organisations' in page.text
    assert "<h2><bdi>ann</bdi></h2>" in page.text
    http = caller(shared, "gus", shared.globex)
    found = http.get(f"{APPLICATIONS}/{web.client_id}/connections").json()
    assert [one["username"] for one in found["connections"]] == ["ann"]
    user_id = found["connections"][0]["user_id"]
    assert press(gus, f"{path}/{user_id}/withdraw").status_code == 303
    assert dead(web)
    # Its owner sees its own users only.
    ann = shared.browser()
    ann.sign_in()
    assert "It may act for nobody here." in ann.http.get(path).text


@pytest.mark.spec("Workgate", "installed applications", "only administrators of the environment install there")
def test_who_may_install(shared: World) -> None:
    app = share(shared, shared.stand_in.create_app(shared.acme, "Wanted"))
    client_id = app.application.client_id
    browser = shared.browser(shared.globex)
    assert browser.http.get(AVAILABLE).headers["location"].startswith("/login?next=")
    browser.sign_in()
    for path in (AVAILABLE, f"{AVAILABLE}/{client_id}/install", f"{AVAILABLE}/{client_id}/logo"):
        assert browser.http.get(path).status_code == 403
    assert browser.http.post(f"{AVAILABLE}/{client_id}/install").status_code == 403
    http = caller(shared, "ann", shared.globex)
    for method, path in (("GET", ""), ("GET", f"/{client_id}"), ("PUT", f"/{client_id}/installation")):
        error(http.request(method, OFFERED + path), 403, "not_allowed")
    error(http.delete(f"{OFFERED}/{client_id}/installation"), 403, "not_allowed")
    assert authorize(shared, app).status_code == 400
    service = shared.stand_in.workgate.services.central
    stranger = Acting(shared.ann, "192.0.2.1")  # an administrator, of acme
    with pytest.raises(NotAllowed):
        shared.stand_in.run(service.install(shared.globex, client_id, by=stranger))
    with pytest.raises(NotAllowed):
        shared.stand_in.run(service.uninstall(shared.globex, client_id, by=stranger))
    # That an application is for everybody is for the operator to say, not for its owner's administrator.
    own = shared.stand_in.create_app(shared.acme, "Own")
    with pytest.raises(NotAllowed):
        shared.stand_in.run(service.set_central(shared.acme, own.application.client_id, central=True, by=stranger))


def test_forged_forms(shared: World, gus: Browser) -> None:
    app = share(shared, shared.stand_in.create_app(shared.acme, "Forged"))
    path = f"{AVAILABLE}/{app.application.client_id}/install"
    fields = form_fields(gus.http.get(path).text, path)
    for forged in ({}, {"csrf": ""}, {"csrf": fields["csrf"][:-1]}):
        answer = gus.http.post(path, data=forged)
        assert answer.status_code == 403
        assert problem_of(answer).startswith("This page was open for too long")
    other = shared.browser(shared.globex)
    other.sign_in("gus")
    assert other.http.post(path, data=fields).status_code == 403
    assert authorize(shared, app).status_code == 400
    assert gus.http.post(path, data=fields).status_code == 303
    assert gus.http.put(path, data=fields).status_code == 405


@pytest.mark.spec("Workgate", "installed applications", "lanes are apart: one of another lane cannot be installed")
def test_what_cannot_be_installed(shared: World, gus: Browser) -> None:
    service = shared.stand_in.workgate.services.central
    mine = share(shared, shared.stand_in.create_app(shared.globex, "Mine"), shared.globex)
    own = shared.stand_in.create_app(shared.acme, "Private")
    preview = share(shared, shared.stand_in.create_app(shared.preview, "Preview"), shared.preview)
    for app in (mine, own, preview):
        client_id = app.application.client_id
        assert client_id not in gus.http.get(AVAILABLE).text
        assert gus.http.get(f"{AVAILABLE}/{client_id}/install").status_code == 404
        with pytest.raises(NotFound):
            shared.stand_in.run(service.install(shared.globex, client_id, by=OPERATOR))
        with pytest.raises(NotFound):
            shared.stand_in.run(service.uninstall(shared.globex, client_id, by=OPERATOR))
    for name in ("x", "0" * 32, "%00", "..%2f", "a" * 5000):
        assert gus.http.get(f"{AVAILABLE}/{name}/install").status_code == 404
        assert gus.http.get(f"{AVAILABLE}/{name}/logo").status_code == 404
    with pytest.raises(Conflict, match="its keys speak for users of its own organisation"):
        share(shared, shared.machine)
    assert authorize(shared, preview).status_code == 400


def test_two_at_once(shared: World) -> None:
    app = share(shared, shared.stand_in.create_app(shared.acme, "Twice"))
    http, client_id = caller(shared, "gus", shared.globex), app.application.client_id
    path = f"{OFFERED}/{client_id}/installation"
    answers = at_once([lambda: http.put(path)] * 5)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert {answer.json()["installed"] for answer in answers} == {answers[0].json()["installed"]}
    assert sorted(answer.status_code for answer in at_once([lambda: http.delete(path)] * 5)) == [204, *[404] * 4]


def test_the_api(shared: World) -> None:
    app = share(shared, shared.stand_in.create_app(shared.acme, "ByApi", developer_name="Us", kind="spa"))
    http, client_id = caller(shared, "gus", shared.globex), app.application.client_id
    found = {one["client_id"]: one for one in http.get(OFFERED, params={"limit": 200}).json()["applications"]}
    assert found[client_id]["installed"] is None
    assert found[client_id] == http.get(f"{OFFERED}/{client_id}").json()
    assert (found[client_id]["owner_domain"], found[client_id]["developer_name"]) == ("acme", "Us")
    page = http.get(OFFERED, params={"limit": 1}).json()
    assert page["following"] == page["applications"][0]["client_id"] == min(found)
    made = http.put(f"{OFFERED}/{client_id}/installation")
    assert made.status_code == 200
    now = datetime.fromtimestamp(shared.clock.now() // 1000, UTC).isoformat()
    assert made.json() == {**found[client_id], "installed": now}
    assert http.delete(f"{OFFERED}/{client_id}/installation").status_code == 204
    error(http.delete(f"{OFFERED}/{client_id}/installation"), 404, "not_found")
    error(http.put(f"{OFFERED}/{'0' * 32}/installation"), 404, "not_found")
    owner = caller(shared)
    assert owner.get(f"{APPLICATIONS}/{client_id}").json()["is_central"] is True
    error(owner.patch(f"{APPLICATIONS}/{client_id}", json={"is_central": False}), 400, "invalid")


def test_what_its_owner_sees(shared: World, web: Installed) -> None:
    ann = shared.browser()
    ann.sign_in()
    page = ann.http.get(f"{SETUP}/{web.client_id}")
    assert re.search(
        r"Available to</dt><dd>every organisation of this lane\s*<p[^>]*><span>1 other organisation has", page.text
    )
    assert "1 other organisation loses it, with all its users" in ann.http.get(f"{SETUP}/{web.client_id}/delete").text
    own = shared.web.application.client_id
    assert "Available to" not in ann.http.get(f"{SETUP}/{own}").text
    assert "other organisation" not in ann.http.get(f"{SETUP}/{own}/delete").text.partition("<main>")[2]
    assert web.client_id in listed(ann) or "Next page" in ann.http.get(SETUP).text


def test_it_takes_no_place() -> None:
    with a_world(applications_per_environment=4) as world:
        for number in range(4):
            world.stand_in.create_app(world.globex, f"Own {number}")
        with pytest.raises(Conflict):
            world.stand_in.create_app(world.globex, "One more")
        install(world, share(world, world.web))
        assert connected(world, world.web).works()


def test_a_long_list_is_shown_page_by_page(shared: World, gus: Browser) -> None:
    (hooli,) = shared.stand_in.create_org("hooli", name="Hooli")
    for number in range(21):
        share(shared, shared.stand_in.create_app(hooli, f"App {number:02}"), hooli)
    first = gus.http.get(AVAILABLE)
    address = re.search(r'href="([^"]*)">Next page', first.text)
    assert address is not None
    second = gus.http.get(address[1])
    assert first.text.count('<li class="row">') == 20
    assert "App 00" in first.text
    assert "App 00" not in second.text
    assert "First page" in second.text
    assert gus.http.get(f"{AVAILABLE}?after=nobody").text.count('<li class="row">') == 20
