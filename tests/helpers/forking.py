"""What the servers share that fork processes for the tests, instead of starting them.

A request is a Python literal and some open files; the answers are numbers: that of the new process
and, when it has ended, its exit code.
"""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SIZE = 4
BEYOND = 500
"""Descriptors from here on are free."""


def ask(connection: socket.socket, request: object, files: Sequence[int]) -> int:
    """Send a request with descriptors; return the number of the process that is forked for it."""
    content = repr(request).encode()
    connection.sendall(len(content).to_bytes(SIZE, "big") + content)
    socket.send_fds(connection, [b"f"], files)
    return answer(connection)


def answer(connection: socket.socket) -> int:
    """Wait for a number and return it; raise EOFError if the other side has ended."""
    return int.from_bytes(_received(connection, SIZE), "big", signed=True)


def requested(connection: socket.socket) -> tuple[Any, list[int]]:
    """Return the next request and its descriptors; raise EOFError if there is none."""
    size = int.from_bytes(_received(connection, SIZE), "big")
    request = eval(_received(connection, size))
    _, files, _, _ = socket.recv_fds(connection, 1, 100)
    return request, files


def tell(connection: socket.socket, number: int) -> None:
    """Send a number, which may be negative."""
    connection.sendall(number.to_bytes(SIZE, "big", signed=True))


def become(
    environment: Mapping[str, str], folder: str, files: Iterable[int], numbers: Iterable[int]
) -> None:
    """Take over an environment, a folder, and the descriptors under these numbers."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None  # where it is depends on the environment
    high = []
    for file in files:  # a descriptor may have the number that another one is to have
        high.append(fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, BEYOND))
        os.close(file)
    for file, number in zip(high, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)


def _received(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise EOFError
        content += part
    return content
