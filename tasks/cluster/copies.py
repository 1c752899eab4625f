"""Arrays that a worker cannot see in a file: they are copied to it, each once.

The first worker gets an array from the driver, in parts by way of the scheduler, and the others get
it from workers that have it.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from distributed import Client, Worker
from distributed.protocol.pickle import dumps

from tasks.cluster.parcels import Piece
from tasks.cluster.plugin import read, read_file, write

PART_BYTES = 2**24
"""An array is sent in parts of at most so many bytes, of which each process holds one."""


class Copies:
    """Which workers have a copy of which array; threads may ask for some at the same time."""

    def __init__(self, client: Client, night: str) -> None:
        self._client, self._night = client, night
        self._holders: defaultdict[Piece, list[str]] = defaultdict(list)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()
        self.sent_bytes = 0

    def bring(self, pieces: Iterable[Piece], worker: str) -> None:
        """Copy arrays to a worker that has none of them."""
        for piece in pieces:
            with self._lock(piece.name):
                if worker not in self._holders[piece]:
                    self._copy(piece, worker)
                    self._holders[piece].append(worker)

    def forget(self, worker: str | None = None) -> None:
        """Forget what a worker has, or what all have."""
        with self._guard:
            for holders in self._holders.values():
                holders[:] = [one for one in holders if worker and one != worker]

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks[name]

    def _copy(self, piece: Piece, worker: str) -> None:
        for holder in tuple(self._holders[piece]):
            try:
                self._client.run(fetch, self._night, piece, holder, workers=[worker])
                return
            except Exception:  # noqa: BLE001 - it may be lost; the next one, or the driver, has it
                self._holders[piece].remove(holder)
        with open(piece.path, "rb") as file:
            for start in range(0, piece.length, PART_BYTES):
                file.seek(piece.offset + start)
                data = file.read(min(PART_BYTES, piece.length - start))
                self._client.run(write, self._night, piece, start, data, workers=[worker])
                self.sent_bytes += len(data)


def file_parts(client: Client, worker: str, path: Path, size: int) -> Iterator[bytes]:
    """Yield the bytes of a file of a worker, in parts."""
    for start in range(0, size, PART_BYTES):
        length = min(PART_BYTES, size - start)
        found = client.run(read_file, path, start, length, workers=[worker])
        if len(found.get(worker, b"")) != length:
            raise OSError(f"{worker} does not have all of {path}")
        yield found[worker]


async def fetch(night: str, piece: Piece, holder: str, dask_worker: Worker) -> None:
    """Copy an array from another worker to this one."""
    for start in range(0, piece.length, PART_BYTES):
        length = min(PART_BYTES, piece.length - start)
        answer = await dask_worker.rpc(holder).run(
            function=dumps(read), args=dumps((night, piece, start, length))
        )
        if answer["status"] != "OK":
            raise OSError(f"{holder} does not have the array")
        write(night, piece, start, answer["result"], dask_worker)
