"""Makes Theano, last released in 2021, run on today's NumPy: what is needed before `import theano`.

Theano uses names that NumPy no longer has, and its generated C++ uses fields that NumPy 2 hides.
The names are added again here, in Theano's own process alone; the fields are in `numpy2_compat.h`.
"""

import os
import shlex
import shutil
import tempfile
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from regressors.frameworks import compiled_code

HEADER = Path(__file__).with_name("numpy2_compat.h")
_HEADER_EDITION = 1
"""Counts the changes to the header, which the key of Theano's cache does not cover."""

_GONE = {
    "int": int,
    "float": float,
    "complex": complex,
    "object": object,
    "str": str,
    "product": np.prod,
    "sctype2char": lambda sctype: np.dtype(sctype).char,
}


_LOADERS = ("cmodule.py", "cutils.py", "lazylinker_c.py", "compilelock.py", "configdefaults.py")
"""The files of Theano that read the folder of compiled code."""

_NOT_DAMAGE = ("Compilation failed", "No space left on device", "could not be acquired")
"""What these files also report: of a compiler, a disk, and a lock that another process holds."""

_NEVER = str(100 * 365 * 24 * 3600)
"""Seconds; Theano would not use modules that were last read 24 days ago, as the disk has it."""


def prepare(home: Path, suspicion: str | None) -> list[str]:
    """Set names, flags and the folder of compiled code; return warnings for the user.

    Compiled code is kept in `home`, since compiling a network takes up to half a minute. Processes
    may share the folder: Theano locks it. What is damaged in it is compiled anew; with a
    `suspicion`, a sentence on why it cannot be used, the whole folder is set aside.
    """
    for name, value in _GONE.items():
        if name not in np.__dict__:
            setattr(np, name, value)
    folder, warnings = _usable(compiled_folder(home.resolve()), suspicion)
    flags = {
        "base_compiledir": str(folder),
        "blas__ldflags": "",
        "cmodule__age_thresh_use": _NEVER,
        "device": "cpu",
        "floatX": "float64",
    }
    compiler = shutil.which("g++")
    if compiler:
        # A folder with a space in its name breaks `-include`, so it goes on the search path.
        search = [str(HEADER.parent), *filter(None, [os.environ.get("CPATH")])]
        os.environ["CPATH"] = os.pathsep.join(search)
        flags |= {"cxx": compiler, "gcc__cxxflags": f"-include {HEADER.name}"}
    else:
        # In Python, sums and products of more than two arrays are computed element by element, 50
        # times as slowly, so none may be merged.
        unmerged = "fusion:local_mul_canonizer:local_add_canonizer"
        flags |= {"cxx": "", "optimizer_excluding": unmerged}
        warnings.append(
            "There is no C++ compiler (g++), so Theano runs in Python, several times as slowly."
        )
    os.environ["THEANO_FLAGS"] = ",".join(f"{k}={shlex.quote(v)}" for k, v in flags.items())
    return warnings


def is_prepared(home: Path) -> bool:
    """Return whether `home` has a folder of compiled code, or Theano is not installed."""
    try:
        return compiled_folder(home.resolve()).exists()
    except PackageNotFoundError:
        return True


def compiled_folder(home: Path) -> Path:
    """Return the folder of the code that Theano compiles; its name has the versions it is for."""
    return home / f"theano-{version('theano-pymc')}-numpy-{np.__version__}-{_HEADER_EDITION}"


def is_suspect(error: BaseException) -> bool:
    """Return whether an exception may come from damage in the folder of compiled code."""
    if any(words in str(error) for words in _NOT_DAMAGE):
        return False
    files = {Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)}
    return any(file.name in _LOADERS and "theano" in file.parts for file in files)


def _usable(folder: Path, suspicion: str | None) -> tuple[Path, list[str]]:
    """Return a folder for compiled code in which nothing is damaged, and warnings."""
    try:
        if suspicion is None:
            damaged = compiled_code.discard_damaged(folder)
            if not damaged:
                return folder, []
            modules = "1 module" if damaged == 1 else f"{damaged} modules"
            return folder, [
                f"Of Theano's compiled code in {folder}, {modules} had changed on the disk since"
                " they were compiled; they are compiled anew."
            ]
    except OSError as error:
        suspicion = f"{type(error).__name__}: {error.strerror}"
    if not os.path.lexists(folder):
        return folder, []
    try:
        aside = compiled_code.set_aside(folder)
    except OSError as error:
        return Path(tempfile.mkdtemp(prefix="theano-")), [
            f"Theano's compiled code in {folder} cannot be used ({suspicion}), nor moved aside"
            f" ({error.strerror}), so it is compiled for tonight alone. Delete that folder."
        ]
    return folder, [
        f"Theano's compiled code could not be used ({suspicion}). It was moved to {aside}, which"
        " may be deleted, and is compiled anew."
    ]
