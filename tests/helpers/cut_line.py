"""A line to a server that can be cut, as by a restart, a firewall or a broken cable."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

COMMIT = b"COMMIT"


class Line:
    """Forwards connections to a server, which `connect` makes, from a port of its own.

    While it `refuses`, connections end at once; while it `hangs`, nobody answers them; while a
    `proxy` says something, those that are open hang, and that is the answer to new ones, which are
    counted in `answered`. Once one has brought `cuts_after` bytes from the server, all end.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.refuses = False
        self.hangs = False
        self.proxy = b""
        self.answered = 0
        self.cuts_after: int | None = None
        self.loses_next_commit: str | None = None
        self.commits_lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Return the port to connect to, on this machine."""
        return int(self._listener.getsockname()[1])

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
            if self.hangs or self.proxy:
                client.sendall(self.proxy)
                self.answered += 1
                self._open.append(client)
                continue
            server = self._connect()
            self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                arguments = (source, target, source is client)
                threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, to_server: bool) -> None:
        brought = 0
        with suppress(OSError):
            while data := source.recv(65_536):
                brought += len(data)
                if not to_server and self.cuts_after is not None and brought > self.cuts_after:
                    self.cuts_after = None
                    self.cut()
                    return
                if self.hangs or self.proxy:
                    continue
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
def cuttable(connect: Callable[[], socket.socket]) -> Iterator[Line]:
    """Give a line to a server."""
    line = Line(connect)
    try:
        yield line
    finally:
        line.close()


@contextmanager
def cuttable_store(url: URL) -> Iterator[tuple[Line, str]]:
    """Give a line to the PostgreSQL server of a store, and the store's URL through it."""
    host, port = url.host or url.query.get("host"), url.port or 5432
    assert isinstance(host, str)

    def connect() -> socket.socket:
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(Path(host) / f".s.PGSQL.{port}"))
        return server

    with cuttable(connect) as line:
        through = url.set(host="127.0.0.1", port=line.port)
        through = through.difference_update_query(["host", "port"])
        yield line, through.render_as_string(hide_password=False)
