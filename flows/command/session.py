"""Running flows from a terminal: quiet Prefect, and progress on standard error."""

import gc
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from rich.console import Console
from rich.status import Status
from rich.text import Text

from data.address_space import require_address_space
from data.declarations.file import load_dataset
from data.errors import NoServer, UserError
from data.scratch import temporary_files
from data.settings import Settings
from data.store.session import Store
from flows.command import prefect_database
from flows.command.endings import ending_at_once, ending_in_order
from flows.command.folders import make_folder
from flows.command.prefect_database import use_nights_database
from flows.command.prefect_defaults import set_prefect_defaults
from flows.command.prefect_login import private_server
from flows.command.prefect_server import refuse_unusable_server, unusable_server
from flows.command.prefect_settings import (
    forget_users_prefect,
    import_prefect,
    keep_results_temporary,
    prepare_own_server,
)
from flows.command.process_keeper import start_keeper
from flows.command.screen import Screen
from flows.command.temporary_server import temporary_server
from regressors.frameworks.registry import FRAMEWORK_NAMES, unprepared
from tasks.run.progress import LOG

if TYPE_CHECKING:
    from prefect import Flow

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def working(config: Settings, datasets: Sequence[str] = ()) -> Iterator[None]:
    """Prepare for flows, which `carry_out` runs, and show their progress on standard error.

    If this is the first night of the frameworks of `datasets`, their processes start at once, since
    Theano compiles for half a minute then. Raises UserError if the home, the store or Prefect's
    server cannot be used.
    """
    require_address_space()
    with ending_at_once():
        set_prefect_defaults(config.home)
        make_folder(config.home)
        store = Store(config.database_url, config.store_retry_time)
        with talking():
            store.ensure_ready(first_contact=True)  # report a broken store before any work
        start_keeper(config.home)
        with temporary_files(config.home), talking("starting Prefect …"):
            _start_prefect(config)
            with ExitStack() as workers, impatient_prefect(), private_server():

                def meanwhile() -> None:
                    workers.enter_context(_first_workers(config, datasets))
                    _import_flows()

                with temporary_server(meanwhile):
                    yield


def carry_out(flow: "Flow[P, R]", *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a flow returns, also if Prefect's server is lost meanwhile.

    SIGTERM ends it in the same way as Ctrl-C, so that no worker process outlives us. Raises
    NoServer if the server is lost before the flow has begun.
    """
    from prefect.exceptions import TerminationSignal

    from flows.lost_server import NotBegun, finished

    try:
        with ending_in_order():
            return finished(flow, *args, **kwargs)
    except TerminationSignal as error:  # Prefect's, where its server was ended by the same signal
        raise SystemExit(128 + error.signal) from None
    except NotBegun as error:
        raise unusable_server(error.__cause__ or error) from None


def _start_prefect(config: Settings) -> None:
    keep_results_temporary()
    try:
        use_nights_database(config.home / "prefect")
        import_prefect()
        refuse_unusable_server()
    except NoServer as error:
        if config.prefect != "auto":
            raise
        message = "%s%s So this command starts a server of its own (NIGHTFIT_PREFECT=auto)."
        LOG.warning(message, f"{error.where}: " if error.where else "", error.what)
        forget_users_prefect(config.home)
        set_prefect_defaults(config.home)
        keep_results_temporary()
        use_nights_database(config.home / "prefect")
        import_prefect()
    prepare_own_server(prefect_database.DATABASE)


@contextmanager
def _first_workers(config: Settings, datasets: Sequence[str]) -> Iterator[None]:
    """Start the processes of frameworks whose first night here this is, for flows to come."""
    frameworks: set[str] = set()
    if config.cluster is None and unprepared(FRAMEWORK_NAMES, config.home):
        for name in datasets:
            with suppress(UserError):  # the run will tell
                frameworks |= {*load_dataset(name, config.datasets).candidates.frameworks}
    if not unprepared(frameworks, config.home):
        yield
        return
    from tasks.run.workers import framework_workers

    with framework_workers(config) as workers:
        workers.start_unprepared(frameworks, config.home)
        yield


def _import_flows() -> None:
    """Import what a run needs, with no search for garbage, which takes a fifth of the time."""
    gc.disable()
    try:
        import flows.retrain  # noqa: F401
        from data.checks.rule_engine import implementations

        implementations()  # of Great Expectations
    finally:
        gc.enable()


@contextmanager
def talking(opening: str | None = None) -> Iterator[None]:
    """Show what is logged on standard error, one line per message.

    With an `opening` message, a terminal also shows a spinner with the latest message.
    """
    log = logging.getLogger("nightfit")
    if log.handlers:  # our caller shows the messages already
        yield
        return
    console = Screen(stderr=True)
    handler = _ProgressLines(console)
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    spinner = console.status(opening) if opening and console.is_terminal else nullcontext()
    try:
        with spinner as handler.status:
            yield
    finally:
        log.removeHandler(handler)


class _ProgressLines(logging.Handler):
    """Prints each message with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._start = time.monotonic()
        self.status: Status | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        seconds = time.monotonic() - self._start
        message = record.getMessage()
        style = "yellow" if record.levelno >= logging.WARNING else ""
        self._console.print(
            Text.assemble((f"{seconds:6.1f} s  ", "dim"), (message, style)), soft_wrap=True
        )
        if self.status is not None:
            self.status.update(Text(f"{message} …"))


@contextmanager
def impatient_prefect() -> Iterator[None]:
    """Keep Prefect from waiting for its server for minutes, unless the user has asked for it.

    Its heartbeat costs a second per flow run. It lets a server notice dead runs, if the user has
    set up an automation for that.
    """
    from prefect.settings import (
        PREFECT_API_REQUEST_TIMEOUT,
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    defaults = {
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_API_REQUEST_TIMEOUT: 15.0,
        PREFECT_CLIENT_MAX_RETRIES: 3,
    }
    with temporary_settings(set_defaults=defaults):
        yield
