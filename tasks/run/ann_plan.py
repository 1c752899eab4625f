"""The plan of the ANNs of a large table, which all frameworks share, and who decided on groups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from regressors.job import Grouping, Job, NetworkFit
from regressors.network.plan import Plan


@dataclass(frozen=True)
class AnnPlan:
    """A plan, the groups, and the framework that decided on them, whose fits are `ready`."""

    plan: Plan
    grouping: Grouping
    decided_by: str
    ready: Mapping[int, NetworkFit] = field(default_factory=dict, repr=False)
    sentence: str = ""

    def applied(self, job: Job) -> Job:
        """Return the job of an ANN with this plan."""
        ready = self.ready if job.candidate.framework == self.decided_by else {}
        return replace(
            job,
            plan=self.plan,
            grouping=self.grouping,
            decided_by=self.decided_by,
            ready=ready,
        )


@dataclass(frozen=True)
class EarlierPlan:
    """What a stored run says of its plan: who decided, and what a second was worth in products."""

    decided_by: str | None = None
    rate: float | None = None

    @classmethod
    def among(cls, details: Iterable[Mapping[str, Any]]) -> "EarlierPlan":
        """Return what the first candidate with a plan says."""
        for of_candidate in details:
            plan = of_candidate.get("plan")
            if isinstance(plan, dict):
                return cls(of_candidate.get("decided_by"), plan.get("rate"))
        return cls()


def plan_in(outcome: AnnPlan | Mapping[str, str] | None) -> AnnPlan | None:
    """Return the plan among what planning may come to, None where there is none."""
    return outcome if isinstance(outcome, AnnPlan) else None


def sentence_of(plan: Plan, rate: float) -> str:
    """Return a plan in words: "5 epochs of up to 64,000 rows, 5 to 7 trainings, ..."."""
    minutes = plan.products / rate / 60
    about = f"about {minutes:,.0f} min" if minutes >= 1.5 else f"about {minutes * 60:,.0f} s"
    drawn = "" if plan.share >= 1 else f", {plan.share:.0%} of them drawn"
    return (
        f"{plan.epochs} epochs of up to {plan.rows:,} rows{drawn};"
        f" {plan.networks} to {plan.networks + 2} trainings per framework, and then the refit of"
        f" the winner: {about} at most in each"
    )
