"""Work on rows as calls of functions, so that who asks for it need not be who does it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function, and its arguments. It may be called in any process, and again if that is lost."""

Do = Callable[[str, Sequence[Call]], Iterator[Any]]
"""Takes what calls are for, in words, and the calls; yields what each returns, in their order."""


def done_here(_what: str, calls: Sequence[Call]) -> Iterator[Any]:
    """Make calls in this process, each when its value is asked for."""
    for function, args in calls:
        yield function(*args)
