"""The alarms of a night: what people should hear of is sent when its flow ends, however it does."""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from data.errors import UserError
from data.settings import Settings, settings
from flows.lost_server import server_was_lost
from tasks.run.progress import LOG

P = ParamSpec("P")
R = TypeVar("R")

FOR_NO_TONIGHT = ("as_of", "dry_run")
"""The parameters with which a flow does not work for tonight."""

_in_a_night: ContextVar[bool] = ContextVar("in a night", default=False)


def alarming(work: Callable[P, R]) -> Callable[P, R]:
    """Send alarms when the function of a flow has ended; those within it leave that to it.

    Dry runs and past nights send none.
    """
    signature = inspect.signature(work)

    @functools.wraps(work)
    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs).arguments
        if _in_a_night.get() or any(given.get(name) for name in FOR_NO_TONIGHT):
            return work(*args, **kwargs)
        token = _in_a_night.set(True)
        try:
            result = work(*args, **kwargs)
        except Exception:  # whoever interrupts a night waits for its end, and hears of nothing
            send_alarms(settings())
            raise
        finally:
            _in_a_night.reset(token)
        send_alarms(settings())
        return result

    return function


def leave_alarms_to_night() -> None:
    """Have the flows of this process send no alarms: the night that they are parts of does."""
    _in_a_night.set(True)


def send_alarms(config: Settings) -> None:
    """Send what people have not heard of yet; whatever fails is a warning in the log."""
    if not config.notify:
        return
    # Imported here: most nights send nothing, or have nobody to send it to.
    from flows.command.prefect_server import TEMPORARY, api_url
    from tasks.alarms.links import Links
    from tasks.alarms.watch import raise_alarms

    lasting = not server_was_lost() and api_url() not in ("", *TEMPORARY)
    try:
        raise_alarms(config, Links(config.home, config.page_url, lasting))
    except UserError as error:
        LOG.warning("alarms were not sent: %s", error)
    except Exception:  # noqa: BLE001 - the night itself has ended, and is stored
        LOG.exception("alarms were not sent because of a bug in nightfit")
