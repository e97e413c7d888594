"""The key file: for its owner's eyes only, whole at every moment, and one however many processes make it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.builders import NOW, Bytes, later

from workgate.crypto.keys import KeyRing, KeyRingError
from workgate.storage.keyfile import KeyFile

# Both wait for a line on standard input before each round, so that all of them begin together.
CREATOR = """
import os, sys
from pathlib import Path
from workgate.storage.keyfile import KeyFile
print("ready", flush=True)
for line in sys.stdin:
    print(KeyFile(Path(line.strip())).load(os.urandom).to_text().encode().hex(), flush=True)
"""
ROTATOR = """
import os, sys
from pathlib import Path
from workgate.storage.keyfile import KeyFile
print("ready", flush=True)
for line in sys.stdin:
    for _ in range(10):
        KeyFile(Path(line.strip())).update(os.urandom, lambda ring: ring.with_new_key(used_from=0, entropy=os.urandom))
    print("done", flush=True)
"""


@contextmanager
def programs(source: str, count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    command = [sys.executable, "-c", source]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for _ in range(count)
    ]
    try:
        assert [answer(program) for program in running] == ["ready"] * count
        yield running
    finally:
        for program in running:
            program.communicate(timeout=30)


def tell(program: "subprocess.Popen[str]", path: Path) -> None:
    assert program.stdin is not None
    program.stdin.write(f"{path}\n")
    program.stdin.flush()


def answer(program: "subprocess.Popen[str]") -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


def one_more(ring: KeyRing) -> KeyRing:
    return ring.with_new_key(used_from=later(10), entropy=Bytes(b"more"))


def attempts(path: Path) -> tuple[Callable[[], KeyRing], ...]:
    return lambda: KeyFile(path).load(Bytes()), lambda: KeyFile(path).update(Bytes(), one_more)


def test_it_is_made_on_first_use_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "workgate.keys"
    made = KeyFile(path).load(Bytes())
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyFile(path).load(Bytes(b"other")).keys == made.keys
    assert list(tmp_path.iterdir()) == [path]


def test_the_process_mask_cannot_open_it(tmp_path: Path) -> None:
    path = tmp_path / "workgate.keys"
    mask = os.umask(0)
    try:
        KeyFile(path).load(Bytes())
        KeyFile(path).update(Bytes(), one_more)
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o777])
def test_a_file_that_others_may_touch_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "workgate.keys"
    KeyFile(path).load(Bytes())
    path.chmod(mode)
    for attempt in attempts(path):
        with pytest.raises(KeyRingError, match="chmod 600") as refused:
            attempt()
        assert str(path) in str(refused.value)
    path.chmod(0o600)
    KeyFile(path).load(Bytes())


def test_an_update_is_seen_by_those_who_have_it_open(tmp_path: Path) -> None:
    path = tmp_path / "workgate.keys"
    mine, yours = KeyFile(path), KeyFile(path)
    before = mine.load(Bytes())
    assert not mine.changed()
    updated = yours.update(Bytes(b"2"), one_more)
    assert mine.changed()
    assert mine.load(Bytes()).keys == updated.keys != before.keys
    assert not mine.changed()
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    assert not mine.changed()  # whoever holds a ring goes on with it


def test_a_refused_change_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "workgate.keys"
    KeyFile(path).load(Bytes())
    before = path.read_bytes()
    with pytest.raises(KeyRingError):
        KeyFile(path).update(Bytes(), lambda ring: ring.without(1, NOW))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "workgate.keys"
    for left in (f"workgate.keys.{os.getpid()}", "workgate.keys.new"):
        (tmp_path / left).write_text("half a r")
    KeyFile(path).load(Bytes())
    assert len(KeyFile(path).update(Bytes(), one_more).keys) == 2


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'{"keys": [{"id": 1, "key": "\xff"}]}'])
def test_a_file_that_is_no_key_ring_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "workgate.keys"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyRingError):
        KeyFile(path).load(Bytes())
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_an_error_with_the_path(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "workgate.keys"
    for attempt in attempts(path):
        with pytest.raises(KeyRingError, match=r"missing/workgate\.keys"):
            attempt()


def test_processes_that_begin_together_get_the_same_ring(tmp_path: Path) -> None:
    with programs(CREATOR, 2) as running:
        for number in range(50):
            path = tmp_path / f"{number}.keys"
            for program in running:
                tell(program, path)
            assert {answer(program) for program in running} == {path.read_bytes().hex()}
    assert len(list(tmp_path.iterdir())) == 50


def test_processes_take_turns_and_readers_always_find_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "workgate.keys"
    KeyFile(path).load(Bytes())
    with programs(ROTATOR, 2) as running:
        for program in running:
            tell(program, path)
        seen = [len(KeyFile(path).load(Bytes()).keys) for _ in range(500)]
        assert seen == sorted(seen)
        assert [answer(program) for program in running] == ["done", "done"]
    assert [key.key_id for key in KeyFile(path).load(Bytes()).keys] == list(range(1, 22))
