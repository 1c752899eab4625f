"""A stored run, ready to be trained again from its snapshot and its declaration."""

from dataclasses import dataclass
from pathlib import Path

from data.declarations.model import Declaration
from data.declarations.sections import Candidates
from data.errors import SourceError, UserError
from data.sources.snapshot import Snapshot, snapshot_at
from data.store.records import RunRecord
from regressors.candidate import Candidate
from tasks.run.ann_plan import EarlierPlan
from tasks.run.attempt import Attempt
from tasks.run.recency import Recency


@dataclass(frozen=True)
class Replay:
    """A new attempt at a stored run, and the rows that the run had read.

    `also_refit` are the candidates that had a refit in that run: they are refitted again.
    """

    run: Attempt
    snapshot: Snapshot
    also_refit: frozenset[Candidate]


def replay_of(
    run_id: int, stored: RunRecord, *, home: Path, candidate: Candidate | None = None
) -> Replay:
    """Return a stored run, or one candidate of it, as it started.

    Raises UserError if the run did not succeed, or if its snapshot is gone or damaged.
    """
    declaration = declaration_of(run_id, stored)
    if candidate is not None:
        alone = Candidates(frameworks=(candidate.framework,), kinds=(candidate.kind,))
        declaration = declaration.model_copy(update={"candidates": alone})
    return Replay(
        Attempt(
            declaration,
            as_of=stored.as_of,
            started_at=stored.started_at,
            earlier_recency=Recency.stored(
                {
                    Candidate(record.framework, record.kind): record.details
                    for record in stored.candidates
                }
            ),
            earlier_plan=EarlierPlan.among(record.details for record in stored.candidates),
        ),
        snapshot_of(run_id, stored, home=home),
        also_refit=frozenset(
            Candidate(record.framework, record.kind)
            for record in stored.candidates
            if record.artifact is not None
        ),
    )


def declaration_of(run_id: int, stored: RunRecord) -> Declaration:
    """Return the declaration of a run; raise UserError if the run did not succeed."""
    if stored.status != "succeeded" or stored.declaration is None:
        raise UserError(
            f"it was {stored.status}, so it has no models.",
            where=f"run {run_id} of {stored.dataset}",
            next_step="'nightfit query run_history' shows which runs succeeded.",
        )
    return Declaration.model_validate_json(stored.declaration)


def snapshot_of(run_id: int, stored: RunRecord, *, home: Path) -> Snapshot:
    """Return the rows that a run had read; raise UserError if they are gone or damaged."""
    where = f"run {run_id} of {stored.dataset}"
    if stored.snapshot is None:
        raise UserError("it has no snapshot.", where=where, next_step="Choose another run.")
    path = home / stored.snapshot
    where = f"{where}, {path}"
    if not path.is_file():
        raise UserError(
            "its snapshot no longer exists.",
            where=where,
            next_step="Choose a later run, or set NIGHTFIT_HOME to the folder of that run.",
        )
    try:
        snapshot = snapshot_at(path)
        flaw = "" if snapshot.fingerprint == stored.fingerprint else "It is of another run."
    except SourceError as error:
        flaw = error.what
    if flaw:
        raise UserError(
            f"its snapshot is damaged. {flaw}",
            where=where,
            next_step=f"'nightfit check {stored.dataset}' writes it anew while the source still has"
            " the same rows; otherwise choose another run.",
        )
    return snapshot
