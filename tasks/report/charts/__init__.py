"""The charts of a report, in the order of its page: one file per question that they answer."""

from collections.abc import Callable, Iterable

from tasks.report.chart import Chart
from tasks.report.charts.history import history
from tasks.report.charts.leaderboard import leaderboard
from tasks.report.facts import RunFacts

MAKERS: tuple[Callable[[RunFacts], Iterable[Chart]], ...] = (leaderboard, history)
"""What makes the charts of each kind: none where a run has nothing for it."""


def charts(facts: RunFacts) -> tuple[Chart, ...]:
    """Return the charts that a run has figures for."""
    return tuple(chart for make in MAKERS for chart in make(facts))
