"""Nights of a dataset with segments, as small as they can be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from helpers.store_nights import NEW, candidate, predictions, promoted
from sqlalchemy import func, select

from data.store import tables
from data.store.records import RunRecord, SegmentDecisionRecord
from data.store.row_columns import PredictionColumns
from data.store.segment_columns import SegmentCoefficientColumns, SegmentColumns
from data.store.session import Store
from data.store.write.run import write_run

CHAMPION, OWN = "torch/ann", "torch/segment_least_squares"
SHOPS = {"a1": 1.0, "a2": 2.0, "a3": NEW, "b1": 3.0, "b2": NEW, "c1": 4.0}
"""Rows of three shops, a, b and c, and their targets."""


def of_shop(keys: Sequence[str]) -> list[str | None]:
    """Return the shop of each row, None for a row whose shop is missing."""
    return [None if key[0] == "x" else key[0] for key in keys]


def segmented(columns: PredictionColumns, *shops: str) -> PredictionColumns:
    """Return predictions with the segments of their rows; with `shops`, of these alone."""
    names = of_shop(columns.key)
    chosen = np.array([not shops or name in shops for name in names])
    some = {name: values[chosen] for name, values in columns.numbers.items()}
    keys = [key for key, is_chosen in zip(columns.key, chosen, strict=True) if is_chosen]
    return replace(
        columns, key=keys, role=columns.role[chosen], segment=of_shop(keys), note=None, **some
    )


def served(routes: Mapping[str, str | int | None]) -> SegmentColumns:
    """Return what serves each shop."""
    count = len(routes)
    return SegmentColumns(
        segment=list(routes),
        model=list(routes.values()),
        rows=np.full(count, 2),
        rows_test=np.ones(count, dtype=np.int64),
        validation_rmse=np.full(count, 1.5),
        champion_validation_rmse=np.full(count, 2.5),
        test_rmse=np.array([np.nan] * count),
        champion_test_rmse=np.full(count, np.inf),
        reason=[None if ref is None else "clearly better" for ref in routes.values()],
    )


def equations(*shops: str) -> SegmentCoefficientColumns:
    """Return equations of two terms, of which the last shop's leaves out the second."""
    estimates = np.arange(2.0 * len(shops)).reshape(-1, 2)
    estimates[-1, 1] = np.nan
    return SegmentCoefficientColumns(
        segment=shops,
        rows=np.full(len(shops), 2),
        terms=("intercept", "size"),
        estimates=estimates,
        standard_errors=estimates / 10,
        robust_standard_errors=estimates / 9,
        t=np.full_like(estimates, 10),
        p_values=np.full_like(estimates, 0.01),
        low=estimates - 1,
        high=estimates + 1,
        residual_sd=np.full(len(shops), 0.5),
        r2=np.array([0.75] * (len(shops) - 1) + [np.nan]),
        reason=[None] * len(shops),
    )


def moved(segment: str, model: str | None = OWN, **facts: Any) -> SegmentDecisionRecord:
    """Return a run's decision that a segment is served by a model of its own, or no longer."""
    decision = "returned" if model is None else "promoted"
    return SegmentDecisionRecord(
        segment=segment, decision=decision, model=model, reason="its errors say so", **facts
    )


def shop_night(
    number: int,
    routes: Mapping[str, str | None],
    rows: Mapping[str, float] = SHOPS,
    decisions: Sequence[SegmentDecisionRecord] = (),
    **facts: Any,
) -> RunRecord:
    """Return a night whose network serves, and whose own equations serve some of the shops."""
    own = [shop for shop, ref in routes.items() if ref is not None]
    of_own = predictions(OWN, dict(rows), by=0.125)
    batches = [segmented(predictions(CHAMPION, dict(rows)))]
    defaults: dict[str, Any] = {
        "dataset": "shops",
        "candidates": [
            candidate(CHAMPION, chosen=True, rank=1),
            candidate(OWN, rank=2, segment_coefficients=equations(*routes)),
        ],
        "predictions": [*batches, segmented(of_own, *own)] if own else batches,
        "segments": served(routes),
        "segment_decisions": decisions,
    }
    return promoted(number, dict(rows), **{**defaults, **facts})


def write_shops(store: Store, record: RunRecord) -> int:
    """Store a run that was decided after the latest decisions about its dataset and segments."""
    made, about = tables.promotion, tables.segment_decision
    latest = select(func.max(made.c.promotion_id)).where(made.c.dataset == record.dataset)
    decided = select(func.max(about.c.segment_decision_id))
    decided = decided.where(about.c.dataset == record.dataset)
    with store.writing() as connection:
        against = connection.execute(latest).scalar()
        about_segments = connection.execute(decided).scalar()
        return write_run(
            connection, replace(record, against=against, segments_against=about_segments)
        )
