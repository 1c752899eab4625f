"""What is known so far of one attempt to retrain one dataset.

A run that fails half-way is stored with as much as it had found out; this is where that is kept
until the one transaction that stores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.errors import CallError, Rejected, Unchanged
from data.sources.as_of import last_moment
from data.sources.snapshot import Snapshot
from data.store.read.earlier_runs import LastGood
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging.agreement import Comparison, disagreements
from regressors.judging.selection import Hold
from regressors.network.resilience import Silenced
from tasks.run.prepared import Prepared, Times

if TYPE_CHECKING:  # importing them at run time would load Prefect to roll a champion back
    from tasks.choose import Choice
    from tasks.incumbent import Incumbent


@dataclass
class Attempt:
    """One run, filled step by step; None is a step that was not reached.

    `as_of` is the night of the past that it stands for, `last` the last good run, `incumbent` what
    served before. `resilience` is that of `measured`, empty where it has no hidden cells.
    `refitted` are candidates of a stored run that had a refit, wanted again where it is replayed.
    """

    declaration: Declaration
    as_of: str | None = None
    status: str = "succeeded"
    reason: str | None = None
    run_id: int | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    last: LastGood | None = None
    snapshot: Snapshot | None = None
    checked: Checked | None = None
    prepared: Prepared | None = None
    fits: Mapping[Candidate, Fitted | str] = field(default_factory=dict)
    incumbent: Incumbent | None = None
    choice: Choice | None = None
    refitted: frozenset[Candidate] = frozenset()
    refits: Mapping[Candidate, Fitted | str] = field(default_factory=dict)
    agreement: tuple[Comparison, ...] = ()
    resilience: tuple[Silenced, ...] = ()

    def accepted(self, checked: Checked) -> Checked:
        """Keep the outcome of the checks; raise Rejected where the run may not go on."""
        self.checked = checked
        if not checked.passed:
            raise Rejected(checked.reason or "the data did not pass its checks.")
        return checked

    def changed_since(self, run_id: int | None, *, force: bool) -> None:
        """Raise Unchanged where a run had the same rows, declaration, code and libraries."""
        if run_id is not None and not force:
            raise Unchanged(
                f"nothing has changed since run {run_id}: the same rows, declaration, code and"
                " library versions.",
                next_step="With --force it runs anyway.",
            )

    @property
    def last_rows(self) -> int | None:
        """Return how many rows the last good run read; None for a night of the past."""
        return self.last.rows_read if self.last and self.as_of is None else None

    @property
    def night(self) -> datetime:
        """Return when this night is: now, or the end of the night of the past."""
        try:
            return self.started_at if self.as_of is None else last_moment(self.as_of)
        except CallError:  # a number, of a column that has no age
            return self.started_at

    @property
    def times(self) -> Times:
        """Return how far the rows reach in time."""
        return self.prepared.times if self.prepared else Times()

    @property
    def hold(self) -> Hold | None:
        """Return why nobody may be promoted tonight, None where somebody may."""
        serving = self.incumbent.serving if self.incumbent else None
        if serving is None:
            return None
        later, own = serving.data_until, self.times.data_until
        if self.as_of is not None and later is None:
            why = "it was trained without a time column, so its data may be later than that of "
            return Hold("backfill", why + self.as_of)
        if self.as_of is not None and later is not None and own is not None and later > own:
            return Hold("backfill", f"it was trained on later data than that of {self.as_of}")
        if serving.pinned:
            return Hold("pinned", f"pinned by {serving.pinned_by}: {serving.pinned_reason}")
        return None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return the declared candidates, the simplest kinds first."""
        declared = self.declaration.candidates
        return tuple(Candidate(f, kind) for kind in declared.kinds for f in declared.frameworks)

    @property
    def to_refit(self) -> dict[Candidate, Fitted]:
        """Return the winner, what serves, and the linear candidates: each has an equation."""
        assert self.choice is not None
        wanted = {candidate for candidate in self.fits if candidate.is_linear}
        wanted |= {self.choice.winner, self.measured, *self.refitted}
        return {n: f for n, f in self.fits.items() if n in wanted and isinstance(f, Fitted)}

    @property
    def measured(self) -> Candidate:
        """Return tonight's candidate that serves from now on, or else the winner."""
        assert self.choice is not None
        return self.choice.promoted or self.choice.winner

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a reader should know of the data and of the fits, each sentence once."""
        data = self.checked.warnings if self.checked else ()
        fits: dict[tuple[str, str], list[str]] = {}
        for candidate, fit in (self.refits or self.fits).items():
            for warning in fit.warnings if isinstance(fit, Fitted) else ():
                fits.setdefault((candidate.kind, warning), []).append(candidate.framework)
        told = [f"{kind} ({', '.join(names)}): {text}" for (kind, text), names in fits.items()]
        return tuple(dict.fromkeys([*data, *told, *disagreements(self.agreement)]))
