"""The address space of this process, which `ulimit -v` limits."""

import resource

from data.errors import OutOfMemory

MIN_ADDRESS_SPACE = 2**30
"""Bytes. With less, some library that reads or fits data waits for ever as it is loaded."""


def require_address_space() -> None:
    """Raise OutOfMemory if this process may use too little address space to load its libraries."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < MIN_ADDRESS_SPACE:
        raise OutOfMemory(
            f"this process may use only {limit / 2**30:.2g} GiB of address space (`ulimit -v`), too"
            " little memory to read and fit data.",
            next_step=f"Let it use {MIN_ADDRESS_SPACE / 2**30:g} GiB or more.",
        )
