"""Everything that a report shows of one run, read from the store alone."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from data.checks.findings import ExpectationResult, RejectedRow
from data.errors import CallError
from data.store.column_types import UnreadableValue
from data.store.read.champions import latest_decision
from data.store.read.datasets import refuse_unknown_dataset
from data.store.read.run_figures import figures_of_run
from data.store.read.whole_run import stored_run
from data.store.records import CandidateRecord, RunRecord, ScoreRecord, SourceColumnRecord
from data.store.tables import (
    expectation_result,
    is_good,
    model,
    promotion,
    rejected_row,
    run,
    score,
    source_column,
)
from data.vocabulary import Candidate
from tasks.report.run_figures import RunFigures, read_figures

MAX_NIGHTS = 365
"""The latest nights that a report shows the test error of."""
MAX_REJECTED_ROWS = 50
"""The first rows set aside that a report shows."""


LAST_DECISION = (
    select(func.max(promotion.c.promotion_id))
    .where(promotion.c.run_id == run.c.run_id)
    .correlate(run)
    .scalar_subquery()
)
"""The last decision of a row of `run`, which says what served after it."""

TEST_OF_SERVED = and_(
    score.c.run_id == run.c.run_id,
    score.c.model_id == promotion.c.model_id,
    score.c.rows == "test",
)
"""The condition by which `score` has the test error of what a row of `promotion` let serve."""


def test_score(scores: Iterable[ScoreRecord]) -> ScoreRecord | None:
    """Return the one of a model's scores that is on the test rows, if there is one."""
    return next((each for each in scores if each.rows == "test"), None)


@dataclass(frozen=True)
class Served:
    """The model that served after a run: its candidate, and the run that trained it."""

    model_id: int
    framework: str
    kind: str
    run_id: int
    decided_by: str | None = None
    """The person who decided on it last; None for a run."""
    pinned: bool = False

    @property
    def name(self) -> str:
        """The candidate as text, `framework/kind`."""
        return str(Candidate(self.framework, self.kind))


@dataclass(frozen=True)
class PastError:
    """The test error of the model that served after a good run, on the test rows of that run.

    `change` is what became of the champion: "promoted", "first champion", "kept" and others.
    `rmse` is None where the champion could not be scored on those rows.
    """

    run_id: int
    night: datetime
    champion: str
    change: str | None
    rmse: float | None
    low: float | None
    high: float | None
    test_rows: int | None


@dataclass(frozen=True)
class RunFacts:
    """One run and what its report compares it with.

    `run` is as it was stored, with its candidates, scores, coefficients, decisions and warnings,
    but without models and single errors; of a run that failed, was rejected or skipped it has what
    it had come to. `served` is None before the first champion. `before` is the last good run before
    this one. `history` are the good runs up to this one, the oldest first. `undrawn` says why a run
    that succeeded has no `figures`.
    """

    run_id: int
    run: RunRecord
    declaration: dict[str, Any]
    served: Served | None
    before: PastError | None
    history: tuple[PastError, ...]
    rules: tuple[ExpectationResult, ...]
    rejected_rows: tuple[RejectedRow, ...]
    columns: tuple[SourceColumnRecord, ...]
    figures: RunFigures | None = None
    undrawn: str | None = None

    @property
    def dataset(self) -> str:
        """The dataset of the run."""
        return self.run.dataset

    @property
    def target(self) -> str:
        """The declared target, or a word for it where the declaration was not readable."""
        return self.run.target or "target"

    @property
    def ranking(self) -> tuple[CandidateRecord, ...]:
        """The candidates, best first; those that failed come last."""
        last = len(self.run.candidates)
        return tuple(sorted(self.run.candidates, key=lambda each: each.rank or last + 1))

    @property
    def serving_score(self) -> ScoreRecord | None:
        """The score of the model that serves on the test rows of this run, if it has one."""
        if self.served is None:
            return None
        own = {each.name: each.scores for each in self.run.candidates}
        is_own = self.served.run_id == self.run_id
        scores = own.get(self.served.name, ()) if is_own else self._rescored
        return test_score(scores)

    @property
    def _rescored(self) -> tuple[ScoreRecord, ...]:
        assert self.served is not None
        return tuple(self.run.rescored.get(self.served.model_id, ()))


def run_facts(connection: Connection, dataset: str, run_id: int | None = None) -> RunFacts:
    """Return what the report of a run shows, by default of the dataset's latest run.

    Raises CallError for a run that is not one of the dataset's, DamagedStore where the run is not
    what was stored.
    """
    run_id = _known(connection, dataset, run_id)
    record = stored_run(connection, run_id, whole=False)
    history = _history(connection, dataset, run_id)
    figures, undrawn = _figures(connection, record, run_id)
    return RunFacts(
        run_id=run_id,
        run=record,
        declaration=json.loads(record.declaration) if record.declaration else {},
        served=_served(connection, record, run_id),
        before=next((past for past in reversed(history) if past.run_id < run_id), None),
        history=history,
        rules=_rules(connection, run_id),
        rejected_rows=_rejected_rows(connection, run_id),
        columns=_columns(connection, run_id),
        figures=figures,
        undrawn=undrawn,
    )


def _known(connection: Connection, dataset: str, run_id: int | None) -> int:
    refuse_unknown_dataset(connection, dataset)
    own = select(func.max(run.c.run_id)).where(run.c.dataset == dataset)
    if run_id is not None:
        own = own.where(run.c.run_id == run_id)
    known: int | None = connection.execute(own).scalar()
    if known is None:
        raise CallError(
            f"{dataset} has no run {run_id}.",
            next_step=f"'nightfit query run_history --dataset {dataset}' lists its runs.",
        )
    return known


def _served(connection: Connection, record: RunRecord, run_id: int) -> Served | None:
    """Return the model that served after a run: by its decision, or the one before."""
    until = or_(
        promotion.c.run_id <= run_id,
        and_(promotion.c.run_id.is_(None), promotion.c.decided_at <= record.finished_at),
    )
    decision = latest_decision(connection, record.dataset, until)
    if decision is None:
        return None
    columns = model.c.framework, model.c.kind, model.c.run_id
    own = select(*columns).where(model.c.model_id == decision.model_id)
    framework, kind, trained_by = connection.execute(own).one()
    return Served(
        decision.model_id, framework, kind, trained_by, decision.decided_by, decision.pinned
    )


def _history(connection: Connection, dataset: str, run_id: int) -> tuple[PastError, ...]:
    """Return the error of what served after each good run up to this one, the oldest first."""
    statement = (
        select(
            run.c.run_id,
            run.c.started_at,
            (model.c.framework + "/" + model.c.kind).label("champion"),
            run.c.change,
            score.c.rmse,
            score.c.rmse_low,
            score.c.rmse_high,
            run.c.rows_test,
        )
        .join_from(run, promotion, promotion.c.promotion_id == LAST_DECISION)
        .join(model, model.c.model_id == promotion.c.model_id)
        .outerjoin(score, TEST_OF_SERVED)
        .where(run.c.dataset == dataset, is_good(run), run.c.run_id <= run_id)
        .order_by(run.c.run_id.desc())
        .limit(MAX_NIGHTS)
    )
    nights = [PastError(*row) for row in connection.execute(statement).all()]
    return tuple(reversed(nights))


def _figures(
    connection: Connection, record: RunRecord, run_id: int
) -> tuple[RunFigures | None, str | None]:
    """Return what is kept of a run for its pictures, or why there is nothing."""
    try:
        stored = figures_of_run(connection, run_id)
    except UnreadableValue:
        return None, "What this run is drawn from is damaged in the database: 'nightfit db check'."
    if stored is not None:
        figures = read_figures(stored)
        other = "What this run is drawn from was stored by another version of nightfit."
        return figures, None if figures is not None else other
    if record.status != "succeeded":
        return None, None
    return None, (
        "The rows and curves of this run are not kept: it is older than the runs that are kept"
        " whole, an earlier version of nightfit stored it, or its notes say why."
    )


def _rules(connection: Connection, run_id: int) -> tuple[ExpectationResult, ...]:
    table = expectation_result
    statement = select(table).where(table.c.run_id == run_id).order_by(table.c.position)
    return tuple(
        ExpectationResult(
            row.expectation,
            row.column_name,
            row.severity,
            row.quarantine,
            row.success,
            row.kwargs,
            row.observed,
            row.unexpected_count,
            row.examples,
        )
        for row in connection.execute(statement).all()
    )


def _rejected_rows(connection: Connection, run_id: int) -> tuple[RejectedRow, ...]:
    table = rejected_row
    statement = select(table).where(table.c.run_id == run_id).order_by(table.c.row_number)
    rows = connection.execute(statement.limit(MAX_REJECTED_ROWS)).all()
    return tuple(RejectedRow(row.key, row.row_number, row.row_values, row.reason) for row in rows)


def _columns(connection: Connection, run_id: int) -> tuple[SourceColumnRecord, ...]:
    table = source_column
    names = ("name", "role", "kind", "kind_from", "missing", "distinct_values", "typical_size")
    columns = (table.c[name] for name in (*names, "example", "enters"))
    statement = select(*columns).where(table.c.run_id == run_id).order_by(table.c.position)
    return tuple(
        SourceColumnRecord(**row) for row in connection.execute(statement).mappings().all()
    )
