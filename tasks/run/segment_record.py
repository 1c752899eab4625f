"""What is stored of the segments of a run."""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from data.store.records import SegmentDecisionRecord
from data.store.segment_columns import SegmentCoefficientColumns, SegmentColumns
from regressors.candidate import Candidate
from regressors.job import Fitted
from tasks.run.routing import Routing


def segment_columns(routing: Routing) -> SegmentColumns:
    """Return what serves each segment after a run."""
    errors = routing.errors
    of_option = np.array([None, *map(str, routing.options[1:])], dtype=object)
    return SegmentColumns(
        segment=routing.names.tolist(),
        model=of_option[routing.option].tolist(),
        rows=errors.rows.astype(np.int64),
        rows_test=errors.rows_test.astype(np.int64),
        validation_rmse=errors.validation,
        champion_validation_rmse=errors.champion_validation,
        test_rmse=errors.test,
        champion_test_rmse=errors.champion_test,
        reason=routing.reason.tolist(),
    )


def segment_decisions(routing: Routing, confidence: float) -> Iterator[SegmentDecisionRecord]:
    """Yield the decision about each segment that another group of kinds serves than before."""
    moves = routing.moves
    for number in np.flatnonzero(routing.moved).tolist():
        model = routing.model_of(number)
        was_compared = not np.isnan(moves.gain[number])
        yield SegmentDecisionRecord(
            segment=routing.names[number],
            decision="returned" if model is None else "promoted",
            model=None if model is None else str(model),
            reason=routing.reason[number],
            gain=float(moves.gain[number]) if was_compared else None,
            gain_low=float(moves.low[number]) if was_compared else None,
            gain_high=float(moves.high[number]) if was_compared else None,
            confidence=confidence if was_compared else None,
            rows=int(moves.rows[number]) if was_compared else None,
            rule=routing.rule(number),
        )


def segment_coefficients(candidate: Candidate, refit: Fitted) -> SegmentCoefficientColumns | None:
    """Return the equations of a candidate that has one for each segment, None for others."""
    fits = refit.segments
    if not candidate.is_segmented or fits is None:
        return None
    own = {field.name: getattr(fits, field.name) for field in fields(fits) if field.name != "names"}
    own["reason"] = fits.reason.tolist()
    return SegmentCoefficientColumns(segment=fits.names.tolist(), **own)
