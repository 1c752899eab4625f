"""What the driver and the workers of a cluster must have in common."""

import platform
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

from regressors.frameworks.registry import FRAMEWORKS
from tasks.run.provenance import code_fingerprint, library_versions

DASK = ("dask", "distributed")
OWN_CODE = "nightfit's own files"
FRAMEWORK_LIBRARIES = frozenset(name for row in FRAMEWORKS for name in row.distributions)

Versions = Mapping[str, str]
"""The versions of this machine's Python, nightfit and libraries, by their names."""


def versions() -> dict[str, str]:
    """Return what a fit on this machine depends on."""
    found = {"Python": platform.python_version(), **library_versions()}
    for name in DASK:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # installed in another way than by pip
            continue
    return found | {OWN_CODE: code_fingerprint()[:12]}


def of_worker() -> Callable[[], Awaitable[dict[str, str]]]:
    """Return a function that returns the `versions` of the worker that it is sent to.

    It is sent whole. The worker looks in a thread, which takes a while, since it imports what the
    night needs; meanwhile the scheduler goes on hearing of it.
    """

    async def found() -> dict[str, str]:
        import asyncio
        import importlib

        def look() -> dict[str, str]:
            importlib.import_module("tasks.cluster.plugin")
            told: dict[str, str] = importlib.import_module("tasks.cluster.versions").versions()
            return told

        return await asyncio.to_thread(look)

    return found


def differences(driver: Versions, worker: Versions) -> tuple[str, ...]:
    """Return what differs, in words: "numpy 2.4.6 and not 2.4.5".

    A framework that a worker does not have is no difference, but one of another version is.
    """
    parts = []
    for name in dict.fromkeys([*driver, *worker]):
        here, there = driver.get(name), worker.get(name)
        if here == there or (name in FRAMEWORK_LIBRARIES and None in (here, there)):
            continue
        parts.append(f"{name} {there or 'not at all'} and not {here or 'none'}")
    return tuple(parts)


def installed_frameworks() -> tuple[str, ...]:
    """Return the frameworks that are installed on this machine."""
    here = library_versions()
    return tuple(row.name for row in FRAMEWORKS if any(name in here for name in row.distributions))
