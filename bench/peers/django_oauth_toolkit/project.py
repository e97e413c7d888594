"""A Django project with django-oauth-toolkit and nothing else: settings, addresses and the program, in one file.

``python project.py setup`` migrates and makes a user, an application and a browser's session; ``python project.py fill
CODES LIVE`` writes codes and live tokens through the toolkit's own models. Both print JSON. Gunicorn serves
``application``.
"""

import datetime
import json
import os
import secrets
import sys
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import include, path

_ADDRESS = urlsplit(os.environ["BENCH_DATABASE"])
_SECRET = "a-secret-of-some-length-for-the-benchmark"

settings.configure(
    SECRET_KEY="a key for the benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _ADDRESS.path[1:],
            "USER": _ADDRESS.username,
            "HOST": _ADDRESS.hostname,
            "PORT": _ADDRESS.port,
            "CONN_MAX_AGE": None,
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    LOGIN_URL="/login",
    OAUTH2_PROVIDER={
        "SCOPES": {"api": "Use the API", "introspection": "Look at tokens"},
        "PKCE_REQUIRED": False,
        "ROTATE_REFRESH_TOKEN": True,
    },
    LOGGING_CONFIG=None,
)
django.setup()

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
application = WSGIHandler()


def _setup() -> dict[str, str]:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command
    from oauth2_provider.models import get_application_model

    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create_user("ann")
    get_application_model().objects.create(
        name="App",
        client_id="app",
        client_secret=_SECRET,
        hash_client_secret=False,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris="https://client.example/callback",
        user=user,
    )
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return {"sessionid": str(session.session_key)}


def _fill(codes: int, live: int) -> dict[str, list[str]]:
    from django.contrib.auth import get_user_model
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Grant, RefreshToken, get_application_model

    common = {
        "user": get_user_model().objects.get(username="ann"),
        "application": get_application_model().objects.get(client_id="app"),
    }
    later = timezone.now() + datetime.timedelta(hours=10)
    uri = "https://client.example/callback"
    grants = Grant.objects.bulk_create(
        [
            Grant(code=secrets.token_urlsafe(22), expires=later, redirect_uri=uri, scope="api", **common)
            for _ in range(codes)
        ],
        batch_size=1000,
    )
    tokens = AccessToken.objects.bulk_create(
        [AccessToken(token=secrets.token_urlsafe(22), expires=later, scope="api", **common) for _ in range(2 * live)],
        batch_size=1000,
    )
    refresh = RefreshToken.objects.bulk_create(
        [RefreshToken(token=secrets.token_urlsafe(22), access_token=token, **common) for token in tokens[:live]],
        batch_size=1000,
    )
    return {
        "codes": [grant.code for grant in grants],
        "refresh_tokens": [token.token for token in refresh],
        "access_tokens": [token.token for token in tokens[live:]],
    }


if __name__ == "__main__":
    made = _setup() if sys.argv[1] == "setup" else _fill(int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(made))
