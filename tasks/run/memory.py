"""The memory of nightfit's own process: what runs out, which is no bug, and what is given back."""

import pyarrow as pa

from data.errors import OutOfMemory
from regressors.file_arrays import release_mapped
from regressors.frameworks import memory


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """Return the error to show for an exception that means a lack of memory, or None."""
    exhausted = memory.verdict(f"{type(error).__name__}: {error}", None)
    if exhausted is None and not isinstance(error, MemoryError):
        return None
    return OutOfMemory(
        f"nightfit's own process {exhausted or 'ran out of memory'}.",
        next_step="Let it have more (a higher limit, a larger machine), or use fewer rows or"
        " columns.",
    )


def give_back() -> None:
    """Give the system back what is free, but which libraries keep for their next use.

    Pages of mapped files are among it.

    After a step that has read a large table that is half of what the process seems to need, while
    it waits for the frameworks' processes.
    """
    release_mapped()
    pa.default_memory_pool().release_unused()
    memory.give_back_freed()
