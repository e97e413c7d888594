"""A web server that publishes one document, which tests may change."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Publisher:
    """What it publishes, how it answers, and how often it was asked."""

    url: str
    document: bytes
    status: int = 200
    asked: int = 0


@contextmanager
def a_publisher(document: str) -> Iterator[Publisher]:
    """Run one on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked += 1
            self.send_response(publisher.status)
            self.send_header("content-type", "application/samlmetadata+xml")
            self.send_header("content-length", str(len(publisher.document)))
            self.end_headers()
            self.wfile.write(publisher.document)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher = Publisher(f"http://127.0.0.1:{server.server_address[1]}/metadata", document.encode())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=20)
