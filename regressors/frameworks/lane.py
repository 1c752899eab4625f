"""Threads that wait for jobs, and take one that comes after their end for a cancelled one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Lane(ThreadPoolExecutor):
    """Threads whose jobs may still be submitted while they are shut down: these are cancelled.

    A run that is cancelled ends its jobs in one thread while others submit their next ones.
    """

    has_ended = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of `fn(*args, **kwargs)`, which is cancelled after the end."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            if not self.has_ended:
                raise
        late: Future[Any] = Future()
        late.cancel()
        return late

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs; `wait` for those in progress, or else return at once."""
        self.has_ended = True
        super().shutdown(wait=wait, cancel_futures=cancel_futures)
