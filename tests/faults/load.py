"""Load with a memory: threads that authorize, redeem, refresh, check and revoke, and write all of it into a history."""

import random
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
from tests.browser import AUTHORIZE, PASSWORD, PROJECTS, REDIRECT_URI, REVOKE, TOKEN, Browser, at_once, form_fields
from tests.faults.history import History, Kind, Operation, Outcome, Pair, chains_of
from tests.faults.site import Installation

API = "/attask/api/v14.0"
_LOST = {502, 503, 504}
_NO_CERTIFICATES = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # nothing here speaks TLS, and reading all certificates takes longer than a test
_TRIES = 40


class Client:
    """The application's side of everything, over one or several entrances; each call goes to a random one.

    Args:
        installation: whose application it is.
        urls: the entrances.
        history: where it writes.
        chance: chooses the entrance.
        timeout: seconds after which an answer counts as lost.
    """

    def __init__(
        self,
        installation: Installation,
        urls: Sequence[str],
        history: History,
        chance: random.Random,
        timeout: float = 10,
    ) -> None:
        self._auth = (installation.client_id, installation.client_secret)
        self._client_id = installation.client_id
        self.history = history
        self._chance = chance
        self._clients = [
            httpx.Client(base_url=url, trust_env=False, verify=_NO_CERTIFICATES, timeout=timeout) for url in urls
        ]
        self._browsers = [Browser(client) for client in self._clients]

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    def authorize(self) -> str | None:
        """Get a code as Ann, signing in where need be; None: it did not work out."""
        operation = self.history.begin(Kind.AUTHORIZE, "", "")
        try:
            answer = self._authorize(self._chance.choice(self._browsers))
        except httpx.TransportError as error:
            self.history.finish(operation, Outcome.UNKNOWN, note=repr(error))
            return None
        code = httpx.URL(answer.headers.get("location", "")).params.get("code")
        if answer.status_code == 302 and code is not None:
            operation.chain = operation.token = code
            self.history.finish(operation, Outcome.ACCEPTED)
            return str(code)
        outcome = Outcome.UNKNOWN if answer.status_code in _LOST else Outcome.WRONG
        self.history.finish(operation, outcome, note=f"{answer.status_code} {answer.text[:200]}")
        return None

    def _authorize(self, browser: Browser) -> httpx.Response:
        asked = {"client_id": self._client_id, "redirect_uri": REDIRECT_URI, "response_type": "code"}
        answer = browser.http.get(AUTHORIZE, params=asked)
        if answer.status_code != 302 or not answer.headers["location"].startswith("/login"):
            return answer
        page = browser.http.get("/login", params={"next": "/"})
        if page.status_code != 200:
            return page
        form = {**form_fields(page.text, "/login"), "username": "ann", "password": PASSWORD}
        answer = browser.http.post("/login", data=form)
        return browser.http.get(AUTHORIZE, params=asked) if answer.status_code == 303 else answer

    def redeem(self, code: str) -> Operation:
        """Exchange a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return self._write(Kind.REDEEM, code, code, lambda http: http.post(TOKEN, data=form, auth=self._auth))

    def refresh(self, chain: str, token: str) -> Operation:
        """Use a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return self._write(Kind.REFRESH, chain, token, lambda http: http.post(TOKEN, data=form, auth=self._auth))

    def revoke(self, chain: str, token: str) -> Operation:
        """Revoke by a refresh token."""
        return self._write(
            Kind.REVOKE, chain, token, lambda http: http.post(REVOKE, data={"token": token}, auth=self._auth)
        )

    def check(self, chain: str, token: str) -> Operation:
        """Use an access token."""
        return self._write(
            Kind.CHECK, chain, token, lambda http: http.get(PROJECTS, headers={"sessionID": token, "Cookie": ""})
        )

    def sign_in(self, username: str = "bob") -> Operation:
        """Sign in at the API."""
        form = {"username": username, "password": PASSWORD}
        return self._write(Kind.SIGN_IN, "", "", lambda http: http.post(f"{API}/login", data=form))

    def sign_out(self, token: str) -> Operation:
        """Sign out at the API."""
        headers = {"sessionID": token, "Cookie": ""}
        return self._write(Kind.SIGN_OUT, token, token, lambda http: http.get(f"{API}/logout", headers=headers))

    def _write(self, kind: Kind, chain: str, token: str, send: Callable[[httpx.Client], httpx.Response]) -> Operation:
        operation = self.history.begin(kind, chain, token)
        try:
            answer = send(self._chance.choice(self._clients))
        except httpx.ConnectError as error:
            self.history.finish(operation, Outcome.NOT_SENT, note=repr(error))
        except httpx.TransportError as error:
            self.history.finish(operation, Outcome.UNKNOWN, note=repr(error))
        else:
            self._judge(operation, answer)
        return operation

    def _judge(self, operation: Operation, answer: httpx.Response) -> None:
        status, pair = answer.status_code, None
        match status:
            case 200:
                outcome = Outcome.ACCEPTED
                pair = _pair_of(operation.kind, answer)
            case 400 | 401 if operation.kind not in {Kind.REVOKE, Kind.SIGN_IN}:
                outcome = Outcome.REFUSED
            case _ if status in _LOST:
                outcome = Outcome.UNKNOWN
            case _:
                outcome = Outcome.WRONG
        if operation.kind is Kind.SIGN_IN and pair is not None:
            operation.chain = pair[0]
        self.history.finish(operation, outcome, pair=pair, note=f"{status} {answer.text[:200]}")


def _pair_of(kind: Kind, answer: httpx.Response) -> Pair | None:
    if kind in {Kind.REDEEM, Kind.REFRESH}:
        body = answer.json()
        return body["access_token"], body["refresh_token"]
    return (answer.json()["data"]["sessionID"], "") if kind is Kind.SIGN_IN else None


@dataclass
class Load:
    """Threads that live authorizations until they are told to stop.

    Args:
        installation, urls, history: see ``Client``.
        chance: what each thread does follows from it.
        timeout: seconds after which an answer counts as lost.
        threads: how many there are.
        pause: seconds between two operations of a thread, so that what else happens has some of the machine.
    """

    installation: Installation
    urls: Sequence[str]
    history: History
    chance: random.Random
    timeout: float = 10
    threads: int = 4
    pause: float = 0.005
    _stopping: threading.Event = field(default_factory=threading.Event)
    _broken: list[BaseException] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Run it; at the end all that was asked has been answered or given up."""
        threads = [
            threading.Thread(target=self._work, args=(random.Random(self.chance.random()),))  # noqa: S311 - no secret
            for _ in range(self.threads)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
        assert not self._broken, self._broken

    def _work(self, chance: random.Random) -> None:
        client = Client(self.installation, self.urls, self.history, chance, self.timeout)
        try:
            while not self._stopping.wait(self.pause):
                if chance.random() < 0.05:
                    self._visit(client)
                    continue
                code = client.authorize()
                if code is None:
                    self._stopping.wait(0.02)
                else:
                    self._live(client, code, chance)
        except BaseException as error:
            self._broken.append(error)
        finally:
            client.close()

    def _visit(self, client: Client) -> None:
        """A session of the API, from sign-in to sign-out."""
        signed_in = client.sign_in()
        if signed_in.pair is not None:
            token = signed_in.pair[0]
            client.check(token, token)
            client.sign_out(token)
            client.check(token, token)

    def _live(self, client: Client, code: str, chance: random.Random) -> None:
        """One authorization's life."""
        if chance.random() < 0.15:
            at_once([lambda: client.redeem(code)] * 2)
            return
        redeemed = self._insist(lambda: client.redeem(code), chance.choice([1, 1, _TRIES]))
        pair = redeemed.pair
        for _ in range(chance.randrange(6)):
            if pair is None or self._stopping.wait(self.pause):
                return
            pair = self._step(client, code, pair, chance)
        if pair is not None and chance.random() < 0.3:
            self._insist(lambda: client.revoke(code, pair[1]), chance.choice([1, _TRIES]))
            client.check(code, pair[0])

    def _step(self, client: Client, code: str, pair: Pair, chance: random.Random) -> Pair | None:
        """One thing that a client does; the newest pair, or None where the chain is over or in doubt."""
        way = chance.random()
        if way < 0.3:
            client.check(code, pair[0])
            return pair
        if way < 0.8:
            return self._insist(lambda: client.refresh(code, pair[1])).pair
        if way < 0.9:
            first, second = at_once([lambda: client.refresh(code, pair[1])] * 2)
            return first.pair or second.pair
        at_once([lambda: client.refresh(code, pair[1]), lambda: client.revoke(code, pair[1])])
        client.check(code, pair[0])
        return None

    def _insist(self, ask: Callable[[], Operation], tries: int = _TRIES) -> Operation:
        """Ask again while the answer is lost, as a client should."""
        operation = ask()
        for _ in range(tries - 1):
            if operation.outcome not in {Outcome.UNKNOWN, Outcome.NOT_SENT} or self._stopping.wait(0.05):
                break
            operation = ask()
        return operation


def audit(client: Client, history: History, newest: int = 60) -> None:
    """Ask about every chain once more: its sessions, its last refresh token, and at last its code."""
    since = len(history.operations)
    for chain in chains_of(history.operations)[-newest:]:
        issued = chain.accepted(Kind.REDEEM, Kind.REFRESH, Kind.SIGN_IN)
        for operation in issued[-2:]:
            assert operation.pair is not None
            client.check(chain.name, operation.pair[0])
        if issued and issued[-1].kind is not Kind.SIGN_IN:
            assert issued[-1].pair is not None
            client.refresh(chain.name, issued[-1].pair[1])
        if chain.accepted(Kind.AUTHORIZE):
            client.redeem(chain.name)
            for operation in issued[-1:]:
                assert operation.pair is not None
                client.check(chain.name, operation.pair[0])
    unanswered = [str(op) for op in history.operations[since:] if op.outcome in {Outcome.UNKNOWN, Outcome.NOT_SENT}]
    assert not unanswered, unanswered


@contextmanager
def a_client(
    installation: Installation, urls: Sequence[str], history: History, chance: random.Random, timeout: float = 10
) -> Iterator[Client]:
    """A client, closed afterwards."""
    with ExitStack() as stack:
        made = Client(installation, urls, history, chance, timeout)
        stack.callback(made.close)
        yield made


def audited(installation: Installation, urls: Sequence[str], history: History, chance: random.Random) -> None:
    """Ask about everything, then explain the history."""
    with a_client(installation, urls, history, chance) as client:
        audit(client, history)
    history.explain()


@contextmanager
def a_crowd(installation: Installation, urls: Sequence[str], history: History, number: int) -> Iterator[list[Client]]:
    """Clients of one application, each with connections of its own."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(a_client(installation, urls, history, random.Random(n), timeout=30))  # noqa: S311
            for n in range(number)
        ]


def a_pair(client: Client) -> tuple[str, Pair]:
    """A code, and what it was redeemed for."""
    code = client.authorize()
    assert code is not None
    pair = client.redeem(code).pair
    assert pair is not None
    return code, pair
