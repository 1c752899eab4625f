"""Choose tonight's winner out of fold, and decide whether it replaces the champion."""

from collections.abc import Mapping

from regressors.candidate import Candidate
from regressors.judging import selection
from regressors.judging.selection import Hold, PromotionRules
from regressors.rolling import Rolled
from tasks.rank import Ranking
from tasks.run.choice import Choice, Incumbent
from tasks.run.comparison import (
    Comparison,
    Judgement,
    Shown,
    Tested,
    comparison,
    judgement,
)
from tasks.run.naive import NaiveRows
from tasks.run.prepared import Prepared
from tasks.run.step import step


@step()
def choose(
    prepared: Prepared,
    ranking: Ranking,
    rolled: Mapping[Candidate, Rolled],
    incumbent: Incumbent | None,
    *,
    hold: Hold | None = None,
) -> Choice:
    """Return who won, by how much, and whether it serves; with `hold`, nobody is promoted.

    `rolled` are the predictions of the test rows by those that are compared there, and may be by
    others.
    """
    declaration, do = prepared.declaration, prepared.source.do
    rules = PromotionRules(**declaration.promotion.model_dump())
    own = incumbent.candidate if incumbent else None
    tested = Tested.of({c: rolled[c] for c in ranking.compared(own)}, prepared.test)
    winner = ranking.winner
    linear, ann = ranking.best(linear=True), ranking.best(linear=False)
    shown = Shown.of_incumbent(incumbent, prepared.test)
    of_tests = tested, winner, (ann, linear), shown, rules
    compared: Comparison
    (compared,) = do("comparing on the test rows", [(comparison, of_tests)])
    decisions = selection.decide(
        winner,
        own,
        {c: compared.gains.get(c) for c in tested.predicted if c in (winner, own)},
        rules=rules,
        obstacle=incumbent.obstacle if incumbent else None,
        explanation=incumbent.explanation if incumbent else None,
        damage=incumbent.damage.what.rstrip(".") if incumbent and incumbent.damage else None,
        hold=hold,
        basis=incumbent.basis if incumbent else None,
    )
    last = decisions[-1]
    if last.decision == "promoted":
        challenger = last.challenger
        shown = Shown(challenger, tested.predicted[challenger], tested.interval[challenger])
    of_serving = tested.rows, shown, declaration.interval.widest, NaiveRows.of(prepared)
    judged: Judgement
    (judged,) = do("naive predictions", [(judgement, of_serving)])
    return Choice(
        winner=winner,
        ranking=ranking.ranked,
        validation=ranking.validation,
        test=compared.test,
        incumbent=incumbent,
        incumbent_test=compared.incumbent_score,
        decisions=decisions,
        rules=rules,
        paired=compared.paired,
        verdict=selection.verdict(compared.difference),
        difference=compared.difference,
        best_ann=ann,
        best_linear=linear,
        coverage_p=judged.coverage_p,
        naive=judged.naive,
        beaten=judged.beaten,
    )
