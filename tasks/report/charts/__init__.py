"""The charts of a report, in the order of its page: one file per question that they answer."""

from collections.abc import Callable, Iterable

from tasks.report.chart import Chart
from tasks.report.charts.coefficients import coefficients
from tasks.report.charts.coverage import coverage
from tasks.report.charts.effects import effects, importance
from tasks.report.charts.history import history
from tasks.report.charts.leaderboard import leaderboard
from tasks.report.charts.learning import learning
from tasks.report.charts.predicted import predicted
from tasks.report.charts.residuals import by_fitted, by_time, quantiles
from tasks.report.charts.rules import rules
from tasks.report.charts.scatter import scatter
from tasks.report.charts.silenced import silenced
from tasks.report.charts.times import times
from tasks.report.facts import RunFacts

MAKERS: tuple[Callable[[RunFacts], Iterable[Chart]], ...] = (
    scatter,
    predicted,
    importance,
    effects,
    leaderboard,
    rules,
    history,
    by_fitted,
    by_time,
    quantiles,
    coverage,
    coefficients,
    learning,
    silenced,
    times,
)
"""What makes the charts of each kind: none where a run has nothing for it."""


def charts(facts: RunFacts) -> tuple[Chart, ...]:
    """Return the charts that a run has figures for."""
    return tuple(chart for make in MAKERS for chart in make(facts))
