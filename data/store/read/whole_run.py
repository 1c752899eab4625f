"""A stored run as a whole, to train it again and compare every digit."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, Table, func, select

from data.errors import CallError, DamagedStore
from data.store.database.address import display_url
from data.store.database.failures import REPAIR
from data.store.read.champions import latest_decision
from data.store.read.comparisons import paired_errors_of
from data.store.read.integrity import changed_tables
from data.store.read.predictions import roles_in
from data.store.records import (
    AgreementRecord,
    CandidateRecord,
    CoefficientRecord,
    LinearFitRecord,
    NaiveRecord,
    PromotionRecord,
    ResilienceRecord,
    RunRecord,
    ScoreRecord,
)
from data.store.row_columns import TRAINING_ROLES, ModelRef
from data.store.tables import (
    agreement_check,
    coefficient,
    coefficient_variant,
    linear_fit,
    model,
    naive,
    promotion,
    resilience,
    run,
    score,
)
from data.vocabulary import Candidate

Record = TypeVar("Record")
Scores = dict[int, list[ScoreRecord]]
"""Scores by model id."""


MODELS = frozenset({"artifact", "twin"})
"""The columns of a candidate's models."""


def stored_run(connection: Connection, run_id: int, *, whole: bool = True) -> RunRecord:
    """Return a run as it was given to `write_run`, without its data checks and its predictions.

    Unless it is to be `whole`, what is large is left out: models, and errors row by row. Models of
    the run are given by name, those of earlier runs by id. What was NaN or infinite is None as a
    single value and NaN in an array. Raises CallError for an unknown run, DamagedStore where the
    run itself is not what was stored.
    """
    row = connection.execute(select(run).where(run.c.run_id == run_id)).mappings().first()
    if row is None:
        raise CallError(
            f"there is no run {run_id}.",
            where=display_url(connection.engine.url),
            next_step="`nightfit query run_history` lists all runs.",
        )
    if changed_tables(connection, run_id, (run,)):
        raise DamagedStore(
            f"what is stored of run {run_id} is not what was stored then.",
            where=display_url(connection.engine.url),
            next_step=REPAIR,
        )
    left_out = frozenset() if whole else MODELS
    models = _rows(connection, model, model.c.run_id == run_id, left_out)
    names: dict[int, ModelRef] = {
        row["model_id"]: str(Candidate(row["framework"], row["kind"])) for row in models
    }
    scores = _scores(connection, run_id)
    decisions = _rows(connection, promotion, promotion.c.run_id == run_id)
    before = _decision_before(connection, row["dataset"], run_id)
    checks = _rows(connection, agreement_check, agreement_check.c.run_id == run_id)
    naive_scores = _rows(connection, naive, naive.c.run_id == run_id)
    return _record(
        RunRecord,
        row,
        naive=[_record(NaiveRecord, each) for each in naive_scores],
        agreement=[_record(AgreementRecord, check) for check in checks],
        candidates=[_candidate(connection, candidate, scores) for candidate in models],
        rescored={ref: records for ref, records in scores.items() if ref not in names},
        promotions=[_promotion(decision, names) for decision in decisions],
        paired_errors=paired_errors_of(connection, run_id, names) if whole else None,
        against=before.promotion_id if before else None,
    )


@dataclass(frozen=True)
class StoredPredictions:
    """A model's predictions in a run: how many rows of each role are stored."""

    model_id: int
    model: ModelRef
    roles: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Return how many rows are stored."""
        return sum(self.roles.values())

    @property
    def with_training(self) -> bool:
        """Return whether training rows are among them."""
        return any(role in TRAINING_ROLES for role in self.roles)


def predictions_of_run(connection: Connection, run_id: int) -> list[StoredPredictions]:
    """Return which models' predictions are stored of a run: the incumbent's before its own."""
    own = select(run.c.dataset, model.c.model_id, model.c.framework, model.c.kind).join(
        run, run.c.run_id == model.c.run_id
    )
    rows = connection.execute(own.where(model.c.run_id == run_id).order_by(model.c.model_id)).all()
    refs: dict[int, ModelRef] = {}
    if rows and (before := _decision_before(connection, rows[0].dataset, run_id)):
        refs[before.model_id] = before.model_id
    refs |= {row.model_id: str(Candidate(row.framework, row.kind)) for row in rows}
    stored = [
        StoredPredictions(model_id, ref, roles_in(connection, run_id, model_id))
        for model_id, ref in refs.items()
    ]
    return [of_model for of_model in stored if of_model.roles]


def _decision_before(connection: Connection, dataset: str, run_id: int) -> Row[Any] | None:
    """Return the decision that stood before those of a run."""
    own = select(func.min(promotion.c.promotion_id)).where(promotion.c.run_id == run_id)
    first = connection.execute(own).scalar() or 0
    return latest_decision(connection, dataset, promotion.c.promotion_id < first)


def _rows(
    connection: Connection,
    table: Table,
    which: ColumnElement[bool],
    left_out: frozenset[str] = frozenset(),
) -> list[RowMapping]:
    """Return rows of a table in the order in which they were written, without some columns."""
    columns = [column for column in table.columns if column.name not in left_out]
    statement = select(*columns).where(which).order_by(*table.primary_key)
    return list(connection.execute(statement).mappings())


def _record(kind: type[Record], row: RowMapping, **more: Any) -> Record:
    """Return a record made of the row's values for its fields, and of `more`."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in row.items() if name in names} | more)


def _scores(connection: Connection, run_id: int) -> Scores:
    """Return the scores of a run by model, validation before test, as they were written."""
    scores: Scores = {}
    for row in reversed(_rows(connection, score, score.c.run_id == run_id)):
        scores.setdefault(row["model_id"], []).append(_record(ScoreRecord, row))
    return dict(sorted(scores.items()))


def _candidate(connection: Connection, row: RowMapping, scores: Scores) -> CandidateRecord:
    model_id = row["model_id"]
    coefficients = _rows(connection, coefficient, coefficient.c.model_id == model_id)
    variants = _rows(connection, coefficient_variant, coefficient_variant.c.model_id == model_id)
    fits = _rows(connection, linear_fit, linear_fit.c.model_id == model_id)
    shares = _rows(connection, resilience, resilience.c.model_id == model_id)
    return _record(
        CandidateRecord,
        row,
        scores=scores.get(model_id, []),
        coefficients=[_record(CoefficientRecord, term) for term in coefficients],
        variants=[_record(CoefficientRecord, term) for term in variants],
        linear_fit=_record(LinearFitRecord, fits[0]) if fits else None,
        resilience=[_record(ResilienceRecord, share) for share in shares],
    )


def _promotion(row: RowMapping, names: Mapping[int, ModelRef]) -> PromotionRecord:
    sides = {
        "model": row["model_id"],
        "incumbent": row["incumbent_model_id"],
        "challenger": row["challenger_model_id"],
    }
    refs = {side: names.get(model_id, model_id) for side, model_id in sides.items()}
    return _record(PromotionRecord, row, **refs)
