"""Ways to the database: through PgBouncer in transaction mode, and over TLS to a server that proves who it is."""

import random

import pytest
from tests.database.certificates import Authority
from tests.database.cluster import OWNER, a_folder
from tests.database.proxies import pgbouncer
from tests.faults.conftest import Fleet, StartNode, StartNodes
from tests.faults.history import History, Outcome
from tests.faults.load import Load, audited

pytestmark = pytest.mark.faults


def test_two_nodes_share_two_connections(fleet: Fleet, start_nodes: StartNodes, chance: random.Random) -> None:
    """PgBouncer hands each transaction another connection: nothing of a session may be relied on."""
    history = History()
    with a_folder() as folder, pgbouncer(fleet.cluster, folder, connections=2) as proxy:
        installation = fleet.installation.at(
            f"postgresql://{OWNER}@127.0.0.1:{proxy.port}/{fleet.database}?pooler=transaction"
        )
        nodes = start_nodes(2, installation)
        urls = [node.url for node in nodes]
        with Load(installation, urls, history, chance).running():
            history.wait_for(150)
        audited(installation, urls, history, chance)
        assert history.count(Outcome.UNKNOWN, Outcome.NOT_SENT) == 0
        used = fleet.cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'workgate'")
        assert 1 <= int(used) <= 2
        for node in nodes:
            node.stop()


def test_a_node_knows_its_database_by_its_certificate(
    fleet: Fleet, start_node: StartNode, chance: random.Random
) -> None:
    history = History()
    with a_folder() as folder:
        authority, other = Authority(folder), Authority(folder, "another")
        signed = authority.certificate_for("localhost", "127.0.0.1")
        fleet.cluster.stop()
        fleet.cluster.settings |= {
            "ssl": "on",
            "ssl_cert_file": str(signed.certificate),
            "ssl_key_file": str(signed.key),
        }
        fleet.cluster.start()
        url = f"{fleet.installation.url}?sslmode=verify-full&sslrootcert="
        installation = fleet.installation.at(f"{url}{authority.certificate}")
        node = start_node(installation)
        with Load(installation, [node.url], history, chance).running():
            history.wait_for(50)
        audited(installation, [node.url], history, chance)
        joined = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'workgate'"
        assert fleet.cluster.sql(joined) == "t"
        deceived = fleet.installation.at(f"{url}{other.certificate}")
        assert "certificate" in deceived.run("org", "create", "globex", "--name", "Globex", "--json").complaint
        node.stop()
