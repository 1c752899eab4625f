"""Conditions that several views share: each is one piece of SQL text, so that no two can differ.

They are correlated subqueries rather than views of their own, because both databases look each of
them up in an index; `tests/benchmarks/reads.py` measures what that saves.
"""

LATEST_GOOD_RUN = """\
run.run_id = (SELECT max(latest.run_id) FROM run AS latest
    WHERE latest.dataset = run.dataset AND latest.status = 'succeeded'
      AND NOT latest.backfill)"""
"""The row of `run` is the latest run of its dataset that succeeded, backfills aside."""

CURRENT_DECISION = """\
latest.promotion_id = (SELECT max(newest.promotion_id) FROM promotion AS newest
    WHERE newest.dataset = latest.dataset)"""
"""The row of `promotion AS latest` is the one that decides who serves its dataset now."""
