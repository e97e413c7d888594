"""The kit's faults do what the tests of the server take for granted: cut, swallow, fill, and move the time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database.clock import MovedClock, library
from tests.database.cluster import Cluster, a_folder
from tests.database.daemon import eventually
from tests.database.disk import a_small_disk
from tests.database.fixtures import MakeCluster
from tests.database.network import a_network
from tests.database.test_kit import asked
from tests.database.wire import a_wire

pytestmark = pytest.mark.faults
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount disks and cut networks")
ADD = "UPDATE counter SET n = n + 1 RETURNING n"


def a_counter(cluster: Cluster) -> str:
    """A database with a number in it."""
    name = cluster.database()
    asked(cluster.url(name), "CREATE TABLE counter AS SELECT 0 AS n")
    return name


@needs_root
def test_a_network_is_cut_and_mended(a_cluster: MakeCluster) -> None:
    with a_network() as network:
        cluster = a_cluster(network=network)
        name = a_counter(cluster)
        url = f"{cluster.url(name)}?connect_timeout=2"
        network.cut()
        with pytest.raises(AssertionError, match=r"timeout expired|No route to host"):
            asked(url, ADD)
        network.mend()
        # The kernel may hold for a moment that the neighbour, whom it asked for in vain, is not there.
        eventually(lambda: _can_be_reached(url), "the way is known again")
        assert asked(url, ADD) == "1"
        network.lose_answers()
        with pytest.raises(AssertionError, match="timeout expired"):
            asked(url, ADD)
        network.find_answers()
        assert asked(url, ADD) == "2"


def _can_be_reached(url: str) -> bool:
    try:
        return asked(url, "SELECT 1") == "1"
    except AssertionError:
        return False


def test_a_wire_swallows_the_answer_of_one_statement(postgres: Cluster) -> None:
    name = a_counter(postgres)
    with a_wire(postgres.port) as wire:
        url = f"postgresql://workgate@127.0.0.1:{wire.port}/{name}"
        wire.swallow("UPDATE counter")
        assert asked(url, "SELECT n FROM counter") == "0"
        with pytest.raises(AssertionError, match="server closed the connection"):
            asked(url, ADD)
        assert wire.has_swallowed(1)
        assert asked(url, "SELECT n FROM counter") == "1"  # it happened
        assert asked(url, ADD) == "2"


@needs_root
def test_a_disk_is_full_until_it_is_freed(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "disk", megabytes=1) as disk:
        kept = disk.folder / "kept"
        kept.write_text("here")
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            kept.with_name("more").write_bytes(b"x" * 8192)
        disk.free()
        kept.with_name("more").write_bytes(b"x" * 8192)
        assert kept.read_text() == "here"


def test_a_process_believes_a_moved_clock() -> None:
    if library() is None:
        pytest.skip("libfaketime is not installed: apt-get install faketime")
    with a_folder() as folder:
        clock = MovedClock(folder)
        program = "import time\nwhile input(): print(time.time(), flush=True)"
        with subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, **clock.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            times = []
            for off in (0, 600, -600):
                clock.move(off)
                process.stdin.write("go\n")
                process.stdin.flush()
                times.append(float(process.stdout.readline()))
            process.stdin.write("\n")
            process.stdin.flush()
    assert [round((later - times[0]) / 60) for later in times] == [0, 10, -10]
