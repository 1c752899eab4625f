"""How many products a second this machine makes: measured once per home, and kept in a small file.

Where a declared `ann.budget` is a time, it becomes products by this figure, so it must not change
from night to night: it would change the digits with it.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path

from data.declarations.model import Declaration
from data.disk import no_room
from data.errors import DamagedStore, HomeError
from data.sources.whole_file import write_whole
from data.store.read.earlier_runs import last_details
from data.store.session import Store
from tasks.run import progress
from tasks.run.ann_plan import EarlierPlan

FILE = "ann-rate.json"


def rate_of_home(home: Path, measure: Callable[[], float | str], *, by: str) -> float | str:
    """Return the products per second that are noted in the home; measure and note them first.

    `by` is the framework that measures. A sentence where it cannot; raises HomeError where the
    figure cannot be noted.
    """
    path = home / FILE
    noted = _noted(path)
    if noted is not None:
        return noted
    measured = measure()
    if isinstance(measured, str):
        return measured
    note = {
        "products_per_second": measured,
        "measured_by": by,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    content = json.dumps(note, indent=2) + "\n"
    try:
        write_whole(path, lambda file: file.write(content.encode()))
    except OSError as error:
        raise HomeError(
            "The rate of this machine cannot be noted, and without a note it might be another one"
            f" every night: {no_room(error) or error.strerror}.",
            where=str(path),
            next_step="Make room there, or the folder writable, or leave out 'ann.budget'.",
        ) from None
    progress.LOG.info(
        "ANNs: this machine makes about %.1f billion products a second (measured in %s, noted in"
        " %s)",
        measured / 1e9,
        by,
        path,
    )
    return measured


def plan_before(declaration: Declaration, store: Store, *, as_of: str | None) -> EarlierPlan | None:
    """Return what a run of a past night takes from the dataset's last good run: the rate.

    So a declared time is worth the same on another machine. None for tonight, and without a budget.
    """
    if as_of is None or declaration.ann.budget_seconds is None:
        return None
    try:
        details = store.read(lambda connection: last_details(connection, declaration.name))
    except DamagedStore as error:
        message = f"The rate of earlier ANNs cannot be used: {error.what}"
        progress.log(declaration.name, message, warning=True)
        return None
    return EarlierPlan(rate=EarlierPlan.among(details.values()).rate)


def _noted(path: Path) -> float | None:
    """Return what a file says, None where there is none or it cannot be used."""
    try:
        rate = float(json.loads(path.read_text(encoding="utf-8"))["products_per_second"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        rate = 0.0
    if isfinite(rate) and rate > 0:
        return rate
    progress.LOG.warning("%s cannot be used: the machine is measured again.", path)
    return None
