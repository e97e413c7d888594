"""The server is killed in the middle of its work: what it had acknowledged is true afterwards (DESIGN §4).

Threads redeem codes, refresh and revoke, and write down what was asked and what was answered. The server is killed at
some moment, started again on the same database, and asked about every line of that history.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import httpx
import pytest
from tests.browser import AUTHORIZE, PROJECTS, REDIRECT_URI, REVOKE, TOKEN, Browser, at_once, authorize_params
from tests.processes import ServerProcess, forked, installed

from workgate.domain.oauth import ConsentPolicy
from workgate.service.applications import Registered

WORKERS = 4
ROUNDS = 3
SETTINGS = {"client_failures": "1000000", "applications_per_environment": "10"}


class Asked(Enum):
    """What was asked last and not answered when the server went."""

    NOTHING = "nothing"
    REDEEM = "redeem"
    REFRESH = "refresh"
    REVOKE = "revoke"


@dataclass
class Chain:
    """The history of one authorization. ``pair`` is the last one that was acknowledged."""

    code: str
    redeemed: int = 0
    raced: bool = False
    pair: dict[str, str] | None = None
    revoked: bool = False
    waiting: Asked = Asked.NOTHING


@dataclass
class Client:
    """The application's side."""

    registered: Registered
    http: httpx.Client

    def post(self, path: str, **params: str) -> httpx.Response:
        """Ask the token or the revocation endpoint."""
        assert self.registered.client_secret is not None
        auth = (self.registered.application.client_id, self.registered.client_secret)
        answer = self.http.post(path, data=params, auth=auth)
        assert answer.status_code in {200, 400}, answer.text
        return answer

    def redeem(self, code: str) -> httpx.Response:
        """Exchange a code."""
        return self.post(TOKEN, grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI)

    def refresh(self, pair: dict[str, str]) -> httpx.Response:
        """Use a refresh token."""
        return self.post(TOKEN, grant_type="refresh_token", refresh_token=pair["refresh_token"])

    def works(self, pair: dict[str, str]) -> bool:
        """Use an access token."""
        answer = self.http.get(PROJECTS, headers={"sessionID": pair["access_token"]})
        assert answer.status_code in {200, 401}
        return answer.status_code == 200


@dataclass
class History:
    """What all threads wrote down."""

    chains: list[Chain] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    acknowledged: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def count(self) -> None:
        """An answer came."""
        with self.changed:
            self.acknowledged += 1
            self.changed.notify_all()

    def wait_for(self, answers: int) -> None:
        """Wait until so many answers came."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.acknowledged >= answers or self.failures, timeout=60)
        assert not self.failures, self.failures


@contextmanager
def a_client(server: ServerProcess, registered: Registered) -> Iterator[Client]:
    with server.client() as http:
        yield Client(registered, http)


def a_code(browser: Browser, registered: Registered) -> str:
    """A code, from an application that the administrator trusts: no consent page is between."""
    answer = browser.http.get(AUTHORIZE, params=authorize_params(registered))
    assert answer.status_code == 302, answer.text
    return str(httpx.URL(answer.headers["location"]).params["code"])


def work(server: ServerProcess, registered: Registered, history: History, chance: random.Random) -> None:
    """Redeem, refresh and revoke until the server is gone."""
    try:
        with a_client(server, registered) as client, server.client() as http:
            browser = Browser(http)
            assert browser.sign_in().status_code == 303
            while True:
                chain = Chain(a_code(browser, registered), raced=chance.random() < 0.2)
                history.chains.append(chain)
                if chain.raced:
                    race(client, chain, history)
                else:
                    live(client, chain, history, chance)
    except httpx.TransportError:
        pass  # this is the end that is wanted
    except BaseException as error:
        history.failures.append(error)
        history.count()


def race(client: Client, chain: Chain, history: History) -> None:
    """Two redeem the same code."""

    def redeem() -> None:
        won = client.redeem(chain.code).status_code == 200
        with history.changed:
            chain.redeemed += won
        history.count()

    at_once([redeem, redeem])


def live(client: Client, chain: Chain, history: History, chance: random.Random) -> None:
    """One authorization's life."""
    chain.waiting = Asked.REDEEM
    answer = client.redeem(chain.code)
    assert answer.status_code == 200, answer.text
    chain.pair, chain.redeemed, chain.waiting = answer.json(), 1, Asked.NOTHING
    history.count()
    for _ in range(chance.randrange(6)):
        chain.waiting = Asked.REFRESH
        answer = client.refresh(chain.pair)
        assert answer.status_code == 200, answer.text
        chain.pair, chain.waiting = answer.json(), Asked.NOTHING
        history.count()
    if chance.random() < 0.3:
        chain.waiting = Asked.REVOKE
        assert client.post(REVOKE, token=chain.pair["refresh_token"]).status_code == 200
        chain.revoked, chain.waiting = True, Asked.NOTHING
        history.count()


def check(client: Client, chain: Chain) -> None:
    """Ask about one line of the history."""
    if chain.pair is not None and chain.revoked:
        assert client.refresh(chain.pair).status_code == 400, "an acknowledged revocation was undone"
        assert not client.works(chain.pair), "an acknowledged revocation was undone"
    elif chain.pair is not None and chain.waiting is not Asked.REVOKE:
        assert client.works(chain.pair), f"an acknowledged session was lost, waiting for {chain.waiting}"
        answer = client.refresh(chain.pair)
        assert answer.status_code == 200, f"an acknowledged refresh token was lost, waiting for {chain.waiting}"
        assert client.works(answer.json())
    # At last, because a second use ends everything.
    for _ in range(2):
        chain.redeemed += client.redeem(chain.code).status_code == 200
    assert chain.redeemed <= 1, "a code was good twice"
    if chain.pair is not None:
        assert not client.works(chain.pair)


def run_until_killed(server: ServerProcess, registered: Registered, chance: random.Random) -> History:
    history = History()
    threads = [
        threading.Thread(target=work, args=(server, registered, history, random.Random(chance.random())))  # noqa: S311
        for _ in range(WORKERS)
    ]
    for thread in threads:
        thread.start()
    history.wait_for(chance.randrange(150, 400))
    server.kill()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert not history.failures, history.failures
    return history


@pytest.mark.faults
def test_killed_at_some_moment(tmp_path: Path) -> None:
    registered = installed(tmp_path, consent=ConsentPolicy.NEVER)["web"]
    chance = random.Random(20_261_124)  # noqa: S311 - chooses what is done in which order, nothing secret
    kinds: set[object] = set()
    for _ in range(ROUNDS):
        with ServerProcess(tmp_path, **SETTINGS) as server:
            history = run_until_killed(server, registered, chance)
        with ServerProcess(tmp_path, **SETTINGS) as server, a_client(server, registered) as client:
            for chain in history.chains:
                check(client, chain)
        kinds |= {chain.waiting for chain in history.chains}
        kinds |= {"revoked" for chain in history.chains if chain.revoked}
        kinds |= {"raced" for chain in history.chains if chain.raced and chain.redeemed == 1}
    # The test tested something: the server went while requests were under way.
    assert kinds >= {Asked.NOTHING, "revoked", "raced"}
    assert kinds & {Asked.REDEEM, Asked.REFRESH, Asked.REVOKE}


@pytest.mark.faults
def test_killed_after_a_command_beside_it(tmp_path: Path) -> None:
    """A command that opens and closes the database meanwhile takes nothing of the server's journal along."""
    registered = installed(tmp_path, consent=ConsentPolicy.NEVER)["web"]
    with ServerProcess(tmp_path, **SETTINGS) as server:
        with a_client(server, registered) as client, server.client() as http:
            browser = Browser(http)
            browser.sign_in()
            assert forked("app", "list", "--org", "acme", "--json", folder=tmp_path).json
            pairs = [dict(client.redeem(a_code(browser, registered)).json()) for _ in range(3)]
            assert all(client.works(pair) for pair in pairs)
        server.kill()
    with ServerProcess(tmp_path, **SETTINGS) as server, a_client(server, registered) as client:
        for pair in pairs:
            assert client.works(pair)
            assert client.refresh(pair).status_code == 200
