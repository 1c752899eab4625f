"""Retrain one dataset: read, check, divide, fit, choose, refit, compare, resilience, store."""

from prefect import flow

from data.declare import load_dataset
from data.settings import settings
from tasks.check import check
from tasks.choose import choose
from tasks.compare import compare
from tasks.divide import divide
from tasks.fit import fit
from tasks.read import read
from tasks.refit import refit
from tasks.report import Summary, report
from tasks.resilience import resilience
from tasks.store import attempt, store
from tasks.workers import framework_workers, results


@flow(flow_run_name="retrain {dataset}")
def retrain(dataset: str, dry_run: bool = False) -> Summary:
    """Retrain a declared dataset and store the outcome, unless it is a dry run.

    Raises RunFailed, the attempt stored, where the data was refused or nothing could be fitted.
    """
    declaration = load_dataset(dataset, settings().datasets)
    with framework_workers(), attempt(declaration, dry_run=dry_run) as run:
        run.snapshot = read(declaration)
        checked = run.accepted(check(declaration, run.snapshot))
        run.division = divide(declaration, run.snapshot, checked)
        rows = (declaration, run.snapshot, checked, run.division)
        run.fits = results({name: fit.submit(name, *rows) for name in run.candidates})
        run.choice = choose(*rows, run.fits)
        run.refits = results({n: refit.submit(n, fit, *rows) for n, fit in run.to_refit.items()})
        run.agreement = compare(run.fits, run.refits, run.choice)
        run.resilience = resilience(*rows, run.to_refit[run.choice.winner])
        store(run, dry_run=dry_run)
    return report(run)
