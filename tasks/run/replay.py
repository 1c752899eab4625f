"""A stored run once more: its snapshot and declaration, and what was known that night."""

from collections.abc import Callable

from data.declarations.model import Candidates, Declaration
from data.errors import NothingFitted, UserError
from data.settings import settings
from data.sources.snapshot import Snapshot, snapshot_at
from data.store.records import RunRecord
from regressors.candidate import Candidate
from tasks.run.attempt import Attempt


def replayed(
    run_id: int,
    stored: RunRecord,
    train: Callable[..., None],
    *,
    candidate: Candidate | None = None,
) -> Attempt:
    """Train a stored run again by `train`, or one `candidate` of it; nothing is written.

    Raises UserError where the run did not succeed, or its snapshot is gone or has been changed.
    """
    run = Attempt(
        declaration_of(run_id, stored),
        as_of=stored.as_of,
        started_at=stored.started_at,
        refitted=frozenset(
            Candidate(one.framework, one.kind)
            for one in stored.candidates
            if one.artifact is not None
        ),
    )
    if candidate is not None:
        alone = Candidates(frameworks=(candidate.framework,), kinds=(candidate.kind,))
        run.declaration = run.declaration.model_copy(update={"candidates": alone})
    run.snapshot = snapshot_of(run_id, stored)
    try:
        train(run, before_run=run_id)
    except NothingFitted as failure:
        where = f"run {run_id} of {stored.dataset}"
        raise UserError(f"nothing could be fitted again: {failure}", where=where) from None
    return run


def declaration_of(run_id: int, stored: RunRecord) -> Declaration:
    """Return the declaration that a run had; raise UserError where it did not succeed."""
    if stored.status != "succeeded" or stored.declaration is None:
        raise UserError(
            f"it was {stored.status}, and has nothing to compare with.",
            where=f"run {run_id} of {stored.dataset}",
            next_step="'nightfit query run_history' shows which succeeded.",
        )
    return Declaration.model_validate_json(stored.declaration)


def snapshot_of(run_id: int, stored: RunRecord) -> Snapshot:
    """Return the rows that a run had read, as they were; raise UserError where they are not."""
    assert stored.snapshot is not None
    path = settings().home / stored.snapshot
    where = f"run {run_id} of {stored.dataset}, {path}"
    if not path.is_file():
        raise UserError(
            "its snapshot is not there any more.",
            where=where,
            next_step="Name a later run, or set NIGHTFIT_HOME to the folder that it was made in.",
        )
    found = snapshot_at(path)
    if found.fingerprint != stored.fingerprint:
        raise UserError("its snapshot is not what the run had read: it was changed.", where=where)
    return found
