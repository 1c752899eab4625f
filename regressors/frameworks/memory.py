"""How a framework's process runs out of memory, and how that is put into words.

Python raises MemoryError. Libraries raise errors of their own, or write a line to the log and end
their process; those are recognised by their words.
"""

import ctypes
import re
import resource
import sys

LIMIT_SETTING = "NIGHTFIT_FIT_MEMORY_LIMIT"

_WORDS = re.compile(
    r"MemoryError|bad_alloc|bad allocation|[Oo]ut ?[Oo]f ?[Mm]emory|\bOOM\b|ResourceExhausted"
    r"|(?:[Cc]an(?:no|')t|[Uu]nable to|[Ff]ailed to|could not) allocate|cannot map zero-fill pages"
    r"|[Mm]emory allocation (?:still )?failed|failed to map segment|virtual memory exhausted"
)
_HINTS = re.compile(
    r"can't start new thread|pthread_create failed|[Tt]hread creation (?:via .*)?failed"
    r"|Resource temporarily unavailable"
)
"""A new thread needs memory, but it may also be one thread too many for this user."""


def give_back_freed() -> None:
    """Give the system back what arrays have left free, which the C library would keep."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only the GNU library has it
    if trim is not None:
        trim(0)


def set_limit(gibibytes: float | None) -> None:
    """Limit the memory of this process; Linux alone holds it to the limit."""
    if gibibytes is not None and sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = int(gibibytes * 2**30)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def verdict(text: str, limit: float | None) -> str | None:
    """Return the predicate for a process that ran out of memory, by what it wrote.

    `limit` is its limit in GiB. None if the text, a message or the end of a log, speaks of
    something else.
    """
    if _WORDS.search(text):
        return f"ran out of memory{_limits(limit)}"
    if _HINTS.search(text):
        return f"probably ran out of memory{_limits(limit)}"
    return None


def _limits(limit: float | None) -> str:
    limits = []
    if limit is not None:
        limits.append(f"{round(limit, 2):g} GiB ({LIMIT_SETTING})")
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if address_space != resource.RLIM_INFINITY:
        limits.append(f"{address_space / 2**30:.2g} GiB of address space (`ulimit -v`)")
    return f"; its limit is {' and '.join(limits)}" if limits else ""
