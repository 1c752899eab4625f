"""Refit on every labelled row, test rows included: what may serve, and every linear equation."""

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from regressors import fitting
from regressors.candidate import Candidate
from regressors.job import Fitted, Start
from tasks.run.prepared import Prepared
from tasks.run.progress import tell
from tasks.run.workers import job_of, run_job


@task(cache_policy=NO_CACHE, task_run_name="refit {candidate}")
def refit(
    candidate: Candidate,
    fitted: Fitted,
    prepared: Prepared,
    starts: Mapping[str, Start],
) -> Fitted | str:
    """Return the refit of a candidate that `fit` fitted, or why it failed."""
    job = job_of(
        candidate,
        prepared,
        prepared.labelled,
        prepared.labelled_fold,
        starts=starts,
        grouping=fitted.grouping,
        refit_epochs=fitted.refit_epochs,
    )
    outcome = run_job(fitting.refit, job)
    if isinstance(outcome, str):
        tell(prepared.declaration.name, f"refit of {candidate} failed: {outcome}", warning=True)
    return outcome
