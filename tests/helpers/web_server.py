"""A web server for the tests, on this machine, that fails in the ways that servers fail."""

import datetime as dt
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class WebServer:
    """What the server has: files by their path, and what it does instead, once for each entry.

    `asked` lists the requests, as "GET /rows.csv?token=1".
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Callable[["Handler", bytes], None]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    authorized: list[str | None] = field(default_factory=list)

    def put(self, name: str, content: bytes, *faults: Callable[["Handler", bytes], None]) -> str:
        """Keep a file, with the faults of the next GETs of it, and return its address."""
        self.files[f"/{name}"] = content
        self.faults[f"/{name}"] = [*faults]
        return f"{self.url}/{name}"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: "_Server"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        web, path = self.server.web, self.path.partition("?")[0]
        web.asked.append(f"{self.command} {self.path}")
        web.authorized.append(self.headers["Authorization"])
        content = web.files.get(path)
        faults = web.faults.get(path, [])
        if content is None:
            self.send_error(404)
        elif faults and (self.command == "GET" or getattr(faults[0], "of_head", False)):
            faults.pop(0)(self, content)
        else:
            self.whole(content)

    def whole(self, content: bytes, sent: int | None = None) -> None:
        """Send a file, or only the first bytes of it."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hash(content)}"')
        path = self.path.partition("?")[0]
        self.send_header("Content-Type", self.server.web.types.get(path, "text/csv"))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[:sent])

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    web: WebServer
    daemon_threads = True


def status(number: int) -> Callable[[Handler, bytes], None]:
    """Return what answers a request, HEAD or GET, with a status."""

    def answer(handler: Handler, _content: bytes) -> None:
        handler.send_error(number)

    answer.of_head = True  # type: ignore[attr-defined]
    return answer


def cut(handler: Handler, content: bytes) -> None:
    """Send half of a file, and close the connection."""
    handler.whole(content, len(content) // 2)


def slow(handler: Handler, content: bytes) -> None:
    """Send half of a file, and then nothing for a while."""
    handler.whole(content, len(content) // 2)
    time.sleep(1)


def moved_to(url: str) -> Callable[[Handler, bytes], None]:
    """Return what leads a request elsewhere."""

    def answer(handler: Handler, _content: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    answer.of_head = True  # type: ignore[attr-defined]
    return answer


def unknown_certificate(folder: Path) -> ssl.SSLContext:
    """Return how a server speaks TLS that nobody has vouched for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), serial_number=1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(host, critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(pem, form, serialization.NoEncryption()) + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Start a server and stop it."""
    server = _Server(("127.0.0.1", 0), Handler)
    server.web = WebServer(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.web
    finally:
        server.shutdown()
        server.server_close()
