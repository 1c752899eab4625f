"""Compiles the headers that Theano's modules share once, which halves the time of each module.

g++ reads the headers of Python, NumPy and C++ for half a second per module, and a first night
compiles some sixty. It takes `numpy2_compat.h.gch` for `numpy2_compat.h` where that was made with
the same options, and otherwise ignores it, so the code of a module is the same either way.
"""

import logging
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LOG = logging.getLogger("nightfit.worker")

HEADERS = Path(__file__).with_name("precompiled.h")
WORTH_IT = 3
"""Modules with the same options: so many take as much longer without as the headers take."""


class PrecompiledHeaders:
    """Theano's `GCC_compiler.compile_str`, with precompiled headers where several modules come.

    They need 40 MB per set of options, in a temporary folder that ends with this process. Modules
    are compiled without debugging information, too, which takes a tenth of the time.
    """

    def __init__(
        self, compile_module: Callable[..., Any], compiler: str, include: Sequence[str]
    ) -> None:
        self._compile_module = compile_module
        self._command = [compiler, *(f"-I{folder}" for folder in include)]
        self._seen: dict[tuple[str, ...], int] = {}
        self._folders: dict[tuple[str, ...], tempfile.TemporaryDirectory[str]] = {}

    def compile(
        self,
        *names: str,
        include_dirs: Sequence[str] = (),
        preargs: Sequence[str] = (),
        **options: Any,
    ) -> Any:
        """Compile a module and import it; `preargs` are the compiler's options."""
        wanted = (*preargs, "-g0")
        self._seen[wanted] = self._seen.get(wanted, 0) + 1
        if self._seen[wanted] == WORTH_IT:
            self._precompile(wanted)
        ours = [self._folders[wanted].name] if wanted in self._folders else []
        return self._compile_module(
            *names, include_dirs=[*ours, *include_dirs], preargs=[*wanted], **options
        )

    def _precompile(self, wanted: tuple[str, ...]) -> None:
        folder = tempfile.TemporaryDirectory(prefix="headers-", ignore_cleanup_errors=True)
        made = f"{folder.name}/numpy2_compat.h.gch"
        command = [*self._command, *wanted, "-fvisibility=hidden", "-x", "c++-header"]
        try:
            subprocess.run(
                [*command, str(HEADERS), "-o", made], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            cause = getattr(error, "stderr", error)
            LOG.warning("the headers are not precompiled, modules take longer: %s", cause)
            folder.cleanup()
        else:
            self._folders[wanted] = folder
