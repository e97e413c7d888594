"""What the browser tests look at: Workgate with a demo organisation, and the example app, each at its own address."""

import email
import email.policy
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from examples.third_party_app.app import Config, create_app
from starlette.types import ASGIApp

import workgate.cli
from tests.browser import PASSWORD
from tests.pages.offers import Offers, offers_of_widetools
from tests.providers.scripted import ScriptedProvider, a_provider
from workgate.cli.demo_data import PEOPLE, projects
from workgate.domain.accounts import Environment
from workgate.service.acting import Acting
from workgate.service.applications import Registered
from workgate.testing import StandIn

LOGO = Path(workgate.cli.__file__).with_name("assets") / "clientapp-logo.png"


@dataclass(frozen=True, slots=True)
class Site:
    """Both servers; lanes ``my`` and ``preview`` of acme, with the demo's people and projects."""

    stand_in: StandIn
    app_url: str
    app: Registered
    bare: Registered
    """An application that says nothing about itself, with a long name and no logo."""
    machine: Registered
    """One that signs in with a key, which is Ann's."""
    globex: Environment
    """Another organisation, which signs in elsewhere if it likes."""
    corporate: ScriptedProvider
    """There: at once, without a page."""
    offers: Offers
    """Those of another organisation."""
    mail: Path
    """Where mail lands."""

    @property
    def url(self) -> str:
        """Workgate's address."""
        return self.stand_in.url

    def authorize_url(self, registered: Registered, **more: str) -> str:
        """The address of an authorization request."""
        application = registered.application
        query = {
            "client_id": application.client_id,
            "redirect_uri": application.redirect_uris[0],
            "response_type": "code",
            **more,
        }
        return f"{self.url}/integrations/oauth2/authorize?" + "&".join(f"{k}={v}" for k, v in query.items())

    def newest_link(self) -> str:
        """The link of the mail that landed last, once none is under way any more."""
        self.stand_in.run(self.stand_in.workgate.outbox.finish(15))
        newest = max(self.mail.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        mail = email.message_from_bytes(newest.read_bytes(), policy=email.policy.default)
        (link,) = re.findall(r"https?://\S+wgl_\S+", mail.get_content())
        return str(link)

    def preview_url(self) -> str:
        """The address of acme's preview lane."""
        return f"http://acme.preview.localhost:{self.stand_in.port}"


def _people_and_projects(stand_in: StandIn, environment: Environment) -> None:
    users = [
        stand_in.create_user(
            environment,
            person["username"],
            PASSWORD,
            first_name=person["first_name"],
            last_name=person["last_name"],
            email=person["email"],
            is_admin=person["is_admin"],
        )
        for person in PEOPLE
    ]
    workgate_ = stand_in.workgate
    stand_in.insert(projects(environment, users, now=stand_in.clock.now(), entropy=workgate_.entropy))


@contextmanager
def served(listener: socket.socket, app: ASGIApp) -> Iterator[None]:
    """Serve an application of others than us."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="an-app", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@contextmanager
def a_site(**settings: Any) -> Iterator[Site]:
    """Run both, Workgate with these settings."""
    with (
        tempfile.TemporaryDirectory() as mail,
        _a_site(Path(mail), {"sso_private_addresses": True, "mail_folder": mail, **settings}) as site,
    ):
        yield site


@contextmanager
def _a_site(mail: Path, settings: dict[str, Any]) -> Iterator[Site]:
    with (
        StandIn(**settings) as stand_in,
        socket.create_server(("127.0.0.1", 0)) as listener,
        a_provider(lambda: stand_in.clock.now() // 1000) as corporate,
    ):
        environments = stand_in.create_org("acme", ("my", "preview"), name="Acme")
        (globex,) = stand_in.create_org("globex", name="Globex")
        for environment in (*environments, globex):
            _people_and_projects(stand_in, environment)
        app_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        registered = stand_in.create_app(
            environments[0],
            redirect_uris=[f"{app_url}/callback"],
            description="Shows your projects on one page.",
            description_url="https://clientapp.example/about",
            developer_name="ClientApp's developers",
            developer_email="developers@clientapp.example",
            privacy_url="https://clientapp.example/privacy",
            logo=LOGO.read_bytes(),
        )
        bare = stand_in.create_app(
            environments[0],
            "An application whose name takes up quite some room in every line that it is in",
            redirect_uris=[f"{app_url}/callback"],
        )
        machine = stand_in.create_app(environments[0], "Nightly export", kind="machine")
        owner = stand_in.run(stand_in.workgate.database.users.account_named(environments[0].environment_id, "ann"))
        assert owner is not None
        stand_in.run(
            stand_in.workgate.services.application_keys.generate(
                environments[0], machine.application.client_id, by=Acting(owner.user, None)
            )
        )
        offers = offers_of_widetools(stand_in, environments[0], f"{app_url}/callback", LOGO)
        config = Config(
            client_id=registered.application.client_id,
            client_secret=str(registered.client_secret),
            workgate_url=stand_in.url,
            redirect_uri=f"{app_url}/callback",
            port=listener.getsockname()[1],
        )
        with served(listener, create_app(config)):
            yield Site(stand_in, app_url, registered, bare, machine, globex, corporate, offers, mail)
