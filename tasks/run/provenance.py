"""What a run depends on besides its rows: its declaration, this code and the libraries."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from data.declarations.model import Declaration
from data.settings import ROOT
from regressors.frameworks.registry import FRAMEWORKS, framework_called

LIBRARIES = (
    "nightfit",
    "numpy",
    "scipy",
    *(name for framework in FRAMEWORKS for name in framework.distributions),
    "pyarrow",
    "great-expectations",
    "sqlalchemy",
    "prefect",
)
PACKAGES = ("flows", "tasks", "regressors", "data")


@cache
def library_versions() -> dict[str, str]:
    """Return the installed version of each library that a result may depend on."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # TensorFlow is installed under one of two names
            continue
    return versions


def framework_version(framework: str) -> str | None:
    """Return the installed version of a framework, None if it is not installed."""
    installed, distributions = library_versions(), framework_called(framework).distributions
    return next((installed[name] for name in distributions if name in installed), None)


@cache
def code_fingerprint() -> str:
    """Return the SHA-256 of this project's own source files."""
    digest = hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def setup_fingerprint(declaration: Declaration) -> str:
    """Return the SHA-256 of the declaration, the code and the library versions.

    The location of the source is left out, because its rows have a fingerprint of their own, and so
    is where the results go, which changes none of them.
    """
    parts = (
        declaration.model_dump_json(exclude={"source", "results", "output"}),
        code_fingerprint(),
        repr(library_versions()),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
