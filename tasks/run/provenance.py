"""What a run depends on besides its rows: its declaration, this code and the libraries."""

import hashlib
import json
from collections.abc import Mapping
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


NOT_OF_THE_SETUP = ("source", "results", "output")
"""Keys of a declaration that change no model: where the rows are, and where results go."""


def setup_fingerprint(declaration: Declaration) -> str:
    """Return the SHA-256 of the declaration, the code and the library versions.

    The location of the source is left out, because its rows have a fingerprint of their own, and so
    is where the results go, which changes none of them.
    """
    declared = declaration.model_dump_json(exclude={*NOT_OF_THE_SETUP})
    return _fingerprint(declared, library_versions())


def had_this_code(fingerprint: str, declaration: str, versions: Mapping[str, str]) -> bool:
    """Return whether a run had this code: its setup fingerprint, its declaration and libraries.

    The declaration is the JSON that was stored.
    """
    in_order = {name: versions[name] for name in LIBRARIES if name in versions}
    return _fingerprint(_of_the_setup(declaration), in_order) == fingerprint


def _fingerprint(declared: str, versions: Mapping[str, str]) -> str:
    parts = (declared, code_fingerprint(), repr(versions))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _of_the_setup(declaration: str) -> str:
    """Return the JSON of a declaration without some of its keys, and every other character as is.

    It is an object without blanks, as pydantic writes it.
    """
    members, at, decode = [], 1, json.JSONDecoder().raw_decode
    while at < len(declaration) - 1:
        name, colon = decode(declaration, at)
        _, end = decode(declaration, colon + 1)
        if name not in NOT_OF_THE_SETUP:
            members.append(declaration[at:end])
        at = end + 1
    return f"{{{','.join(members)}}}"
