"""Refit on every labelled row, test rows included: what may serve, and every linear equation."""

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from data.checks.declared import Checked
from data.declarations.model import Declaration
from data.sources.read import Snapshot
from data.split import Split
from regressors import fitting
from regressors.candidate import Candidate
from regressors.job import Fitted, Start
from tasks.run.progress import tell
from tasks.run.rows import load_rows
from tasks.run.workers import job_of, run_job


@task(cache_policy=NO_CACHE, task_run_name="refit {candidate}")
def refit(
    candidate: Candidate,
    fitted: Fitted,
    declaration: Declaration,
    snapshot: Snapshot,
    checked: Checked,
    split: Split,
    starts: Mapping[str, Start],
) -> Fitted | str:
    """Return the refit of a candidate that `fit` fitted, or why it failed."""
    rows = load_rows(declaration, snapshot, checked.kept, checked.features)
    labelled = split.role != "new"
    job = job_of(
        candidate,
        declaration,
        rows,
        split,
        labelled,
        products=checked.products,
        starts=starts,
        groups=fitted.groups,
        refit_epochs=fitted.refit_epochs,
    )
    outcome = run_job(fitting.refit, job)
    if isinstance(outcome, str):
        tell(declaration.name, f"refit of {candidate} failed: {outcome}", warning=True)
    return outcome
