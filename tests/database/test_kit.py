"""The kit itself: what the tests of the server take for granted of their databases and proxies."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.database.certificates import Authority
from tests.database.cluster import OWNER, Cluster, PostgresPrograms, a_folder, programs
from tests.database.daemon import Daemon, answers, eventually, running
from tests.database.fixtures import MakeCluster
from tests.database.proxies import haproxy, pgbouncer

pytestmark = pytest.mark.faults


def asked(url: str, statement: str) -> str:
    """Connect as the server would, ask one thing, and leave."""
    found = programs()
    assert found is not None
    return PostgresPrograms(found).run("psql", "--no-psqlrc", "-qtAc", statement, url).rstrip("\n")


def test_each_test_has_a_database_of_its_own(postgres: Cluster, postgres_url: str) -> None:
    assert asked(postgres_url, "SELECT current_user") == OWNER
    name = postgres_url.rpartition("/")[2]
    asked(postgres_url, "CREATE TABLE here (x int)")
    assert asked(postgres.socket_url(postgres.database(name)), "SELECT count(*) FROM here") == "0"
    assert name != postgres.database()


def test_what_a_killed_database_had_committed_is_there(a_cluster: MakeCluster) -> None:
    cluster = a_cluster()
    url = cluster.url(cluster.database())
    asked(url, "CREATE TABLE kept (x int)")
    asked(url, "INSERT INTO kept VALUES (7)")
    family = list(cluster.running.family())
    assert len(family) > 3
    cluster.kill()
    assert not any(map(running, family))
    cluster.start()
    assert asked(url, "SELECT x FROM kept") == "7"


def test_a_paused_database_answers_when_it_is_resumed(a_cluster: MakeCluster) -> None:
    cluster = a_cluster()
    cluster.running.pause()
    with pytest.raises(AssertionError, match="timeout expired"):
        asked(f"{cluster.url()}?connect_timeout=2", "SELECT 1")
    cluster.running.resume()
    assert asked(cluster.url(), "SELECT 1") == "1"


def test_a_replica_has_what_was_committed_and_takes_over(a_cluster: MakeCluster) -> None:
    primary = a_cluster()
    name = primary.database()
    asked(primary.url(name), "CREATE TABLE kept (x int)")
    with a_folder() as folder:
        replica = primary.replica(folder)
        asked(primary.url(name), "INSERT INTO kept VALUES (7)")
        assert asked(replica.url(name), "SELECT pg_is_in_recovery()") == "t"
        primary.kill()
        replica.promote()
        both = f"postgresql://{OWNER}@127.0.0.1:{primary.port},127.0.0.1:{replica.port}/{name}"
        assert asked(f"{both}?target_session_attrs=read-write", "INSERT INTO kept SELECT x + 1 FROM kept RETURNING x")
        assert asked(replica.url(name), "SELECT count(*) FROM kept") == "2"
        replica.stop()


def test_the_database_speaks_tls(a_cluster: MakeCluster) -> None:
    with a_folder() as folder:
        authority = Authority(folder)
        signed = authority.certificate_for("localhost", "127.0.0.1")
        cluster = a_cluster(
            settings={"ssl": "on", "ssl_cert_file": str(signed.certificate), "ssl_key_file": str(signed.key)}
        )
        url = f"{cluster.url(cluster.database())}?sslmode=verify-full&sslrootcert="
        statement = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert asked(f"{url}{authority.certificate}", statement) == "t"
        with pytest.raises(AssertionError, match="certificate verify failed"):
            asked(f"{url}{Authority(folder, 'another').certificate}", statement)


def test_pgbouncer_shares_few_connections(postgres: Cluster, postgres_url: str) -> None:
    with a_folder() as folder, pgbouncer(postgres, folder, connections=1) as proxy:
        url = f"postgresql://{OWNER}@127.0.0.1:{proxy.port}/{postgres_url.rpartition('/')[2]}"
        pids = {asked(url, "SELECT pg_backend_pid()") for _ in range(3)}
        assert len(pids) == 1


def test_haproxy_asks_those_that_are_ready(tmp_path: Path) -> None:
    command = ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    for name, files in (("ready", ["readyz", "who"]), ("busy", ["who"])):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text(name)
    nodes = [Daemon(command, folder=tmp_path / name) for name in ("ready", "busy")]
    try:
        ports = [int(node.wait_for_line("port ").partition("port ")[2].split()[0]) for node in nodes]
        with a_folder() as folder, haproxy(ports, folder) as proxy, httpx.Client(base_url=proxy.url) as http:
            eventually(lambda: proxy.up() == {"node0"}, "the busy one is left out")
            assert {http.get("/who").text for _ in range(6)} == {"ready"}
            nodes[0].kill()
            eventually(lambda: http.get("/who").status_code == 503, "nobody is left")
    finally:
        for node in nodes:
            node.stop(signal.SIGKILL)
    assert not any(map(answers, ports))
