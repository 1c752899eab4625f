"""Fit a candidate on every fold of the training rows."""

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


@task(cache_policy=NO_CACHE, task_run_name="fit {candidate}")
def fit(
    candidate: Candidate,
    declaration: Declaration,
    snapshot: Snapshot,
    checked: Checked,
    split: Split,
    starts: Mapping[str, Start],
) -> Fitted | str:
    """Return the candidate's fit with its out-of-fold predictions, or why it failed."""
    rows = load_rows(declaration, snapshot, checked.kept, checked.features)
    training = split.role == "train"
    job = job_of(
        candidate, declaration, rows, split, training, products=checked.products, starts=starts
    )
    outcome = run_job(fitting.validate, job)
    if isinstance(outcome, str):
        tell(declaration.name, f"{candidate} failed: {outcome}", warning=True)
    else:
        tell(declaration.name, f"fitted {candidate} ({outcome.seconds:.1f} s)")
    return outcome
