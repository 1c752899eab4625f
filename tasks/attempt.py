"""What is known so far of one attempt to retrain one dataset.

A run that fails half-way is stored with as much as it had found out; this is where that is kept
until the one transaction that stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from data.declare import Declaration
from data.division import Division
from data.errors import UserError
from data.expectations import Checked
from data.read import Snapshot
from regressors.agreement import Comparison, disagreements
from regressors.job import Fitted
from regressors.resilience import Silenced
from regressors.selection import LINEAR_KINDS
from tasks.choose import Choice


class Rejected(UserError):
    """Data that was read and failed its checks."""


@dataclass
class Attempt:
    """One run, filled step by step; None is a step that was not reached.

    `resilience` is the winner's, empty where that has no hidden cells.
    """

    declaration: Declaration
    status: str = "succeeded"
    reason: str | None = None
    run_id: int | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    snapshot: Snapshot | None = None
    checked: Checked | None = None
    division: Division | None = None
    fits: Mapping[str, Fitted | str] = field(default_factory=dict)
    choice: Choice | None = None
    refits: Mapping[str, Fitted | str] = field(default_factory=dict)
    agreement: tuple[Comparison, ...] = ()
    resilience: tuple[Silenced, ...] = ()

    def accepted(self, checked: Checked) -> Checked:
        """Keep the outcome of the checks; raise Rejected where the run may not go on."""
        self.checked = checked
        if not checked.passed:
            raise Rejected(checked.reason or "the data did not pass its checks.")
        return checked

    @property
    def candidates(self) -> tuple[str, ...]:
        """Return the names of the declared candidates, the simplest kinds first."""
        declared = self.declaration.candidates
        return tuple(f"{f}/{kind}" for kind in declared.kinds for f in declared.frameworks)

    @property
    def to_refit(self) -> dict[str, Fitted]:
        """Return the winner and every linear candidate that was fitted: each has an equation."""
        assert self.choice is not None
        wanted = {name for name in self.fits if name.split("/")[1] in LINEAR_KINDS}
        wanted.add(self.choice.winner)
        return {n: f for n, f in self.fits.items() if n in wanted and isinstance(f, Fitted)}

    @property
    def serves_tonight(self) -> bool:
        """Tell whether tonight's winner serves from now on."""
        return self.choice is not None and self.choice.decision.decision == "promoted"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what a reader should know of the data and of the fits, each sentence once."""
        data = self.checked.warnings if self.checked else ()
        fits: dict[tuple[str, str], list[str]] = {}
        for name, fit in (self.refits or self.fits).items():
            framework, kind = name.split("/")
            for warning in fit.warnings if isinstance(fit, Fitted) else ():
                fits.setdefault((kind, warning), []).append(framework)
        told = [f"{kind} ({', '.join(names)}): {text}" for (kind, text), names in fits.items()]
        return tuple(dict.fromkeys([*data, *told, *disagreements(self.agreement)]))
