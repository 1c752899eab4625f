"""One attempt to retrain one dataset, and what it has come to so far."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.errors import CallError
from data.sources.as_of import last_moment
from data.sources.snapshot import Snapshot
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging.agreement import Comparison, disagreements
from regressors.model import Model
from regressors.network.resilience import Silenced
from regressors.rolling import Rolled
from tasks.report.run_figures import RunFigures
from tasks.run.ann_plan import AnnPlan, EarlierPlan
from tasks.run.choice import Choice
from tasks.run.prepared import Prepared
from tasks.run.recency import Recency
from tasks.run.routing import Routing
from tasks.run.segment_summary import segment_warnings
from tasks.run.step_times import StepTime

Fits = Mapping[Candidate, Fitted | str]
"""Each candidate's fit, or one sentence on why it failed."""


@dataclass(frozen=True)
class Trained:
    """What a run trained and decided: all that its scores, decisions and predictions come from.

    `rolled` are the predictions of the test rows, by the candidates that are compared there.
    `routing` says what serves each segment; None where none are declared, or nothing may change.
    """

    prepared: Prepared
    fits: Fits
    rolled: Mapping[Candidate, Rolled]
    choice: Choice
    refits: Fits = field(default_factory=dict)
    agreement: tuple[Comparison, ...] = ()
    resilience: tuple[Silenced, ...] = ()
    routing: Routing | None = None

    def with_refits(self, refits: Fits) -> "Trained":
        """Return it with the refits; the champion serves the segments of one that failed."""
        routing = self.routing.with_refits(refits) if self.routing else None
        return replace(self, refits=refits, routing=routing)

    def served(self, candidate: Candidate) -> Model | None:
        """Return the refit of a candidate with the intervals that serve; None if there is none.

        Those of test rows at rolling origins are continued, so that they have adapted to these.
        """
        fit, refit = self.fits[candidate], self.refits.get(candidate)
        if not isinstance(fit, Fitted) or not isinstance(refit, Fitted):
            return None
        rolled = self.rolled.get(candidate)
        if rolled is None or not self.prepared.split.chained:
            return refit.model.with_interval_of(fit.model)
        return replace(refit.model, intervals=rolled.intervals)


@dataclass
class Attempt:
    """What one attempt has come to so far; None is a stage that it has not reached.

    It is the logbook of a run: one that fails half-way is stored with the results it had by then.
    Steps do not read it: they get the values they need, `Prepared` and then `Trained`, in which
    nothing is missing.

    `as_of` is the past night that the run stands for. `earlier_plan` is what a stored run says of
    the plan of its ANNs, where this one is that run again or stands for a past night;
    `earlier_recency` is what it says of how rows count by their age, where this one is that run.
    """

    declaration: Declaration
    as_of: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "succeeded"
    reason: str | None = None
    run_id: int | None = None
    earlier_plan: EarlierPlan | None = None
    ann_plan: AnnPlan | None = None
    earlier_recency: Recency | None = None
    recency: Recency = field(default_factory=Recency)
    snapshot: Snapshot | None = None
    checked: Checked | None = None
    prepared: Prepared | None = None
    fits: Fits = field(default_factory=dict)
    trained: Trained | None = None
    figures: RunFigures | None = None
    process_warnings: tuple[str, ...] = ()
    prediction_warnings: tuple[str, ...] = ()
    start_warning: str | None = None
    killed_before: tuple[str, ...] = ()
    store_warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    step_times: list[StepTime] = field(default_factory=list)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return the declared candidates, the simplest kinds first."""
        declared = self.declaration.candidates
        return tuple(Candidate(f, kind) for kind in declared.kinds for f in declared.frameworks)

    @property
    def frameworks(self) -> tuple[str, ...]:
        """Return the declared frameworks."""
        return tuple(self.declaration.candidates.frameworks)

    @property
    def night(self) -> datetime:
        """Return the time that the run stands for: its start, or the end of a past night."""
        try:
            return self.started_at if self.as_of is None else last_moment(self.as_of)
        except CallError:  # `as_of` is a number, and a column of numbers has no age
            return self.started_at

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a reader should know of the champion, the data and the fits, each once."""
        snapshot = self.snapshot.warnings if self.snapshot else ()
        data = self.checked.warnings if self.checked else ()
        refits = self.trained.refits if self.trained else {}
        frameworks: dict[tuple[str, str], list[str]] = {}
        shown = [(c, fit.warnings) for c, fit in _fitted(refits or self.fits)]
        shown += [(c, fit.fold_warnings) for c, fit in _fitted(self.fits)]
        for candidate, own in shown:
            for warning in own:
                frameworks.setdefault((candidate.kind, warning), []).append(candidate.framework)
        fits = [f"{kind} ({', '.join(of)}): {text}" for (kind, text), of in frameworks.items()]
        agreement = disagreements(self.trained.agreement) if self.trained else ()
        choice = self.trained.choice if self.trained else None
        unscored = choice.warning if choice else None
        blind = choice.incumbent.blind if choice and choice.incumbent else None
        sentences = [
            *self.killed_before,
            *self.doubts,
            *snapshot,
            *data,
            *fits,
            *agreement,
            self.recency.warning,
            self.start_warning,
            unscored,
            blind,
        ]
        if self.prepared is not None:
            routing = self.trained.routing if self.trained else None
            sentences += segment_warnings(self.prepared, routing)
        sentences += [*self.process_warnings, *self.prediction_warnings, *self.store_warnings]
        return tuple(dict.fromkeys(sentence for sentence in sentences if sentence))


def _fitted(fits: Mapping[Candidate, Fitted | str]) -> Iterator[tuple[Candidate, Fitted]]:
    """Yield the candidates that were fitted."""
    for candidate, fit in fits.items():
        if isinstance(fit, Fitted):
            yield candidate, fit
