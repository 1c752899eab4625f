"""Refit a candidate on every labelled row, test rows included: the model that may serve."""

from collections.abc import Mapping, Set

from regressors import fitting, gathering
from regressors.candidate import Candidate
from regressors.job import Fitted, Start
from tasks.run import progress
from tasks.run.attempt import Fits
from tasks.run.choice import Choice
from tasks.run.prepared import Prepared
from tasks.run.step import step, why_not
from tasks.run.workers import FrameworkWorkers, job_of


def to_refit(
    fits: Fits, choice: Choice, also: Set[Candidate] = frozenset()
) -> dict[Candidate, Fitted]:
    """Return the fits to refit: the winner, what serves from now on, and every pooled equation.

    The linear candidates of all rows are refitted because each has an equation to store. `also`
    names others.
    """
    wanted = {choice.winner, choice.reported, *also}
    wanted |= {c for c in fits if c.is_linear and not c.is_segmented}
    return {
        candidate: fit
        for candidate, fit in fits.items()
        if isinstance(fit, Fitted) and candidate in wanted
    }


@step(run_name="refit {candidate}", problem=why_not)
def refit(
    candidate: Candidate,
    fitted: Fitted,
    prepared: Prepared,
    starts: Mapping[str, Start],
    workers: FrameworkWorkers,
) -> Fitted | str:
    """Return the refit of a candidate that `fit` fitted, or why it failed."""
    job = job_of(candidate, prepared, starts=starts, fitted=fitted)
    outcome = workers.run(fitting.refit, job, "refitting", gather=gathering.for_refit)
    if isinstance(outcome, str):
        message = f"the refit of {candidate} failed: {outcome}"
        progress.log(prepared.declaration.name, message, warning=True)
    return outcome
