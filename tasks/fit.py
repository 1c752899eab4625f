"""Fit a candidate on every fold of the training rows."""

from collections.abc import Mapping

from regressors import fitting, gathering
from regressors.candidate import Candidate
from regressors.job import Fitted, Start
from tasks.run import progress
from tasks.run.ann_plan import AnnPlan
from tasks.run.prepared import Prepared
from tasks.run.recency import Recency
from tasks.run.step import step, why_not
from tasks.run.workers import FrameworkWorkers, job_of


@step(run_name="fit {candidate}", problem=why_not)
def fit(
    candidate: Candidate,
    prepared: Prepared,
    starts: Mapping[str, Start],
    workers: FrameworkWorkers,
    recency: Recency,
    plan: AnnPlan | Mapping[str, str] | None = None,
) -> Fitted | str:
    """Return the candidate's fit with its out-of-fold predictions, or why it failed.

    `recency` is what `recency` returned, and `plan` what `plan` did, for an ANN.
    """
    job = job_of(
        candidate,
        prepared,
        starts=starts,
        half_life=recency.of(candidate),
        half_lives=recency.by_fold(candidate),
    )
    if isinstance(plan, AnnPlan):
        job = plan.applied(job)
    if isinstance(plan, Mapping):
        outcome: Fitted | str = plan[candidate.framework]
    else:
        outcome = workers.run(fitting.validate, job, gather=gathering.for_validate)
    if isinstance(outcome, str):
        progress.log(prepared.declaration.name, f"{candidate} failed: {outcome}", warning=True)
    else:
        progress.log(prepared.declaration.name, f"fitted {candidate} ({outcome.seconds:.1f} s)")
    return outcome
