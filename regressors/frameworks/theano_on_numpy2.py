"""Makes Theano, last released in 2021, run on today's NumPy: what is needed before `import theano`.

Theano uses names that NumPy no longer has, and its generated C++ uses fields that NumPy 2 hides.
The names are added again here, in Theano's own process alone; the fields are in `numpy2_compat.h`.
"""

import os
import shlex
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np

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


def prepare(home: Path) -> str | None:
    """Set names, flags and the folder of compiled code; return a warning if Theano will be slow.

    Compiled code is kept in `home`/theano-<versions>, since compiling a network takes up to half a
    minute. Processes may share the folder: Theano locks it.
    """
    for name, value in _GONE.items():
        if name not in np.__dict__:
            setattr(np, name, value)
    cache = f"theano-{version('theano-pymc')}-numpy-{np.__version__}-{_HEADER_EDITION}"
    flags = {
        "base_compiledir": str(home.resolve() / cache),
        "blas__ldflags": "",
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
    os.environ["THEANO_FLAGS"] = ",".join(f"{k}={shlex.quote(v)}" for k, v in flags.items())
    if compiler:
        return None
    return "There is no C++ compiler (g++), so Theano runs in Python, several times as slowly."
