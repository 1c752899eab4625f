"""Prefect in a process that forks: imported, but out of sight until somebody imports it.

Prefect reads its settings while it is imported. Here its modules are put aside instead; when a
forked process imports Prefect, they are put back, and the settings are read, at the same moment as
in a process that imports it for the first time.
"""

import importlib
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

LIBRARIES = (
    *("prefect.context", "prefect.main", "prefect.flow_engine", "prefect.task_engine"),
    *("prefect.client.orchestration", "prefect.events.worker", "prefect.logging.handlers"),
    *("prefect.runtime", "prefect.task_runners", "prefect.states"),
    *("prefect.utilities.visualization", "fastapi", "anyio._backends._asyncio"),
)


class _OnlyWhatIsAsked(dict[str, str]):
    """Prefect's settings as its template of a log needs them: it asks for three of hundreds."""

    def to_environment_variables(self, **_: Any) -> dict[str, str]:
        """Return the variables of the settings, each of which is read when it is asked for."""
        return self

    def __missing__(self, name: str) -> str:
        return str(getattr(sys.modules["prefect.settings"], name).value())


class PrefectAside(MetaPathFinder, Loader):
    """Puts Prefect's modules back when one of them is imported."""

    def __init__(self) -> None:
        """Import Prefect, with the settings of a command in its own home, and put it aside."""
        from flows.command.prefect_defaults import set_prefect_defaults

        environment = dict(os.environ)
        with tempfile.TemporaryDirectory() as home:
            set_prefect_defaults(Path(home))
            for library in LIBRARIES:
                importlib.import_module(library)
        os.environ.clear()
        os.environ.update(environment)
        self.modules = {
            name: sys.modules.pop(name)
            for name in list(sys.modules)
            if name.partition(".")[0] == "prefect"
        }
        self.spec = self.modules["prefect"].__spec__
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how Prefect is put back, where it is to be imported."""
        return ModuleSpec(name, self) if name == "prefect" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the package as it was."""
        return self.modules["prefect"]

    def exec_module(self, module: ModuleType) -> None:
        """Put the other modules back, and read the settings."""
        sys.meta_path.remove(self)
        module.__spec__ = self.spec
        sys.modules.update(self.modules)
        context: Any = self.modules["prefect.context"]
        logging: Any = self.modules["prefect.logging.configuration"]
        try:
            context.refresh_global_settings_context()
            logging.PROCESS_LOGGING_CONFIG.clear()
            with mock.patch.object(logging, "get_current_settings", _OnlyWhatIsAsked):
                logging.setup_logging()
        except BaseException:
            for name in self.modules:
                sys.modules.pop(name, None)
            raise
