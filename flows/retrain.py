"""Retrain one dataset: read, check, split, fit, choose, refit, compare, resilience, store."""

from prefect import flow

from data.declarations.file import load_dataset
from data.settings import settings
from tasks.check import check
from tasks.choose import choose
from tasks.compare import compare
from tasks.fit import fit
from tasks.incumbent import incumbent
from tasks.read import read
from tasks.refit import refit
from tasks.resilience import resilience
from tasks.run.attempt import Attempt
from tasks.run.night import last_night, one_night, unchanged_since
from tasks.run.starts import last_starts
from tasks.run.summary import Summary, report
from tasks.run.workers import framework_workers, results
from tasks.split import split
from tasks.store import attempt, store


@flow(flow_run_name="retrain {dataset}")
def retrain(
    dataset: str,
    dry_run: bool = False,
    force: bool = False,
    as_of: str | None = None,
    wait: bool = True,
) -> Summary:
    """Retrain a declared dataset and store the outcome, unless it is a dry run.

    Where nothing has changed since the last good run, the run is skipped, unless by `force`.
    `as_of` trains as an earlier night would have. Another night of the same dataset is waited for,
    or, without `wait`, raises Busy. Raises RunFailed, the attempt stored, where the data was
    refused or nothing could be fitted.
    """
    declaration = load_dataset(dataset, settings().datasets)
    with (
        one_night(declaration, wait=wait),
        framework_workers(),
        attempt(declaration, as_of=as_of, dry_run=dry_run) as run,
    ):
        run.last = last_night(declaration)
        run.snapshot = read(declaration, as_of=as_of)
        run.changed_since(unchanged_since(run), force=force)
        train(run)
        store(run, dry_run=dry_run)
    return report(run)


def train(run: Attempt, *, before_run: int | None = None) -> None:
    """Do all that lies between a snapshot and the store; `before_run`: as it was before that."""
    assert run.snapshot is not None
    checked = check(run.declaration, run.snapshot, last_rows=run.last_rows, now=run.night)
    rows = run.prepared = split(run.declaration, run.snapshot, run.accepted(checked))
    starts = {name: last_starts(name, run.declaration, before_run) for name in run.candidates}
    run.fits = results({n: fit.submit(n, rows, starts[n]) for n in run.candidates})
    run.incumbent = incumbent(rows, before_run=before_run)
    run.choice = choose(rows, run.fits, run.incumbent, hold=run.hold)
    run.refits = results(
        {n: refit.submit(n, fit, rows, starts[n]) for n, fit in run.to_refit.items()}
    )
    run.agreement = compare(run.fits, run.refits, run.choice)
    run.resilience = resilience(rows, run.to_refit[run.measured])
