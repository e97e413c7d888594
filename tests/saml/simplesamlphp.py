"""SimpleSAMLphp, a SAML identity provider of others: Debian's package, unpacked in build/, run by PHP's own server."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.saml.identity_provider import a_key

WWW = Path(__file__).parents[2] / "build" / "simplesamlphp" / "usr" / "share" / "simplesamlphp" / "www"
PASSWORD = "the password at the provider"

_CONFIG = """<?php
$config = [
    'baseurlpath' => '{url}/',
    'certdir' => __DIR__ . '/cert/',
    'loggingdir' => __DIR__ . '/log/',
    'datadir' => __DIR__ . '/data/',
    'tempdir' => __DIR__ . '/tmp/',
    'metadatadir' => __DIR__ . '/metadata/',
    'technicalcontact_email' => 'nobody@idp.example',
    'timezone' => 'UTC',
    'secretsalt' => 'the salt of the tests, which guards nothing',
    'auth.adminpassword' => 'nobody administers this one',
    'logging.handler' => 'errorlog',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => false,
    'session.cookie.samesite' => null,
    'language.cookie.secure' => false,
    'language.cookie.samesite' => null,
    'session.phpsession.savepath' => __DIR__ . '/data',
    'store.type' => 'phpsession',
    'metadata.sources' => array_merge(
        [['type' => 'flatfile']],
        array_map(fn ($file) => ['type' => 'xml', 'file' => $file], glob(__DIR__ . '/services/*.xml'))
    ),
    'production' => true,
];
"""
_PEOPLE = """<?php
$config = ['people' => ['exampleauth:UserPass', 'anna@corp.example:{password}' => [
    'uid' => ['employee-4711'], 'mail' => ['anna@corp.example'], 'givenName' => ['Anna'], 'sn' => ['Archer'],
    'groups' => ['staff', 'projects'],
]]];
"""
_HOSTED = """<?php
$metadata['{url}/idp'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'idp.pem',
    'certificate' => 'idp.crt',
    'auth' => 'people',
    'validate.authnrequest' => true,
    'saml20.sign.assertion' => true,
    'assertion.encryption' => file_exists(__DIR__ . '/../encrypt'),
    'SingleSignOnServiceBinding' => [
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
    ],
    'authproc' => [3 => [
        'class' => 'saml:AttributeNameID', 'attribute' => 'uid',
        'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    ]],
];
"""


@dataclass(frozen=True, slots=True)
class SimpleSamlPhp:
    """A running one. Anna, whose subject is ``employee-4711``, signs in with ``PASSWORD``."""

    url: str
    folder: Path

    @property
    def metadata_url(self) -> str:
        """Where its metadata is."""
        return f"{self.url}/saml2/idp/metadata.php"

    def knows(self, name: str, metadata: bytes) -> None:
        """Give it a service's metadata."""
        (self.folder / "services" / f"{name}.xml").write_bytes(metadata)

    def encrypts(self) -> None:
        """Have it encrypt from now on."""
        (self.folder / "encrypt").touch()


@contextmanager
def a_simplesamlphp(folder: Path) -> Iterator[SimpleSamlPhp]:
    """Run one, in an empty folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    for name in ("cert", "log", "data", "tmp", "metadata", "services"):
        (folder / name).mkdir()
    key = a_key("simplesamlphp")
    files = {
        "config.php": _CONFIG.replace("{url}", url),
        "authsources.php": _PEOPLE.replace("{password}", PASSWORD),
        "metadata/saml20-idp-hosted.php": _HOSTED.replace("{url}", url),
        "metadata/saml20-sp-remote.php": "<?php\n",
        "cert/idp.pem": key.private_key,
        "cert/idp.crt": key.certificate,
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    server = subprocess.Popen(
        ["php", "-S", f"127.0.0.1:{port}", "-t", str(WWW)],
        env={**os.environ, "SIMPLESAMLPHP_CONFIG_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    started = threading.Event()
    reader = threading.Thread(target=_read, args=(server, lines, started), name="reads PHP's log", daemon=True)
    reader.start()
    try:
        assert started.wait(timeout=30), "PHP does not start"
        assert server.poll() is None, "".join(lines)
        yield SimpleSamlPhp(url, folder)
    finally:
        server.terminate()
        server.wait(timeout=30)
        reader.join(timeout=30)


def _read(server: "subprocess.Popen[str]", lines: list[str], started: threading.Event) -> None:
    assert server.stderr is not None
    with server.stderr as log:
        for line in log:
            lines.append(line)
            if "started" in line:
                started.set()
    started.set()
