"""What tracebacks and logs show of values that hold secrets: never the secret, in any spelling."""

import base64
from collections.abc import Callable

import pytest
from tests.builders import MATERIAL, NOW, SALT, a_mint, a_session, a_user, an_application, an_authorization

from workgate.attask.call import Call, Carrier
from workgate.crypto.keys import Key, KeyRing
from workgate.crypto.tokens import PresentedToken, TokenKind, TokenValue, read_token
from workgate.domain.accounts import Environment
from workgate.domain.ids import EnvironmentId, Milliseconds, ObjectId, RowId
from workgate.domain.oauth import ApplicationKey, ClientSecret
from workgate.domain.second_factors import FactorKind, Once, SecondFactor
from workgate.domain.signing_in import Account, Step
from workgate.oauth.client_auth import AuthenticatedClient, Credentials, present, secret_digest
from workgate.oauth.tokens import TokenAnswer
from workgate.service.applications import Registered
from workgate.service.authorize import SendBack
from workgate.service.clients import Client, ClientRequest
from workgate.service.descriptions import show_new_secret, show_pair, show_registered
from workgate.service.once import Question
from workgate.service.second_steps import NewAuthenticator, Person
from workgate.service.signing_in import MoreToDo
from workgate.web.factor_forms import Place

SECRET = "correct-Horse_battery.staple-0123456789"
PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"
DIGEST = secret_digest(SECRET)
TOKEN = a_mint().derive(
    TokenKind.REFRESH,
    key_id=1,
    environment_id=EnvironmentId(7),
    row_id=RowId(4711),
    generation=5,
    epoch=1,
    salt=SALT,
)
TEXT = TOKEN.reveal()
CLIENT_SECRET = ClientSecret(RowId(1), DIGEST, "6789", "", NOW, None)
APPLICATION = an_application(secrets=(CLIENT_SECRET,))
KEY = ApplicationKey(
    environment_id=EnvironmentId(7),
    client_id=APPLICATION.client_id,
    key_id=RowId(1),
    user_id=ObjectId("a" * 32),
    note="",
    public_key="",
    fingerprint="",
    bits=2048,
    created_at=NOW,
)
ACME = Environment(EnvironmentId(7), ObjectId("a" * 32), "acme", "my", "Acme", 1800, 36_000)


def presented() -> PresentedToken:
    token = read_token(TokenKind.REFRESH, TEXT)
    assert token is not None
    return token


def credentials() -> Credentials:
    basic = "Basic " + base64.b64encode(f"{APPLICATION.client_id}:{SECRET}".encode()).decode()
    found = present(basic, {})
    assert isinstance(found, Credentials)
    return found


def client_request() -> ClientRequest:
    return ClientRequest(
        environment=ACME,
        params={"client_secret": SECRET, "refresh_token": TEXT},
        authorization="Basic " + base64.b64encode(f"{APPLICATION.client_id}:{SECRET}".encode()).decode(),
        address="192.0.2.1",
    )


def api_call() -> Call:
    return Call(
        version=14,
        segments=("login",),
        method="POST",
        params={"username": ["ann"], "password": [SECRET]},
        session_id=TEXT,
        carrier=Carrier.EXPLICIT,
        cross_site=False,
    )


HOLDERS: dict[str, Callable[[], object]] = {
    "TokenValue": lambda: TOKEN,
    "PresentedToken": presented,
    "TokenAnswer": lambda: TokenAnswer(access_token=TOKEN, refresh_token=TOKEN, expires_in=1, wid=a_user().user_id),
    "Key": lambda: Key(1, Milliseconds(0), MATERIAL),
    "KeyRing": lambda: KeyRing((Key(1, Milliseconds(0), MATERIAL),)),
    "Mint": a_mint,
    "Credentials": credentials,
    "ClientSecret": lambda: CLIENT_SECRET,
    "Application": lambda: APPLICATION,
    "AuthenticatedClient": lambda: AuthenticatedClient(APPLICATION, RowId(1)),
    "Session": a_session,
    "Authorization": an_authorization,
    "Account": lambda: Account(a_user(), PASSWORD_HASH, None, False, None, False),
    "MoreToDo": lambda: MoreToDo(Step.ENROL, TEXT),
    "ClientRequest": client_request,
    "Client": lambda: Client(client_request(), APPLICATION),
    "SecondFactor": lambda: SecondFactor(
        environment_id=EnvironmentId(7),
        user_id=a_user().user_id,
        factor_id=RowId(1),
        kind=FactorKind.TOTP,
        name="",
        sealed_secret=MATERIAL,
        last_step=1,
        created_at=NOW,
    ),
    "NewAuthenticator": lambda: NewAuthenticator("a ticket", SECRET, f"otpauth://totp/Acme:ann?secret={SECRET}"),
    "Question": lambda: Question("a ticket", Once(b"digest", NOW), SALT),
    "Person": lambda: Person(ACME, a_user(), SECRET.encode(), NOW, "192.0.2.1"),
    "Place": lambda: Place(action="/", csrf=SECRET, back_url="/", enrolling=False),
    "Registered": lambda: Registered(APPLICATION, SECRET),
    "SendBack": lambda: SendBack(f"https://client.example/callback?code={TEXT}"),
    "Call": api_call,
    "NewSecret": lambda: show_new_secret(APPLICATION.client_id, CLIENT_SECRET, SECRET),
    "NewlyRegistered": lambda: show_registered(APPLICATION, SECRET, NOW),
    "GeneratedPair": lambda: show_pair(KEY, SECRET),
}


def spellings(secret: bytes) -> list[str]:
    """Parts of a secret as anybody might print it, long enough not to be found by chance."""
    encoded = [base64.b64encode(secret[i:]).decode()[:10] for i in range(3)]
    raw = [repr(secret)[2:14], secret[:8].decode("latin-1"), str(list(secret[:6]))[1:-1]]
    return [secret.hex()[:12], *encoded, *(text.replace("+", "-").replace("/", "_") for text in encoded), *raw]


SECRETS = [SALT, MATERIAL, DIGEST, SECRET.encode(), PASSWORD_HASH.encode()[-16:], TEXT[24:].encode(), presented().mac]


@pytest.mark.parametrize("make", HOLDERS.values(), ids=HOLDERS)
def test_no_secret_is_shown(make: Callable[[], object]) -> None:
    holder = make()
    shown = " ".join([repr(holder), str(holder), f"{holder}", f"{[holder]}"])
    for secret in SECRETS:
        for spelling in spellings(secret):
            assert spelling not in shown


def test_the_search_would_find_them() -> None:
    for secret in SECRETS:
        for told in (repr(secret), secret.hex(), base64.b64encode(secret).decode(), f"{list(secret)}"):
            assert any(spelling in told for spelling in spellings(secret))


def test_what_is_shown_still_helps() -> None:
    assert repr(TOKEN) == "<token wgr_…>"
    assert "4711" in repr(presented())
    assert APPLICATION.client_id in repr(credentials())
    assert "6789" in repr(CLIENT_SECRET)
    assert repr(TokenValue("wgs_x" * 9)).startswith("<token wgs_")
