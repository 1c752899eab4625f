"""Memory that runs out in nightfit's own process, which is no bug."""

from data.errors import OutOfMemory
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
