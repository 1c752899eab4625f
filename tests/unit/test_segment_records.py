"""What a run may store about segments, and what contradicts itself."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from data.store.records import RunRecord, SegmentDecisionRecord
from data.store.segment_columns import PER_TERM, SegmentCoefficientColumns, SegmentColumns

NIGHT = datetime(2026, 1, 31, 2, tzinfo=UTC)


def segments(*names: str) -> SegmentColumns:
    """Return segments that the champion serves."""
    count = len(names)
    error = np.full(count, np.nan)
    return SegmentColumns(
        segment=names,
        model=[None] * count,
        rows=np.full(count, 20),
        rows_test=np.zeros(count, dtype=np.int64),
        validation_rmse=error,
        champion_validation_rmse=error,
        test_rmse=error,
        champion_test_rmse=error,
        reason=["it has too few rows"] * count,
    )


def run(**more: Any) -> RunRecord:
    """Return a run that succeeded."""
    return RunRecord(
        **{"dataset": "shops", "status": "succeeded", "started_at": NIGHT, "finished_at": NIGHT}
        | more
    )


def test_a_segment_is_served_once() -> None:
    with pytest.raises(ValueError, match="a segment is there twice"):
        segments("Berlin", "Bonn", "Berlin")


def test_columns_of_segments_have_one_length() -> None:
    with pytest.raises(ValueError, match="columns of segments differ in length"):
        replace(segments("Berlin", "Bonn"), rows=np.array([20]))


def test_equations_of_segments_have_a_value_for_each_term() -> None:
    one = np.zeros((2, 3))
    given: dict[str, Any] = {
        "segment": ["Berlin", "Bonn"],
        "rows": np.array([20, 30]),
        "terms": ("intercept", "size", "age"),
        **dict.fromkeys(PER_TERM, one),
        "residual_sd": np.ones(2),
        "r2": np.ones(2),
        "reason": [None, None],
    }
    SegmentCoefficientColumns(**given)
    with pytest.raises(ValueError, match="low must have a value for each segment and term"):
        SegmentCoefficientColumns(**given | {"low": np.zeros((2, 2))})


@pytest.mark.parametrize(("decision", "model"), [("promoted", None), ("returned", "torch/ann")])
def test_a_segment_returns_to_the_champion_and_is_promoted_to_another_model(
    decision: str, model: str | None
) -> None:
    with pytest.raises(ValueError, match=f"a segment that is {decision} is not served by"):
        SegmentDecisionRecord(segment="Berlin", decision=decision, model=model, reason="better")


def test_only_a_run_that_may_promote_decides_about_segments() -> None:
    run(segments=segments("Berlin"))
    for more in ({"backfill": True}, {"status": "skipped"}):
        with pytest.raises(ValueError, match="only a run that may promote a model decides"):
            run(segments=segments("Berlin"), **more)
    moved = SegmentDecisionRecord(
        segment="Berlin", decision="promoted", model="torch/ann", reason="better"
    )
    with pytest.raises(ValueError, match="decisions about segments go with what serves"):
        run(segment_decisions=[moved])
