"""`nightfit verify`: fit a stored run again and compare every digit."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from data.settings import settings
from data.store.database.failures import REPAIR
from data.store.read.whole_run import stored_run
from data.store.session import Store
from flows.command.screen import Screen, print_json
from flows.command.session import carry_out, working

if TYPE_CHECKING:
    from tasks.run.verification import Verification


def run_verify(run_id: int, *, as_json: bool) -> int:
    """Fit a stored run again and print what differs; return 1 if anything does."""
    from tasks.run.replay import replay_of

    config = settings()
    with Store(config.database_url).reading() as connection:
        stored = stored_run(connection, run_id)
    # Report a run that cannot be fitted again before any work.
    replay_of(run_id, stored, home=config.home)
    with working(config):
        from flows.verify import verify

        verification = carry_out(verify, run_id)
    if as_json:
        print_json(asdict(verification))
    else:
        _print_report(verification)
    return 1 if verification.different or verification.damaged else 0


def _print_report(verification: "Verification") -> None:
    counts = (
        f"{verification.coefficients:,} coefficients, {verification.scores:,} scores,"
        f" {verification.predictions:,} predictions"
        f" and {verification.models:,} models"
    )
    lines = [
        f"run {verification.run_id} of {verification.dataset}, fitted again from its snapshot:"
        f" {counts}"
    ]
    lines += [f"  since then: {change}" for change in verification.changed]
    if verification.different:
        lines.append(f"{verification.different:,} of them differ; the first ones are:")
        lines += [f"  {difference}" for difference in verification.differences]
    elif not verification.damaged:
        lines.append("All of them are the same to the last digit.")
    if verification.damaged:
        lines.append("The database is damaged; this is not what was stored that night:")
        lines += [f"  {clause}" for clause in verification.damaged]
        lines.append(REPAIR)
    console = Screen(sys.stdout)
    for line in lines:
        console.print(line, soft_wrap=True)
