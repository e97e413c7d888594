"""XML signatures and XML encryption by the program xmlsec1: one short process for each, a few at once, off the loop.

Nothing it works on has a name on the disk: documents go through its standard streams, keys lie in memory. This module
says what was signed by which key; whether a document may look as it does was decided before.
"""

import asyncio
import base64
import binascii
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from workgate.domain.sso import NotVouched

_T = TypeVar("_T")
_ENCRYPTED_KEY = "http://www.w3.org/2001/04/xmlenc#:EncryptedKey"
_BEGIN, _END = b"== PreDigest data - start buffer:\n", b"\n== PreDigest data - end buffer\n"
# What may be read of a document's own KeyInfo: certificates and keys in it prove nothing, so nothing that names one.
_NO_KEYS_OF_ITS_OWN = ("--enabled-key-data", "raw-x509-cert")


class XmlSecFailed(NotVouched):
    """A signature does not verify, or something cannot be signed or decrypted. The message is for the audit log."""


class KeyUnknown(XmlSecFailed):
    """A signature was made by none of the keys that count, or what it covers was changed: there is no telling which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An element with the signature that it contains.

    ``name`` is ``namespace:local name``, ``digest`` what the signature says its digest is, by the method ``hash_name``.
    """

    name: str
    element_id: str
    hash_name: str
    digest: str


class XmlSec:
    """Runs xmlsec1.

    Args:
        at_once: how many processes run; more wait for their turn.
        seconds: after which a process is ended.
        program: its name or path.
    """

    def __init__(self, *, at_once: int = 2, seconds: float = 10.0, program: str = "xmlsec1") -> None:
        self._pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="workgate-xmlsec")
        self._seconds = seconds
        self._program = program

    async def signed_bytes(self, document: bytes, element: Signed, public_keys: Sequence[str]) -> bytes:
        """Give the canonical bytes that an element's signature covers, if one of the keys made it.

        Whoever goes by these bytes alone goes by what was signed, whatever else the document holds.

        Args:
            document: the whole document.
            element: the element, a parent of its signature.
            public_keys: as PEM; no others count.

        Raises:
            KeyUnknown: none of the keys made it.
            XmlSecFailed: it could not be looked at.
        """
        options = ["--verify", "--print-debug", "--store-references", "--ignore-manifests", *_NO_KEYS_OF_ITS_OWN]
        options += ["--enabled-reference-uris", "same-doc", "--id-attr:ID", element.name]
        options += ["--node-id", element.element_id]
        for key in public_keys:
            ran = await self._run(options, document, "--pubkey-pem", key)
            if ran.returncode == 0:
                return _covered(ran.stdout, element)
        raise KeyUnknown("the signature was made by none of the provider's keys, or what it covers was changed")

    async def sign(self, document: bytes, *, name: str, element_id: str, private_key: str) -> bytes:
        """Fill in the signature template within an element.

        Raises:
            XmlSecFailed: it could not be signed.
        """
        options = ["--sign", "--id-attr:ID", name, "--node-id", element_id]
        ran = await self._run(options, document, "--privkey-pem", private_key)
        if ran.returncode != 0:
            raise XmlSecFailed("the request could not be signed")
        return ran.stdout

    async def decrypt(self, document: bytes, private_key: str) -> bytes:
        """Give a document with its one encrypted element in clear.

        Raises:
            XmlSecFailed: it was not encrypted for this key.
        """
        # Which key the document has it encrypted for does not matter: everybody has our public key.
        options = ["--decrypt", "--enabled-cipher-reference-uris", "empty", "--id-attr:Id", _ENCRYPTED_KEY]
        ran = await self._run(options, document, "--privkey-pem", private_key)
        if ran.returncode != 0:
            raise XmlSecFailed("the assertion is encrypted, and not for our key")
        return ran.stdout

    async def aside(self, work: Callable[[], _T]) -> _T:
        """Do other work on documents in the same few threads: reading a large one would hold the event loop up."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    @property
    def is_installed(self) -> bool:
        """Whether the program is there."""
        return shutil.which(self._program) is not None

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @functools.cached_property
    def _command(self) -> list[str]:
        path = shutil.which(self._program)
        if path is None:
            raise XmlSecFailed("the program xmlsec1 is not installed (on Debian: apt-get install xmlsec1)")
        said = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=self._seconds)  # noqa: S603 - a program of the system, with a constant argument
        words = said.stdout.split()
        # From 1.3 on a key counts only if the document names it, unless one says otherwise.
        is_strict = len(words) > 1 and not words[1].startswith(b"1.2.")
        return [path, *(["--lax-key-search"] if is_strict else [])]

    async def _run(
        self, options: Sequence[str], document: bytes, key_option: str, key: str
    ) -> "subprocess.CompletedProcess[bytes]":
        return await self.aside(functools.partial(self._run_here, options, document, key_option, key))

    def _run_here(
        self, options: Sequence[str], document: bytes, key_option: str, key: str
    ) -> "subprocess.CompletedProcess[bytes]":
        program, *always = self._command
        with _readable(key) as file:
            # Every option is a constant of this module, or an ID that was checked to be a name.
            command = [program, options[0], *always, *options[1:], key_option, f"/dev/fd/{file}", "/dev/stdin"]
            try:
                return subprocess.run(  # noqa: S603 - see above
                    command,
                    input=document,
                    capture_output=True,
                    pass_fds=(file,),
                    env={"LC_ALL": "C"},
                    timeout=self._seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise XmlSecFailed(f"xmlsec1 took longer than {self._seconds:g} s") from None


@contextmanager
def _readable(text: str) -> Iterator[int]:
    """A file without a name that holds a text: in memory, or deleted already where there is no such thing."""
    in_memory = sys.platform == "linux"
    with os.fdopen(os.memfd_create("key"), "r+b") if in_memory else tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file.fileno()


def _covered(printed: bytes, element: Signed) -> bytes:
    """Cut what was digested out of what xmlsec1 printed; its digest tells that it was cut right."""
    begin, end = printed.find(_BEGIN), printed.rfind(_END)
    covered = printed[begin + len(_BEGIN) : end]
    try:
        digest = base64.b64decode(element.digest)
    except binascii.Error:
        digest = b""
    if not 0 <= begin < end or hashlib.new(element.hash_name, covered).digest() != digest:
        raise XmlSecFailed("what the signature covers is not what its digest says")
    return covered
