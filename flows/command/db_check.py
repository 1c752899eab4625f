"""`nightfit db check`: is the database, and what belongs to it, still what was stored?"""

import sys
from collections.abc import Sequence
from dataclasses import asdict

from data.settings import settings
from data.store.check.finding import Finding
from data.store.session import Store
from flows.command.screen import Screen, print_json


def run_db_check(*, as_json: bool, acknowledge: bool) -> int:
    """Check the database and the snapshots, and print what is wrong; return 1 if anything is.

    With `acknowledge`, what is wrong now no longer counts, neither here nor in `status`.
    """
    from tasks.check_database import check_database

    config = settings()
    store = Store(config.database_url)
    findings = check_database(
        store, home=config.home, keep_runs=config.keep_runs, acknowledge=acknowledge
    )
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print_report(store.display_url, findings)
    return 1 if any(finding.is_wrong for finding in findings) else 0


def _print_report(where: str, findings: Sequence[Finding]) -> None:
    wrong = [finding for finding in findings if finding.is_wrong]
    acknowledged = [finding for finding in findings if finding.acknowledged]
    left_over = [finding for finding in findings if finding.left_over]
    console = Screen(sys.stdout)
    if not wrong and not acknowledged:
        console.print(
            f"{where}: nothing is wrong with the database, its models and its snapshots.",
            soft_wrap=True,
        )
    else:
        noun = "thing is" if len(wrong) == 1 else "things are"
        known = f" Beside that, {len(acknowledged):,} acknowledged." if acknowledged else ""
        console.print(f"{where}: {len(wrong):,} {noun} wrong.{known}", soft_wrap=True)
    for finding in wrong:
        console.print(f"  {finding}", soft_wrap=True)
    for finding in acknowledged:
        console.print(f"  acknowledged: {finding}", soft_wrap=True)
    for finding in left_over:
        console.print(f"  left over: {finding}", soft_wrap=True)
