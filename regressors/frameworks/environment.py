"""The environment of a framework's process: its number of threads, and what its library reads."""

import os

from regressors.frameworks.registry import FRAMEWORKS


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pinned(threads: int) -> dict[str, str]:
    """Return the variables of a process with so many threads, which has no graphics card."""
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        *(variable for framework in FRAMEWORKS for variable in framework.thread_variables),
    )
    own = {name: value for row in FRAMEWORKS for name, value in row.environment.items()}
    return dict.fromkeys(names, str(threads)) | {"CUDA_VISIBLE_DEVICES": ""} | own
