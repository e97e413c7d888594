"""Authlib's authorization server on Flask and SQLAlchemy, as its documentation sets it up.

``python app.py setup`` makes the tables, a client and a user; ``python app.py fill CODES LIVE`` writes codes and live
tokens through the same models. Both print JSON. Gunicorn serves ``application``.
"""

import json
import os
import secrets
import sys
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, Response, redirect, render_template_string, request, session
from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session, sessionmaker

_PAGE = """<!doctype html><html lang="en"><title>Allow access?</title><body>
<h1>Allow {{ name }} to use your account?</h1>
<form method="post" action="{{ action }}"><input type="hidden" name="csrf" value="{{ csrf }}">
<button name="confirm" value="yes">Allow</button></form></body></html>"""
_URI = "https://client.example/callback"

engine = create_engine(os.environ["BENCH_DATABASE"].replace("postgresql://", "postgresql+psycopg://"), pool_size=8)
db = scoped_session(sessionmaker(engine))


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]

    def get_user_id(self) -> int:
        return self.id


class Client(Base, OAuth2ClientMixin):
    __tablename__ = "clients"
    id: Mapped[int] = mapped_column(primary_key=True)


class Code(Base, OAuth2AuthorizationCodeMixin):
    __tablename__ = "codes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


class Token(Base, OAuth2TokenMixin):
    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))

    def get_user(self) -> User | None:
        return db.get(User, self.user_id)


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]  # noqa: RUF012 - as Authlib reads it

    def save_authorization_code(self, code, request):  # noqa: ANN001, ANN201 - Authlib's signature
        db.add(
            Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.payload.scope or "",
                user_id=request.user.id,
            )
        )
        db.commit()

    def query_authorization_code(self, code, client):  # noqa: ANN001, ANN201
        found = db.query(Code).filter_by(code=code, client_id=client.client_id).first()
        return found if found is not None and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code):  # noqa: ANN001, ANN201
        db.delete(authorization_code)
        db.commit()

    def authenticate_user(self, authorization_code):  # noqa: ANN001, ANN201
        return db.get(User, authorization_code.user_id)


class RefreshGrant(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]  # noqa: RUF012

    def authenticate_refresh_token(self, refresh_token):  # noqa: ANN001, ANN201
        found = db.query(Token).filter_by(refresh_token=refresh_token).first()
        return found if found is not None and not found.is_revoked() else None

    def authenticate_user(self, refresh_token):  # noqa: ANN001, ANN201
        return db.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):  # noqa: ANN001, ANN201
        refresh_token.access_token_revoked_at = refresh_token.refresh_token_revoked_at = int(time.time())
        db.add(refresh_token)
        db.commit()


class Introspection(IntrospectionEndpoint):
    def query_token(self, token_string, token_type_hint):  # noqa: ANN001, ANN201
        return db.query(Token).filter_by(access_token=token_string).first()

    def check_permission(self, token, client, request):  # noqa: ANN001, ANN201
        return token.client_id == client.client_id

    def introspect_token(self, token):  # noqa: ANN001, ANN201
        return {
            "active": not token.is_revoked() and not token.is_expired(),
            "client_id": token.client_id,
            "scope": token.get_scope(),
            "sub": str(token.user_id),
            "exp": token.issued_at + token.expires_in,
        }


application = Flask(__name__)
application.secret_key = "a key for the benchmark"
application.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
server = AuthorizationServer(
    application,
    query_client=create_query_client_func(db, Client),
    save_token=create_save_token_func(db, Token),
)
server.register_grant(CodeGrant, [CodeChallenge(required=False)])
server.register_grant(RefreshGrant)
server.register_endpoint(Introspection)


@application.teardown_appcontext
def _done(error: BaseException | None) -> None:
    del error
    db.remove()


@application.get("/alive")
def alive() -> str:
    return "alive"


@application.route("/authorize", methods=["GET", "POST"])
def authorize() -> Response | str:
    user = db.get(User, session["user"])
    grant = server.get_consent_grant(end_user=user)
    if request.method == "GET":
        session["csrf"] = secrets.token_urlsafe(16)
        return render_template_string(
            _PAGE, name=grant.client.client_name, csrf=session["csrf"], action=request.full_path
        )
    if not secrets.compare_digest(session.pop("csrf", ""), request.form.get("csrf", "-")):
        return redirect("/alive")
    return server.create_authorization_response(grant=grant, grant_user=user)


@application.post("/token")
def token() -> Response:
    return server.create_token_response()


@application.post("/introspect")
def introspect() -> Response:
    return server.create_endpoint_response("introspection")


def _setup() -> dict[str, str]:
    Base.metadata.create_all(engine)
    user = User(username="ann")
    client = Client(client_id="app", client_secret="a-secret-of-some-length-for-the-benchmark", client_id_issued_at=0)
    client.set_client_metadata(
        {
            "client_name": "App",
            "redirect_uris": [_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": "api",
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    db.add_all([user, client])
    db.commit()
    with application.test_request_context() as context:
        cookie = application.session_interface.get_signing_serializer(application).dumps({"user": user.id})
        del context
    return {"session": cookie}


def _fill(codes: int, live: int) -> dict[str, list[str]]:
    now = int(time.time())
    common = {"client_id": "app", "scope": "api", "user_id": 1}
    # A code's lifetime is counted from auth_time and fixed at five minutes: these are dated an hour ahead.
    made = [
        Code(code=secrets.token_urlsafe(36), redirect_uri=_URI, auth_time=now + 3600, **common) for _ in range(codes)
    ]
    tokens = [
        Token(
            access_token=secrets.token_urlsafe(32),
            refresh_token=secrets.token_urlsafe(36),
            token_type="Bearer",
            issued_at=now,
            expires_in=864_000,
            **common,
        )
        for _ in range(2 * live)
    ]
    db.add_all([*made, *tokens])
    db.flush()
    found = {
        "codes": [code.code for code in made],
        "refresh_tokens": [token.refresh_token for token in tokens[:live]],
        "access_tokens": [token.access_token for token in tokens[live:]],
    }
    db.commit()
    return found


if __name__ == "__main__":
    print(json.dumps(_setup() if sys.argv[1] == "setup" else _fill(int(sys.argv[2]), int(sys.argv[3]))))
