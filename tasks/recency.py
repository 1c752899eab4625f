"""Decide how much rows count by their age: one framework does, for all candidates of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from data.declarations.lengths import Length
from data.declarations.model import Declaration
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.job import MAX_HALF_LIVES, Job
from regressors.recency import choose_half_life, gain_of_ann
from tasks.run import progress
from tasks.run.prepared import Prepared
from tasks.run.recency import Recency, ann_in_words, choice_in_words, folds_in_words, in_words
from tasks.run.step import step
from tasks.run.workers import FrameworkWorkers, Result, job_of


def recency_needs_fits(declaration: Declaration, earlier: Recency | None) -> bool:
    """Return whether the half-life is chosen by fits, in the process of a framework."""
    is_open = declaration.recency != "none" and declaration.half_life is None
    return earlier is None and declaration.time is not None and is_open


def _why_none(made: object) -> str | None:
    """Return why nothing could be decided, None if it was."""
    return made.warning if isinstance(made, Recency) and made.linear is None else None


@step(problem=_why_none)
def recency(
    candidates: Sequence[Candidate],
    prepared: Prepared,
    workers: FrameworkWorkers,
    *,
    earlier: Recency | None = None,
) -> Recency:
    """Return the half-lives of the candidates, from what the training rows show.

    The first framework of the registry decides; if it fails, the next one does. If all do, all rows
    count the same, and a warning says so. Where a run is trained again, `earlier` is what it had.
    """
    if earlier is not None:
        return earlier
    made = _decided(candidates, prepared, workers)
    name = prepared.declaration.name
    if made.sentence:
        progress.log(name, made.sentence)
    if made.warning:
        progress.log(name, made.warning, warning=True)
    return made


def _decided(
    candidates: Sequence[Candidate], prepared: Prepared, workers: FrameworkWorkers
) -> Recency:
    declaration = prepared.declaration
    if declaration.time is None:
        return Recency()
    if declaration.recency == "none":
        return Recency(sentence="all rows count the same, as declared")
    if declaration.half_life is not None:
        return _declared(declaration, declaration.half_life, prepared)
    choice = _in_turn(candidates, "least_squares", prepared, workers, choose_half_life)
    if isinstance(choice, str):
        warning = f"All rows count the same, since no half-life could be chosen: {choice}"
        return Recency(warning=warning)
    times_are_numbers = prepared.rows.time is not None and prepared.rows.time.dtype.kind != "M"
    column = declaration.time if times_are_numbers else None
    by_fold = {n: each for n, each in choice.by_fold.items() if each != choice.chosen}
    made = Recency(
        choice.chosen,
        sentence=choice_in_words(choice, column=column) + folds_in_words(choice),
        linear_by_fold=by_fold,
    )
    anns = [candidate for candidate in candidates if candidate.kind == "ann"]
    if not anns or not any((choice.chosen, *choice.by_fold.values())):
        return made
    tried = _in_turn(
        anns,
        "ann",
        prepared,
        workers,
        gain_of_ann,
        half_life=choice.chosen,
        half_lives=choice.by_fold,
    )
    if isinstance(tried, str):
        warning = f"For ANNs all rows count the same, since it could not be tried: {tried}"
        return replace(made, warning=warning)
    ann = choice.chosen if tried.gain.value >= 0 else None
    words = "" if choice.chosen is None else f"; {ann_in_words(tried.gain)}"
    return replace(
        made,
        ann=ann,
        ann_by_fold={n: each for n, each in tried.by_fold.items() if each != ann},
        sentence=made.sentence + words,
    )


def _declared(declaration: Declaration, declared: Length | float, prepared: Prepared) -> Recency:
    """Return a declared half-life, with a warning where rows are too old to be told apart."""
    if isinstance(declared, Length):
        half_life, words = declared.mean / timedelta(microseconds=1), declared.text
    else:
        half_life, words = declared, in_words(declared, column=declaration.time)
    instants = prepared.train.instants
    assert instants is not None and prepared.times.data_until is not None
    warning = None
    if prepared.times.data_until - instants.min() > MAX_HALF_LIVES * half_life:
        warning = (
            f"Some rows are more than {MAX_HALF_LIVES} half-lives of {words} old, and count as if"
            " they were so old; declare a longer 'recency'."
        )
    sentence = f"rows count half as much for every {words} of age, as declared"
    return Recency(half_life, half_life, sentence, warning)


def _in_turn(
    candidates: Sequence[Candidate],
    kind: str,
    prepared: Prepared,
    workers: FrameworkWorkers,
    function: Callable[[FrameworkModule, Job], Result],
    *,
    half_life: float | None = None,
    half_lives: Mapping[int, float | None] | None = None,
) -> Result | str:
    """Return what the first framework that can returns of the training rows, or why none can."""
    frameworks = sorted({c.framework for c in candidates}, key=FRAMEWORK_NAMES.index)
    reasons = []
    for framework in frameworks:
        candidate = Candidate(framework, kind)
        job = job_of(candidate, prepared, starts={}, half_life=half_life, half_lives=half_lives)
        result = workers.run(function, job, "choosing the half-life with")
        if not isinstance(result, str):
            return result
        reasons.append(f"{framework}: {result}")
    return " ".join(reasons)
