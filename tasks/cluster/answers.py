"""What each worker answers to a question: a busy one is waited for, a silent one is not."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from distributed import Client

from tasks.cluster.silence import Silence

ANSWER_SECONDS = 15.0
"""A worker that the scheduler has not heard of for so long, while it is asked, is silent."""

LOOK_SECONDS = 1.0
"""How often it is looked which workers are silent."""

Ask = Callable[[list[str]], Awaitable[Mapping[str, Any]]]
"""Asks the workers in a list; returns what each has answered."""


def answers(client: Client, ask: Ask, *, silent: set[str], wait: float) -> dict[str, Any]:
    """Return what each worker answers, by address.

    Dask waits for all of them, perhaps for ten minutes. Here one is given up that is silent, or has
    not answered after `wait` seconds: it is added to those that are `silent`, which are not asked.
    One that leaves meanwhile is left out. Raises what `ask` does, and OSError if the scheduler does
    not say which workers are there, or is lost.
    """

    async def last_seen() -> dict[str, float]:
        if client.scheduler is None:
            raise OSError("the connection is closed")
        told = await asyncio.wait_for(client.scheduler.identity(n_workers=-1), ANSWER_SECONDS)
        return {address: worker["last_seen"] for address, worker in told["workers"].items()}

    async def asked() -> dict[str, Any]:
        until, silence = time.monotonic() + wait, Silence()
        seen = await last_seen()
        late = {worker: asyncio.ensure_future(ask([worker])) for worker in seen.keys() - silent}
        found: dict[str, Any] = {}
        try:
            while late:
                await asyncio.wait(late.values(), timeout=LOOK_SECONDS)
                for worker in [worker for worker, task in late.items() if task.done()]:
                    found |= late.pop(worker).result()
                try:
                    seen = await last_seen()
                    quiet = silence.of(seen, ANSWER_SECONDS)
                except OSError:  # a TimeoutError is one
                    if client.status != "running":
                        raise
                    silence.begin_again()
                    quiet = set()
                if time.monotonic() > until:
                    quiet = set(late)
                silent.update(quiet & late.keys())
                for worker in late.keys() - (seen.keys() - quiet):
                    late.pop(worker).cancel()
        finally:
            for task in late.values():
                task.cancel()
        return found

    found: dict[str, Any] = client.sync(asked)
    return found
