"""Where last night's gradient descent ended, for a dataset that is to go on from there."""

from data.declarations.model import Declaration
from data.settings import settings
from data.store.read.earlier_runs import last_details
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.job import Start


def last_starts(
    candidate: Candidate, declaration: Declaration, before_run: int | None = None
) -> dict[str, Start]:
    """Return the ends of the candidate's latest stored descents, or those before a run, by part.

    None but for gradient descent where the declaration says `start: last`.
    """
    wanted = candidate.kind == "gradient_descent"
    if not wanted or declaration.gradient_descent.start != "last":
        return {}
    with Store(settings().database_url).reading() as connection:
        details = last_details(connection, declaration.name, before_run=before_run)
    parts = details.get(candidate, {})
    return {
        name: Start(part["end"], part["split_rules"], part["until"])
        for name, part in parts.items()
        if isinstance(part, dict) and "end" in part
    }
