"""A client of Dask for one connection to a scheduler; the next one is made by another client."""

from contextlib import suppress
from typing import Any

from distributed import Client


class OneConnectionClient(Client):  # type: ignore[misc]
    """A client that is closed as soon as its connection is lost.

    Dask's own connects again, though what it was given is lost. Where another server then answers
    in the place of the scheduler, it can never be closed: closing it raises an error, of memory
    mostly, because Dask takes what that server says for the length of a message.
    """

    async def _handle_report(self) -> None:
        with suppress(Exception):  # whatever the bytes of another server are taken for
            await super()._handle_report()
        if self.status == "running":
            await self._close()

    async def _reconnect(self) -> None:
        await self._close()

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close it, and end the thread of its connection, also where that was lost before."""
        closed = super().close(*args, **kwargs)
        if self.status == "closed" and not self.asynchronous:
            self._loop_runner.stop()
        return closed
