"""Where last night's gradient descent ended, for datasets that start tonight's from there."""

from collections.abc import Sequence

from data.declarations.model import Declaration
from data.errors import DamagedStore
from data.store.read.earlier_runs import last_details
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.job import Start
from tasks.run import progress

Starts = dict[str, Start]
"""Where each part of a candidate's fit (a fold, the twin, the refit) starts, by its name."""


def last_starts(
    candidates: Sequence[Candidate],
    declaration: Declaration,
    store: Store,
    *,
    before_run: int | None = None,
) -> tuple[dict[Candidate, Starts], str | None]:
    """Return where each candidate's latest stored descents ended, or its latest before a run.

    Empty for every kind but gradient descent, for all of them unless `start: last` is declared, and
    where they are not what was stored: then a sentence says so.
    """
    starts: dict[Candidate, Starts] = {candidate: {} for candidate in candidates}
    descending = [c for c in candidates if c.kind == "gradient_descent"]
    if not descending or declaration.gradient_descent.start != "last":
        return starts, None
    name = declaration.name
    try:
        details = store.read(lambda c: last_details(c, name, before_run=before_run))
    except DamagedStore as error:
        warning = f"Gradient descent starts anew, not where it ended last: {error.what}"
        progress.log(name, warning, warning=True)
        return starts, warning
    for candidate in descending:
        starts[candidate] = {
            name: Start(part["end"], part["split_rules"], part["until"])
            for name, part in details.get(candidate, {}).items()
            if isinstance(part, dict) and "end" in part
        }
    return starts, None
