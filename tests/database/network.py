"""A network of two ends: a database's in a namespace of its own, and the tests'. It can be cut without a word."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """Two ends and a cable.

    Args:
        name: of the namespace, and the stem of the two interfaces' names.
        outside: our address.
        inside: the address in the namespace.
    """

    name: str
    outside: str
    inside: str

    def within(self, user: str | None) -> tuple[str, ...]:
        """The command that runs another one inside, as a user."""
        become = () if user is None else ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
        return ("ip", "netns", "exec", self.name, *become)

    def cut(self) -> None:
        """Lose everything in both directions; neither side is told."""
        _ip("-n", self.name, "link", "set", f"{self.name}i", "down")

    def mend(self) -> None:
        """End the cut."""
        _ip("-n", self.name, "link", "set", f"{self.name}i", "up")

    def lose_answers(self) -> None:
        """Lose what comes from inside; what goes there arrives."""
        _ip("-n", self.name, "route", "add", "blackhole", f"{self.outside}/32")

    def find_answers(self) -> None:
        """End that."""
        _ip("-n", self.name, "route", "del", "blackhole", f"{self.outside}/32")


@contextmanager
def a_network() -> Iterator[Network]:
    """Make one; only root may."""
    network = secrets.randbelow(1 << 14) * 4
    prefix = f"10.{200 + (network >> 15)}.{network >> 8 & 127}."
    made = Network(f"wg{secrets.token_hex(4)}", f"{prefix}{(network & 255) + 1}", f"{prefix}{(network & 255) + 2}")
    inner, outer = f"{made.name}i", f"{made.name}o"
    _ip("netns", "add", made.name)
    try:
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", made.name)
        _ip("addr", "add", f"{made.outside}/30", "dev", outer)
        _ip("link", "set", outer, "up")
        _ip("-n", made.name, "addr", "add", f"{made.inside}/30", "dev", inner)
        _ip("-n", made.name, "link", "set", "lo", "up")
        _ip("-n", made.name, "link", "set", inner, "up")
        yield made
    finally:
        _ip("netns", "del", made.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
