"""What a report says first, in sentences: yay or nay, who serves, how wrong it is, what changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from data.store.records import CandidateRecord, ScoreRecord
from data.vocabulary import Candidate
from tasks.report.facts import RunFacts, test_score
from tasks.report.labels import number, percent

LOOKS = {
    "succeeded": "good",
    "skipped": "quiet",
    "failed": "bad",
    "rejected": "bad",
    "yay": "good",
    "nay": "bad",
    "undecided": "open",
}
"""How a status or a verdict looks: one of the classes of page.css."""


@dataclass(frozen=True)
class Answer:
    """The first thing on a page: a heading, some paragraphs, and how they look."""

    look: str
    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """One figure that is worth large letters, with what it is and what belongs to it."""

    label: str
    figure: str
    more: str = ""


def answer(facts: RunFacts) -> Answer:
    """Return what the run came to: the verdict if it trained anything, else why it did not."""
    run = facts.run
    if run.status != "succeeded":
        headings = {
            "failed": "This run failed",
            "rejected": "The data was rejected",
            "skipped": "Nothing had changed, so nothing was trained",
        }
        reason = run.reason or "No reason is stored."
        said = (_sentence(reason), _who_still_serves(facts))
        return Answer(LOOKS[run.status], headings[run.status], tuple(filter(None, said)))
    verdict = run.verdict or "undecided"
    paragraphs = (_verdict(facts, verdict), _serving(facts), _decision(facts))
    return Answer(
        LOOKS[verdict], f"ANN, yay or nay? {verdict.capitalize()}.", tuple(filter(None, paragraphs))
    )


def _sentence(text: str) -> str:
    """Return a text with a large first letter, unless it begins with the name of a rule."""
    is_name = "_" in text.partition("(")[0].partition(" ")[0]
    return text if is_name else text[:1].upper() + text[1:]


def tiles(facts: RunFacts) -> Iterator[Tile]:
    """Yield the figures of the model that serves, and the size of the table."""
    run, served, score = facts.run, facts.served, facts.serving_score
    if served is not None:
        pinned = f", pinned by {served.decided_by}" if served.pinned else ""
        yield Tile("Champion", served.name, f"trained by run {served.run_id}{pinned}")
    if score is not None:
        yield Tile("Test RMSE", f"{number(score.rmse)} {facts.target}", _interval(score))
        if score.r2 is not None:
            yield Tile(
                "R² on the test rows", f"{score.r2:.3f}", "1 is perfect, 0 no better than the mean"
            )
        if score.coverage is not None:
            narrower = " and ".join(map(percent, run.levels[1:]))
            declared = f"declared: {percent(run.interval_level)}" if run.levels else ""
            declared += f", beside narrower ones of {narrower}" if narrower else ""
            yield Tile(
                "Inside their interval", f"{score.coverage:.1%}", f"of the test rows; {declared}"
            )
    if run.rows_read is not None:
        counts = (
            (run.rows_test, "for the test"),
            (run.rows_new, "new"),
            (run.rows_rejected, "set aside"),
        )
        parts = [f"{count:,} {what}" for count, what in counts if count]
        yield Tile("Rows", f"{run.rows_read:,}", ", ".join(parts))
    seconds = (run.finished_at - run.started_at).total_seconds()
    yield Tile(
        "Took",
        f"{seconds:,.1f} s" if seconds < 120 else f"{seconds / 60:,.1f} min",
        "from start to end",
    )


def changes(facts: RunFacts) -> Iterator[str]:
    """Yield what is different from the last good run before this one, a sentence each."""
    before, run, score = facts.before, facts.run, facts.serving_score
    if before is None or run.status != "succeeded":
        return
    if facts.served is not None and facts.served.name != before.champion:
        yield f"{facts.served.name} serves now; it was {before.champion}."
    elif facts.served is not None:
        newer = ", in a newer fit" if facts.served.run_id == facts.run_id else ""
        yield f"{facts.served.name} serves, as before{newer}."
    if score is not None and before.rmse is not None:
        now, then = f"{number(score.rmse)} {facts.target}", number(before.rmse)
        yield f"The test RMSE is {now}; it was {then} ({_change(score.rmse, before.rmse)})."
    if run.rows_test is not None and before.test_rows is not None:
        same = run.rows_test == before.test_rows
        then = ", as before" if same else f"; there were {before.test_rows:,}"
        yield f"There are {run.rows_test:,} test rows{then}."


def before_words(facts: RunFacts) -> str:
    """Return which run the changes are counted from: "run 12 of 2026-11-25 02:00 UTC"."""
    before = facts.before
    return f"run {before.run_id} of {moment(before.night)}" if before else ""


def moment(at: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _change(now: float, then: float) -> str:
    share = now / then - 1 if then else 0.0
    if round(share, 4) == 0:
        return "the same"
    return f"{abs(share):.1%} {'higher' if share > 0 else 'lower'}"


def _verdict(facts: RunFacts, verdict: str) -> str:
    """Return the verdict with its figures, or why there is none."""
    run, target = facts.run, facts.target
    ann, linear = _best(facts, linear=False), _best(facts, linear=True)
    if run.verdict_difference is None or ann is None or linear is None:
        missing = "ANN" if ann is None else "linear model" if linear is None else None
        why = f"there is no {missing} to compare" if missing else "there are too few test rows"
        return f"That cannot be told, because {why}."
    opening = {
        "yay": "The ANN is worth it: it predicts the test rows better than a linear model does",
        "nay": "The ANN is not worth it: a linear model predicts the test rows better",
        "undecided": "The test rows do not show whether the ANN or the linear model is better",
    }[verdict]
    side = "lower" if run.verdict_difference < 0 else "higher"
    by = f"{number(abs(run.verdict_difference))} {target}"
    of_ann, of_linear = _test(ann), _test(linear)
    share = f" ({abs(run.verdict_difference) / of_linear:.1%})" if of_linear else ""
    errors = f": {number(of_ann)} against {number(of_linear)}" if of_ann and of_linear else ""
    confidence = facts.declaration.get("promotion", {}).get("confidence", 0.95)
    return (
        f"{opening}. The best ANN, {ann.name}, has a test RMSE that is {by}{share} {side} than that"
        f" of the best linear model, {linear.name}{errors}. The {confidence:.0%} interval of this"
        f" difference is {number(run.verdict_low)} to {number(run.verdict_high)} {target}."
    )


def _serving(facts: RunFacts) -> str:
    """Return who serves, and how wrong it is."""
    served, score = facts.served, facts.serving_score
    if served is None:
        return ""
    if score is None:
        return f"{served.name} of run {served.run_id} serves."
    details = "; ".join(filter(None, ("RMSE", _interval(score))))
    scheme = f" Errors are measured by {facts.run.scheme}." if facts.run.scheme else ""
    return (
        f"{served.name} serves. On the {score.n:,} test rows, which it has not seen, its typical"
        f" error is {number(score.rmse)} {facts.target} ({details}).{scheme}"
    )


def _decision(facts: RunFacts) -> str:
    return facts.run.promotions[-1].reason if facts.run.promotions else ""


def _who_still_serves(facts: RunFacts) -> str:
    if facts.served is None:
        return "No model serves this dataset yet."
    before = facts.before
    error = (
        f" Its test RMSE in run {before.run_id} was {number(before.rmse)} {facts.target}."
        if before and before.rmse is not None
        else ""
    )
    return f"{facts.served.name} of run {facts.served.run_id} goes on serving.{error}"


def _best(facts: RunFacts, *, linear: bool) -> CandidateRecord | None:
    """Return the first of the ranking that is, or is not, of a linear kind."""
    return next(
        (
            each
            for each in facts.ranking
            if each.status == "fitted" and Candidate(each.framework, each.kind).is_linear == linear
        ),
        None,
    )


def _test(candidate: CandidateRecord) -> float | None:
    """Return the candidate's RMSE on the test rows, if it was scored on them."""
    score = test_score(candidate.scores)
    return score.rmse if score else None


def _interval(score: ScoreRecord) -> str:
    if score.rmse_low is None or score.rmse_high is None:
        return ""
    return f"95% interval {number(score.rmse_low)} to {number(score.rmse_high)}"
