"""`nightfit db check`: is the database, and what belongs to it, still what was stored?"""

import sys
from collections.abc import Sequence
from dataclasses import asdict

from data.settings import settings
from data.store.check.finding import Finding
from data.store.session import Store
from flows.command.screen import Screen, print_json


def run_db_check(*, as_json: bool) -> int:
    """Check the database and the snapshots, and print what is wrong; return 1 if anything is."""
    from tasks.check_database import check_database

    config = settings()
    store = Store(config.database_url)
    findings = check_database(store, home=config.home, keep_runs=config.keep_runs)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print_report(store.display_url, findings)
    return 1 if any(not finding.left_over for finding in findings) else 0


def _print_report(where: str, findings: Sequence[Finding]) -> None:
    wrong = [finding for finding in findings if not finding.left_over]
    left_over = [finding for finding in findings if finding.left_over]
    console = Screen(sys.stdout)
    if not wrong:
        console.print(
            f"{where}: nothing is wrong with the database, its models and its snapshots.",
            soft_wrap=True,
        )
    else:
        noun = "thing is" if len(wrong) == 1 else "things are"
        console.print(f"{where}: {len(wrong):,} {noun} wrong.", soft_wrap=True)
    for finding in wrong:
        console.print(f"  {finding}", soft_wrap=True)
    for finding in left_over:
        console.print(f"  left over: {finding}", soft_wrap=True)
