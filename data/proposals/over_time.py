"""Terms and lags that a time makes possible: by least squares at rolling origins of a sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.declarations.lags import Lag, in_words, length_of
from data.declarations.terms import product_of, text_of
from data.errors import DeclarationMistake
from data.lags import KnownValues
from data.proposals.facts import ColumnFacts
from data.proposals.sampled import Sampled
from data.texts import Texts
from data.vocabulary import part_name, telling_parts, with_time_parts

Values = NDArray[np.float64]

MIN_TIMES = 24
"""Of fewer different times it cannot be told what helps."""
MAX_NUMBERS = 10
"""Columns of numbers that the target is explained with."""
MAX_TRIED = 5
"""Numbers whose product with the time is tried."""
MAX_TAKEN = 3
ORIGINS = 12
"""Blocks of the newer half of the rows, each predicted from all rows before it."""
GAIN = 0.9
"""What helps must make the error at most so large, and be better in most blocks."""
MIN_T = 2.0


@dataclass(frozen=True)
class OverTimeProposal:
    """A term or a lag, of which the other is None, and why."""

    words: str
    term: str | None = None
    lag: Lag | None = None


@dataclass(frozen=True)
class _Rows:
    """The m rows with a target and a time, oldest first; `block` (m,) is 0 in the older half."""

    order: NDArray[np.int64]
    block: NDArray[np.int64]
    target: Values

    def errors(self, design: Values) -> Values:
        """Return the mean squared error of each block, by fits on all rows before it."""
        found = []
        for number in range(1, int(self.block.max()) + 1):
            known, held = self.block < number, self.block == number
            with np.errstate(all="ignore"):
                estimates = np.linalg.lstsq(design[known], self.target[known], rcond=1e-10)[0]
                found.append(float(np.mean((self.target[held] - design[held] @ estimates) ** 2)))
        return np.array(found)


def proposed_over_time(
    facts: Sequence[ColumnFacts],
    time: str,
    key: Sequence[str],
    target: str,
    features: Sequence[str],
    sample: Sampled,
) -> tuple[OverTimeProposal, ...]:
    """Return the terms and the lags that make predictions of later rows clearly better.

    Nothing if the table is larger than the sample, in which the rows of a year before are missing.
    """
    rows = _rows(sample, time, target) if sample.rows == sample.all_rows else None
    if rows is None:
        return ()
    is_time = next(one for one in facts if one.name == time).kind == "time"
    numbers = [name for name in features if name in sample.numbers and name not in (time, target)]
    parts = _parts(sample.numbers[time][rows.order], time, is_time=is_time)
    base = [np.ones((len(rows.order), 1))]
    base += [_standardised(sample.numbers[name][rows.order]) for name in numbers[:MAX_NUMBERS]]
    base += parts if time in features else []
    tried: dict[OverTimeProposal, Values] = {}
    for name in numbers[:MAX_TRIED]:
        term = _term(name, time)
        if term is not None:
            product = _standardised(sample.numbers[name][rows.order])[:, :1] * parts[0]
            tried[OverTimeProposal(f"the effect of {name} changes with time", term)] = product
    if time in key:
        lag = Lag(target, length_of("1 year" if is_time else 1))
        values = _lagged(sample, rows, lag, time, key, is_time=is_time)
        if values is not None:
            words = f"the value {in_words(lag.length)} before says more"
            tried[OverTimeProposal(words, lag=lag)] = values
    return tuple(_taken(rows, np.hstack(base), tried))


def _taken(
    rows: _Rows, design: Values, tried: Mapping[OverTimeProposal, Values]
) -> list[OverTimeProposal]:
    """Return what helps, the best first, each beside those before it."""
    left, taken, errors = dict(tried), list[OverTimeProposal](), rows.errors(design)
    while left and len(taken) < MAX_TAKEN:
        each = {own: rows.errors(np.hstack([design, made])) for own, made in left.items()}
        best = min(each, key=lambda own: float(each[own].mean()))
        if not _helps(errors, each[best]):
            break
        share = 1 - float(np.sqrt(each[best].mean() / errors.mean()))
        words = f"{best.words}: the error of later rows falls by {share:.0%}"
        taken.append(replace(best, words=words))
        design, errors = np.hstack([design, left.pop(best)]), each[best]
    return taken


def _helps(before: Values, after: Values) -> bool:
    gain = before - after
    if not np.isfinite(gain).all() or float(after.mean()) > GAIN**2 * float(before.mean()):
        return False
    spread = float(gain.std(ddof=1)) / np.sqrt(len(gain))
    return bool(gain.mean() > MIN_T * spread)


def _rows(sample: Sampled, time: str, target: str) -> _Rows | None:
    times, values = sample.numbers[time], sample.numbers[target]
    order = np.flatnonzero(np.isfinite(times) & np.isfinite(values))
    order = order[np.argsort(times[order], kind="stable")]
    moments, of_row = np.unique(times[order], return_inverse=True)
    if len(moments) < MIN_TIMES or float(np.std(values[order])) == 0:
        return None
    share = np.cumsum(np.bincount(of_row)) / len(order)  # of the rows up to each time
    newer = np.clip(np.ceil((share - 0.5) * 2 * ORIGINS), 0, ORIGINS)
    numbers = np.unique(newer, return_inverse=True)[1]  # without gaps
    scaled = (values[order] - values[order].mean()) / values[order].std()
    return _Rows(order, numbers[of_row], scaled) if numbers.max() >= MIN_T + 2 else None


def _standardised(values: Values) -> Values:
    """Return a number (m, 1) about its median, or (m, 2) with the gaps beside it."""
    missing = ~np.isfinite(values)
    if missing.all():
        return np.zeros((len(values), 1))
    centred = np.where(missing, 0.0, values - np.median(values[~missing]))
    scale = float(np.abs(centred).max()) or 1.0
    column = (centred / scale)[:, None]
    return np.hstack([column, missing[:, None].astype(float)]) if missing.any() else column


def _parts(times: Values, name: str, *, is_time: bool) -> list[Values]:
    """Return the days of a time (m, 1), and its month or quarter and weekday (m, k)."""
    parts = [_standardised(times)]
    if not is_time:
        return parts
    moments = times.astype(np.int64).astype("M8[us]")
    for part in set(telling_parts(moments)) & {"quarter", "month", "weekday"}:
        texts = with_time_parts({name: moments}, [name])[part_name(name, part)]
        levels = sorted(set(texts.tolist()))[1:]
        if levels:  # a week's first days have one weekday
            parts.append(np.column_stack([(texts == level).astype(float) for level in levels]))
    return parts


def _term(name: str, time: str) -> str | None:
    """Return the product of a number and the time as a term, None where no term can name them."""
    term = text_of(((name, 1), (time, 1)))
    try:
        return term if product_of(term) == ((name, 1), (time, 1)) else None
    except DeclarationMistake:
        return None


def _lagged(
    sample: Sampled, rows: _Rows, lag: Lag, time: str, key: Sequence[str], *, is_time: bool
) -> Values | None:
    """Return a lag (m, k) of the target; None where most rows of the newer half have none."""
    times = sample.numbers[time][rows.order]
    moments = times.astype(np.int64).astype("M8[us]") if is_time else times
    others = [sample.codes[name][rows.order] for name in key if name != time]
    series = None
    if others:
        series = Texts.of([str(each) for each in zip(*(c.tolist() for c in others), strict=True)])
    known = KnownValues.of(series, moments, sample.numbers[lag.column][rows.order])
    values = known.at(series, lag.before(moments))
    if np.isnan(values[rows.block > 0]).mean() > 0.5:
        return None
    return _standardised(values)
