"""The names of runs on Prefect's page, and their tags."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prefect import runtime

from flows.page.sending import sent_to_page
from tasks.prune_page import TAG

GREEK = (
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma"
    "|tau|upsilon|phi|chi|psi|omega"
)

PAGES_OWN = re.compile(rf"({GREEK})\d*-[a-z]+(-[a-z]+)*")
"""The names that the form of Prefect's page fills in by itself, such as "beta3-tauri-reach"."""


def retrain_name() -> str:
    """Return the name of a run of `retrain`: that which a person has typed, or "retrain m DAY"."""
    return _name(lambda given: f"retrain {given['dataset']} {given.get('as_of') or _day()}")


def nightly_name() -> str:
    """Return the name of a run of `nightly`: "nightly DAY", or the past nights that it is for."""
    return _name(lambda given: f"nightly {_nights(given.get('as_of')) or _day()}")


def tag_run(dataset: str) -> None:
    """Give the run at hand the project's tag and one of its dataset."""
    run_id = runtime.flow_run.id
    wanted = [*runtime.flow_run.tags]
    wanted += [tag for tag in (TAG, dataset) if tag not in wanted]
    if len(wanted) > len(runtime.flow_run.tags):
        sent_to_page(lambda client: client.update_flow_run(run_id, tags=wanted))


def is_generated(name: str) -> bool:
    """Return whether Prefect has made up the name of a run, as its server and its page do."""
    if PAGES_OWN.fullmatch(name):
        return True
    words = name.split("-")
    return len(words) == 2 and set(words) <= _made_up_words()


def _name(made: Any) -> str:
    typed: str = runtime.flow_run.name
    return made(runtime.flow_run.parameters) if is_generated(typed) else typed


def _day() -> str:
    """Return the day that a run was due, in UTC: a night that is made up for keeps its own."""
    due = runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    return f"{due.astimezone(UTC):%Y-%m-%d}"


def _nights(as_of: Any) -> str:
    nights = [str(night) for night in as_of or ()]
    return f"{nights[0]} to {nights[-1]}" if len(nights) > 1 else "".join(nights)


def _made_up_words() -> set[str]:
    from coolname.data import config

    lists = (part for part in config.values() if isinstance(part, Mapping))
    return {word for part in lists for word in part.get("words", ())}
