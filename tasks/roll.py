"""Predict the test rows as a candidate: at rolling origins, or in a split by hash by its twin."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from functools import partial

from regressors import gathering
from regressors.candidate import Candidate
from regressors.job import Fitted, Start
from regressors.progress import reporting_to
from regressors.rolling import Rolled
from regressors.rolling import roll as roll_in_worker
from tasks.rank import Ranking, are_finite
from tasks.run import progress
from tasks.run.attempt import Fits
from tasks.run.choice import Incumbent
from tasks.run.predicting import Predict, predicted_here
from tasks.run.prepared import Prepared
from tasks.run.step import step, why_not
from tasks.run.workers import FrameworkWorkers, job_of


@step(run_name="roll {candidate}", problem=why_not)
def roll(
    candidate: Candidate,
    fitted: Fitted,
    prepared: Prepared,
    starts: Mapping[str, Start],
    workers: FrameworkWorkers,
) -> Rolled | str:
    """Return what a candidate that `fit` fitted predicts for the test rows, or why it cannot."""
    if prepared.split.chained:
        job = job_of(candidate, prepared, starts=starts, fitted=fitted)
        outcome = workers.run(
            partial(roll_in_worker, fitted=fitted), job, "rolling", gather=gathering.for_roll
        )
    else:
        outcome = by_twin(candidate, fitted, prepared, workers.predict)
    if isinstance(outcome, str):
        message = f"{candidate} failed on the test rows: {outcome}"
        progress.log(prepared.declaration.name, message, warning=True)
        return outcome
    stored = prepared.test.stored
    return replace(
        outcome,
        predicted=stored(outcome.predicted),
        ends=tuple((stored(lower), stored(upper)) for lower, upper in outcome.ends),
    )


def by_twin(
    candidate: Candidate, fitted: Fitted, prepared: Prepared, predict: Predict = predicted_here
) -> Rolled | str:
    """Return what the twin of a candidate predicts for the test rows, which it has not seen."""
    rows = prepared.test
    with reporting_to(progress.Progress(prepared.declaration.name, f"testing {candidate}")):
        columns = prepared.source.columns_of(rows, fitted.model.features)
        made = Rolled.of(predict(fitted.model, columns, rows.weight), fitted.model.intervals)
        made = replace(made, predicted=rows.stored(made.predicted))
        (finite,) = rows.do("testing", [(are_finite, (made.predicted,))])
    return made if finite else "its predictions of the test rows are not finite"


def ranked_and_rolled(
    ranking: Ranking,
    fits: Fits,
    incumbent: Incumbent | None,
    *,
    roll_all: Callable[[Iterable[Candidate]], Mapping[Candidate, Rolled | str]],
    rank_again: Callable[[Fits], Ranking],
    also: Set[Candidate] = frozenset(),
) -> tuple[Ranking, Fits, dict[Candidate, Rolled]]:
    """Predict the test rows with the candidates that are compared there.

    One that cannot has failed, and the others are ranked again without it. Return the ranking, the
    fits, and the predictions, also those of further candidates, which are not compared: `also`, and
    those that may serve single segments.
    """
    own, rolled = incumbent.candidate if incumbent else None, dict[Candidate, Rolled]()
    while missing := [c for c in ranking.compared(own) if c not in rolled]:
        outcomes = roll_all(missing)
        failed = {c: why for c, why in outcomes.items() if isinstance(why, str)}
        rolled |= {c: made for c, made in outcomes.items() if isinstance(made, Rolled)}
        if failed:
            fits = {**fits, **failed}
            ranking = rank_again(fits)
    wanted = {*also, *ranking.for_segments}
    others = [c for c in fits if c in wanted and c not in rolled and isinstance(fits[c], Fitted)]
    made_too = roll_all(others) if others else {}
    rolled |= {c: made for c, made in made_too.items() if isinstance(made, Rolled)}
    return ranking, fits, rolled
