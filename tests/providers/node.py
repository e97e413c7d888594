"""npm's oidc-provider as an identity provider, with its own sign-in page."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NODE = Path(__file__).parents[1] / "clients" / "node"
CLIENT_ID, SECRET = "workgate", "a-secret-that-both-of-them-know"
PEOPLE = {
    f"{name.lower()}@corp": {
        "given_name": name,
        "family_name": family_name,
        "preferred_username": name.lower(),
        "email": f"{name.lower()}@corp.example",
    }
    for name, family_name in (("Ann", "Archer"), ("Nora", "Nilsson"))
}


class NodeProvider:
    """One that runs. ``issuer`` is where."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.issuer: str = self._read()["issuer"]

    def set_up(self, redirect_uris: Sequence[str], back_to: Sequence[str] = (), **more: Any) -> None:
        """Tell it its client's addresses; with ``jwks`` the keys that it signs with from now on."""
        client = {
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "redirect_uris": redirect_uris,
            "post_logout_redirect_uris": back_to,
        }
        assert self._process.stdin is not None
        print(json.dumps({"clients": [client], "people": PEOPLE, **more}), file=self._process.stdin, flush=True)
        assert self._read() == {"ready": True}

    def _read(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            pytest.fail(f"the provider ended:\n{self._process.stderr.read()}")
        return dict(json.loads(line))


@contextmanager
def a_node_provider() -> Iterator[NodeProvider]:
    """Run one on this machine."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (NODE / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("the packages of tests/clients/node are not installed: scripts/setup.sh test")
    with subprocess.Popen(
        ["node", "identity-provider.mjs"],
        cwd=NODE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield NodeProvider(process)
        finally:
            process.kill()
