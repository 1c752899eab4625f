"""Plan the ANNs of a large table before any is trained, and decide on their groups once for all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from regressors import fitting, gathering
from regressors.candidate import Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.job import Job
from regressors.network.plan import Plan, may_be_planned
from regressors.network.rate import measured_rate
from tasks.run import progress
from tasks.run.ann_plan import AnnPlan, EarlierPlan, sentence_of
from tasks.run.prepared import Prepared
from tasks.run.rate import rate_of_home
from tasks.run.recency import Recency
from tasks.run.step import step
from tasks.run.workers import FrameworkWorkers, job_of


def is_planned(prepared: Prepared) -> bool:
    """Return whether the table is large enough for a plan, which needs a framework's process."""
    budget = prepared.declaration.ann.budget_seconds
    return may_be_planned(len(prepared.train.keys), budget)


def _why_none(outcome: object) -> str | None:
    """Return why no framework could plan, None if one did or none had to."""
    if not isinstance(outcome, Mapping):
        return None
    return " ".join(f"{framework}: {reason}" for framework, reason in outcome.items())


@step(problem=_why_none)
def plan(
    candidates: Sequence[Candidate],
    prepared: Prepared,
    workers: FrameworkWorkers,
    recency: Recency,
    *,
    home: Path,
    earlier: EarlierPlan | None = None,
) -> AnnPlan | Mapping[str, str] | None:
    """Return the plan of the ANNs, None where the table is small: then each decides for itself.

    The first framework of the registry decides, so that it is the same one every night; if it
    fails, the next one does. If all do, the result is the reason of each. The framework and the
    rate of an `earlier` run, which is trained again, are taken from there.
    """
    earlier = earlier or EarlierPlan()
    if not is_planned(prepared):
        return None
    reasons: dict[str, str] = {}
    for candidate in _in_order(candidates, earlier.decided_by):
        decided = _decided(candidate, prepared, workers, recency, home, earlier.rate)
        if not isinstance(decided, str):
            return decided
        reasons[candidate.framework] = decided
        message = f"{candidate.framework} could not plan the ANNs: {decided}"
        progress.log(prepared.declaration.name, message, warning=True)
    return reasons


def _in_order(candidates: Sequence[Candidate], first: str | None) -> list[Candidate]:
    """Return the ANNs, one of the framework `first` before those in the order of the registry.

    It need not be among the candidates, where one of several is fitted again.
    """
    anns = [candidate for candidate in candidates if candidate.kind == "ann"]
    anns.sort(key=lambda candidate: FRAMEWORK_NAMES.index(candidate.framework))
    if not anns or first not in FRAMEWORK_NAMES:
        return anns
    decider = Candidate(first, "ann")
    return [decider, *(candidate for candidate in anns if candidate != decider)]


def _decided(
    candidate: Candidate,
    prepared: Prepared,
    workers: FrameworkWorkers,
    recency: Recency,
    home: Path,
    rate: float | None,
) -> AnnPlan | str | None:
    """Return what one framework decides, or why it cannot."""
    job = job_of(
        candidate,
        prepared,
        starts={},
        half_life=recency.of(candidate),
        half_lives=recency.by_fold(candidate),
    )
    alone = replace(job, columns={}, target=job.target[:0])
    measure = partial(workers.run, measured_rate, alone, "measuring the rate of")
    known = rate or rate_of_home(home, measure, by=candidate.framework)
    if isinstance(known, str):
        return known
    job = _budgeted(job, prepared.declaration.ann.budget_seconds, known)
    made = workers.run(fitting.plan, job, "planning")
    if not isinstance(made, Plan):
        return made
    name, sentence = prepared.declaration.name, sentence_of(made, known)
    progress.log(name, f"ann: {sentence}")
    grouped = workers.run(
        fitting.group,
        replace(job, plan=made),
        "deciding on the groups of",
        gather=gathering.for_group,
    )
    if isinstance(grouped, str):
        return grouped
    progress.log(name, f"ann: {candidate.framework} decided on groups: {grouped.grouping}")
    return AnnPlan(made, grouped.grouping, candidate.framework, grouped.fits, sentence)


def _budgeted(job: Job, seconds: float | None, rate: float) -> Job:
    """Return a job with the products that a declared time is worth on this machine."""
    return job if seconds is None else replace(job, budget=seconds * rate, rate=rate)
