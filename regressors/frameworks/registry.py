"""The frameworks: one row each, which is all that the rest of nightfit knows of them.

CONTRIBUTING.md has the recipe for adding one. This file imports no library, since a framework is
imported in its own worker process alone.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Framework:
    """One framework, and how its worker process is prepared.

    `module` keeps the contract of `regressors.frameworks.contract`. `distributions` are the names
    under which its library may be installed; the version of each that is installed is stored with
    every run. `thread_variables` are environment variables that hold its number of threads,
    `environment` holds others. `preparation` is a module whose `prepare(home, suspicion)` runs in
    the worker before `module` is imported, and returns warnings for the user. Its
    `is_prepared(home)` says whether an earlier process has left there what takes long to make, and
    `is_suspect(error)` whether an exception may come from damaged compiled code: then a new
    process is prepared, and `suspicion` says why.
    """

    name: str
    module: str
    distributions: tuple[str, ...]
    thread_variables: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    preparation: str | None = None


FRAMEWORKS = (
    Framework(
        name="tensorflow",
        module="regressors.frameworks.tensorflow",
        distributions=("tensorflow", "tensorflow-cpu"),
        thread_variables=("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
        environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
    ),
    Framework(
        name="torch",
        module="regressors.frameworks.torch",
        distributions=("torch",),
    ),
    Framework(
        name="theano",
        module="regressors.frameworks.theano",
        distributions=("theano-pymc",),
        # Theano hashes texts for the keys of its compiled code, and Python differently each time.
        environment={"PYTHONHASHSEED": "0"},
        preparation="regressors.frameworks.theano_on_numpy2",
    ),
)
"""In the order in which they are declared by default: of equals, the first one wins."""

FRAMEWORK_NAMES = tuple(framework.name for framework in FRAMEWORKS)

NUMPY = Framework(name="numpy", module="numpy", distributions=("numpy",))
"""Fits nothing: the process on a cluster's worker for jobs that need no framework."""


def framework_called(name: str) -> Framework:
    """Return the row of a framework, or of NumPy; raise KeyError where there is none."""
    return {framework.name: framework for framework in (*FRAMEWORKS, NUMPY)}[name]


def unprepared(names: Iterable[str], home: Path) -> list[str]:
    """Return which of these frameworks will take long to start, since this is their first night."""
    rows = [framework_called(name) for name in names]
    return [
        row.name
        for row in rows
        if row.preparation is not None
        and not importlib.import_module(row.preparation).is_prepared(home)
    ]
