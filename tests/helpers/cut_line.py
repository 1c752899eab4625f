"""A line to a PostgreSQL server that can be cut, as by a restart, a firewall or a broken cable."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

COMMIT = b"COMMIT"


class Line:
    """Forwards connections to a server; `url` is that of the store through this line."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.refuses = False
        self.loses_next_commit: str | None = None
        self.commits_lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the URL of the database behind the line."""
        host, port = self._listener.getsockname()
        through = self._server.set(host=host, port=port).difference_update_query(["host", "port"])
        return through.render_as_string(hide_password=False)

    def cut(self) -> None:
        """End every connection."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        """End every connection and accept no other one."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
                continue
            server = self._connect()
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                arguments = (source, target, source is client)
                threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _connect(self) -> socket.socket:
        host = self._server.host or self._server.query.get("host")
        port = self._server.port or 5432
        assert isinstance(host, str)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(Path(host) / f".s.PGSQL.{port}"))
        return server

    def _forward(self, source: socket.socket, target: socket.socket, to_server: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if to_server and COMMIT in data and self.loses_next_commit:
                    self._lose(data, target)
                    return
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _lose(self, commit: bytes, server: socket.socket) -> None:
        """Cut the line at a commit: before it reaches the server, or before its answer does."""
        reaches, self.loses_next_commit = self.loses_next_commit == "answer", None
        self.commits_lost += 1
        if reaches:
            threading.Event().wait(0.05)  # the other direction must not relay the answer
            client = self._open[self._open.index(server) - 1]
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            server.sendall(commit)
            threading.Event().wait(0.3)
        self.cut()


@contextmanager
def cuttable(server: URL) -> Iterator[Line]:
    """Give a line to a server."""
    line = Line(server)
    try:
        yield line
    finally:
        line.close()
