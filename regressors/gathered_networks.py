"""The networks of an ANN, trained by several processes: one fold each, where a fold takes long.

Where folds are chained, the networks of each decide on the groups and epochs of the next, so those
are left to one process.
"""

from dataclasses import replace

from regressors.fitting import for_its_kind, in_own_file
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Grouping, Job, NetworkFit
from regressors.linear.kept_sums import drop_others
from regressors.network.folds import decided_groups, fold_fit, missing_fits
from regressors.network.plan import COLUMN_INPUTS, may_be_planned, products_of
from regressors.shared_work import SharedWork

ROW_PRODUCTS = 50_000
"""What a row counts for beside its products each time it is trained on: ten microseconds."""

USUAL_EPOCHS = 25
"""What a fold of a small table usually takes, for which nothing is planned."""

MIN_PRODUCTS = 7.5e9
"""Products of a fold that is a job of its own, about a second of a core. Of shorter ones a single
process has trained all before others have started."""


def are_shared(job: Job) -> bool:
    """Return whether the folds of the job of an ANN are worth a job each.

    One whose plan is still to be made is left to one process.
    """
    rows, plan = len(job.target), job.plan
    if job.chained or (plan is None and may_be_planned(rows, job.budget)):
        return False
    seen = rows * USUAL_EPOCHS if plan is None else plan.rows * plan.epochs
    each = products_of(COLUMN_INPUTS * len(job.columns), job.hidden)
    return seen * (ROW_PRODUCTS + each) >= MIN_PRODUCTS


def gathered_networks(job: Job) -> SharedWork[Job]:
    """Gather the networks of all folds, and before what decides on their groups."""
    if not are_shared(job):
        return job
    if job.grouping is None:
        job = yield from gathered_groups(job)
    assert job.grouping is not None
    fits = yield from missing_fits(job, job.grouping, fold_fit_of_worker)
    return replace(job, ready=fits)


def gathered_groups(job: Job) -> SharedWork[Job]:
    """Gather the decision on the groups, with the fits that decided and have them."""
    if not are_shared(job):
        return job
    decided = yield from decided_groups(job, fold_fit_of_worker)
    return replace(job, grouping=decided.grouping, ready=decided.fits)


# What the processes are asked for.


def fold_fit_of_worker(
    framework: FrameworkModule, job: Job, number: int, grouping: Grouping
) -> NetworkFit:
    """Train the network of a fold; what it predicts is in the file of the job, if it has one."""
    drop_others(job)
    fit = fold_fit(framework, for_its_kind(job), number, grouping)
    if job.predictions_file is None:
        return fit
    held = in_own_file(fit.held_predictions, job.predictions_file)
    return replace(fit, held_predictions=held)
