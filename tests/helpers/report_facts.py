"""Facts of runs for reports, made without a store."""

from datetime import UTC, datetime, timedelta

from helpers.store_nights import candidate, night

from data.store.records import CandidateRecord, RunRecord
from tasks.report.facts import PastError, RunFacts, Served

FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)


def good_night(**facts) -> RunRecord:
    """Return a night with three candidates, of which one failed."""
    candidates = [
        candidate("torch/ann", chosen=True, rank=1, reason="chosen: the lowest error"),
        candidate("torch/least_squares", rank=2, reason="0.1 worse"),
        CandidateRecord(framework="theano", kind="ann", status="failed", reason="it diverged"),
    ]
    declaration = '{"name": "wages", "target": "wage", "key": ["id"], "interval": 0.9}'
    return night(5, **{"candidates": candidates, "declaration": declaration, **facts})


def facts_of(run: RunRecord, **more) -> RunFacts:
    """Return what a report shows of run 5, whose winner serves."""
    winner = next((each for each in run.candidates if each.chosen), None)
    served = None if winner is None else Served(1, winner.framework, winner.kind, 5)
    fields = {
        "declaration": {"target": "wage", "interval": 0.9},
        "served": served,
        "before": None,
        "history": (),
        "rules": (),
        "rejected_rows": (),
        "columns": (),
        **more,
    }
    return RunFacts(5, run, **fields)


def past(number: int, *, rmse: float | None = 2.5, change: str = "promoted") -> PastError:
    """Return the test error of an earlier night."""
    ends = (None, None) if rmse is None else (rmse - 0.5, rmse + 0.5)
    at = FIRST + timedelta(days=number)
    return PastError(number, at, "torch/ann", change, rmse, *ends, 20)
