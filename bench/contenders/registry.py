"""All contenders, in the order of the tables."""

from bench.contenders import Contender
from bench.contenders.glewlwyd import Glewlwyd
from bench.contenders.hydra import Hydra
from bench.contenders.keycloak import Keycloak
from bench.contenders.oidc_provider import OidcProvider
from bench.contenders.python_peers import authlib_flask, django_oauth_toolkit
from bench.contenders.workgate import Workgate

CONTENDERS: tuple[Contender, ...] = (
    Workgate(postgres=False),
    Workgate(postgres=True),
    OidcProvider("memory"),
    OidcProvider("sqlite"),
    OidcProvider("postgres"),
    authlib_flask(),
    django_oauth_toolkit(),
    Glewlwyd(postgres=False),
    Glewlwyd(postgres=True),
    Hydra(),
    Keycloak(),
)
