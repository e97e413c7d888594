"""A command that fails says so in one line on standard error, prints nothing else and exits non-zero (DESIGN §6)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.browser import PASSWORD, REDIRECT_URI
from tests.processes import Ran, forked, installed

ACME = ("--org", "acme")
WEB = ("app", "create", "New", *ACME, "--type", "web")
REDIRECT = ("--redirect-uri", REDIRECT_URI)
NOBODY = "0" * 32

# What is typed, and what the one line must contain. {web} and {spa} are the client_ids that exist.
FAILURES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("nonsense",), "No such command 'nonsense'"),
    (("org", "create"), "Missing argument"),
    (("user", "create", "eve"), "Missing option '--org'"),
    ((*WEB[:-1], "desktop", *REDIRECT), "'web', 'spa', 'machine'"),
    (("org", "create", "acme"), "acme.my exists already"),
    (("org", "create", "Acme Ltd"), "lower-case letters, digits and '-'"),
    (("org", "create", "oauth"), "reserved"),
    (("org", "create", "origin-acme"), "reserved"),
    (("app", "central", "0" * 32, "on", "--org", "acme"), "no application with the client_id"),
    (("app", "install", "0" * 32, "--org", "acme"), "no other organisation offers acme.my an application"),
    (("app", "uninstall", "0" * 32, "--org", "acme"), "has not installed"),
    (("org", "create", "globex", "--lane", "my", "--lane", "my"), "twice"),
    (("org", "create", "globex", "--session-idle", "soon"), "'soon' is not a duration"),
    (("org", "create", "globex", "--session-idle", "10s"), "at least a minute"),
    (("user", "create", "eve", "--org", "nowhere", "--password", PASSWORD), "there is no environment nowhere.my"),
    (("user", "create", "eve", *ACME, "--lane", "sb01", "--password", PASSWORD), "there is no environment acme.sb01"),
    (("user", "create", "ann", *ACME, "--password", PASSWORD), "'ann' exists in acme.my already"),
    (("user", "create", " ANN ", *ACME, "--password", PASSWORD), "exists in acme.my already"),
    (("user", "create", "eve", *ACME, "--password", "short"), "8 to 1024 characters"),
    (("user", "create", "eve", *ACME, "--password-stdin"), "8 to 1024 characters"),
    (("user", "create", "eve", *ACME), "--password-stdin"),
    (("user", "create", "eve", *ACME, "--password", PASSWORD, "--password-stdin"), "not both"),
    (("user", "create", "", *ACME, "--password", PASSWORD), "1 to 254 characters"),
    (("user", "password", "nobody", *ACME, "--password", PASSWORD), "nobody in this environment"),
    (("user", "password", "ann", *ACME, "--password", "password1"), "Do not use a word or a password that many people"),
    (("user", "password", "ann", *ACME, "--password", "", "--any-password"), "1 to 1024 characters"),
    (("user", "disable", "nobody", *ACME), "nobody in this environment"),
    (("user", "withdraw", "ann", *ACME, "--app", NOBODY), "no application with the client_id"),
    (WEB, "at least one redirect URL"),
    ((*WEB, "--redirect-uri", "/relative"), "redirect URL '/relative'"),
    ((*WEB, *REDIRECT, "--refresh-absolute", "0d"), "at least one second"),
    ((*WEB, *REDIRECT, "--code-seconds", "600"), "120 seconds, or 60"),
    ((*WEB, *REDIRECT, "--logo", "missing.png"), "missing.png"),
    (("app", "create", "Robot", *ACME, "--type", "machine", *REDIRECT), "has no redirect URLs"),
    (("app", "show", NOBODY, *ACME), "'workgate app list' names them"),
    (("app", "delete", NOBODY, *ACME), "'workgate app list' names them"),
    (("app", "secret", "add", "{spa}", *ACME), "never has a secret"),
    (("app", "secret", "add", "{web}", *ACME, "--note", "x" * 65), "64 are the most"),
    (("app", "secret", "delete", "{web}", "1", *ACME), "no secret with the id '1'"),
    (("keys", "retire", "7"), "key 7 is not in the key ring"),
    (("audit", "show", "AAAA-AAAA"), "nothing is recorded"),
    (("epoch", "raise", "--database", "mysql://localhost/x"), "use sqlite:///path/of/workgate.db"),
    (("epoch", "raise", "--database", "sqlite:////nowhere/x.db"), "/nowhere/x"),
)


def all_ran(calls: list[Callable[[], Ran]]) -> list[Ran]:
    """Run the commands, as many at once as there are processors on a small machine."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda call: call(), calls))


def test_failures(tmp_path: Path) -> None:
    apps = installed(tmp_path)
    ids = {name: registered.application.client_id for name, registered in apps.items()}
    typed = [[word.format(**ids) if word in {"{web}", "{spa}"} else word for word in args] for args, _ in FAILURES]
    ran = all_ran([partial(forked, *args, "--json", folder=tmp_path) for args in typed])
    for args, outcome, (_, expected) in zip(typed, ran, FAILURES, strict=True):
        complaint = outcome.complaint
        assert complaint.startswith("workgate: "), args
        assert expected in complaint, (args, complaint)
        assert PASSWORD not in complaint


def test_bad_settings(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("unknown", "broken", "notes", "keys")}
    for folder in folders.values():
        folder.mkdir()
    (folders["unknown"] / "workgate.toml").write_text("lock_trys = 3\n")
    (folders["broken"] / "workgate.toml").write_text("lock_tries = \n")
    (folders["notes"] / "workgate.db").write_text("these are notes, not a database\n" * 20)
    calls: dict[str, tuple[Callable[[], Ran], str]] = {
        "unknown": (partial(forked, "epoch", "raise", folder=folders["unknown"]), "lock_trys"),
        "broken": (partial(forked, "epoch", "raise", folder=folders["broken"]), "workgate.toml"),
        "number": (partial(forked, "epoch", "raise", folder=tmp_path, lock_tries="many"), "lock_tries"),
        "range": (partial(forked, "epoch", "raise", folder=tmp_path, lock_tries="0"), "lock_tries"),
        "style": (partial(forked, "epoch", "raise", folder=tmp_path, error_style="xml"), "error_style"),
        "notes": (partial(forked, "epoch", "raise", folder=folders["notes"]), "workgate.db"),
        "keys": (
            partial(forked, "org", "create", "acme", folder=folders["keys"], keys="not a ring"),
            "a key ring is JSON",
        ),
        "no file": (partial(forked, "epoch", "raise", folder=tmp_path, config="nowhere.toml"), "nowhere.toml"),
    }
    ran = all_ran([call for call, _ in calls.values()])
    for (name, (_, expected)), outcome in zip(calls.items(), ran, strict=True):
        assert expected in outcome.complaint, (name, outcome.complaint)


def test_a_ring_in_the_settings_is_changed_there(tmp_path: Path) -> None:
    installed(tmp_path)
    ring = (tmp_path / "workgate.keys").read_text()
    complaint = forked("keys", "rotate", folder=tmp_path, keys=ring).complaint
    assert "WORKGATE_KEYS" in complaint
    assert "key" in ring
    assert (tmp_path / "workgate.keys").read_text() == ring


def test_the_eleventh_application(tmp_path: Path) -> None:
    installed(tmp_path)
    ran = all_ran([partial(forked, *WEB, *REDIRECT, "--json", folder=tmp_path, applications_per_environment="3")] * 3)
    assert sorted(outcome.code for outcome in ran) == [0, 1, 1]
    assert all("acme.my has 3 applications" in outcome.complaint for outcome in ran if outcome.code)


def test_a_mistyped_database_begins_no_second_installation(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    ran = forked("user", "list", "--org", "acme", "--database", f"sqlite:///{elsewhere}", folder=tmp_path)
    assert ran.code == 1
    assert f"there is no database {elsewhere}" in ran.complaint
    assert "workgate org create" in ran.complaint
    assert list(tmp_path.iterdir()) == []
