"""Where last night's gradient descent ended, for datasets that start tonight's from there."""

from collections.abc import Sequence

from data.declarations.model import Declaration
from data.store.read.earlier_runs import last_details
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.job import Start

Starts = dict[str, Start]
"""Where each part of a candidate's fit (a fold, the twin, the refit) starts, by its name."""


def last_starts(
    candidates: Sequence[Candidate],
    declaration: Declaration,
    store: Store,
    *,
    before_run: int | None = None,
) -> dict[Candidate, Starts]:
    """Return where each candidate's latest stored descents ended, or its latest before a run.

    Empty for every kind but gradient descent, and for all of them unless `start: last` is declared.
    """
    starts: dict[Candidate, Starts] = {candidate: {} for candidate in candidates}
    descending = [c for c in candidates if c.kind == "gradient_descent"]
    if not descending or declaration.gradient_descent.start != "last":
        return starts
    name = declaration.name
    details = store.read(lambda connection: last_details(connection, name, before_run=before_run))
    for candidate in descending:
        starts[candidate] = {
            name: Start(part["end"], part["split_rules"], part["until"])
            for name, part in details.get(candidate, {}).items()
            if isinstance(part, dict) and "end" in part
        }
    return starts
