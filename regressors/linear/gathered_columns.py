"""The figures of single columns that encodings are fitted on, some columns by each process.

A median is of all rows, and a mean is a sum of doubles, whose digits depend on its order: so what
several processes share are not rows but columns, each of which one of them reads as a whole.
"""

from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from regressors.arrays import CodedTexts, Columns, Indices, Values
from regressors.blocks import blocks_of
from regressors.encoding.columns import CannotEncode
from regressors.encoding.statistics import FoldStatistics, KnownColumn
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job
from regressors.linear.fold_sums import FoldFit, first_rows, fits_of
from regressors.shared_work import Calls, SharedWork

MAX_LABELS = 2**12
"""Of a category with more labels, a part has those of its rows alone, and figures are not sent."""

AT_ONCE = 4
"""So many columns are read by one process: what it needs of their folds takes as long as one."""


@dataclass(frozen=True, eq=False)
class ColumnsOfFits:
    """Some columns (n,), and the fits there are: that of all rows, and those of folds.

    They are those in `numbers`, or all if that is None. A `fold` of None stands for no folds.
    """

    columns: Columns
    fold: Indices | None
    known: Indices | None
    chained: bool
    numbers: Container[int] | None


def known_columns(
    job: Job, numbers: Container[int] | None = None, *, of_folds: bool = True
) -> SharedWork[dict[str, KnownColumn]]:
    """Gather the figures of the numbers and categories of a job, by name; times have none."""
    names = [name for name, values in job.columns.items() if _is_shared(values)]
    fold, known = (job.fold, job.known) if of_folds else (None, None)

    def calls() -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        for some in blocks_of(len(names), AT_ONCE):
            columns = {name: job.columns[name] for name in names[some]}
            yield (
                figures_of_columns,
                (ColumnsOfFits(columns, fold, known, job.chained, numbers),),
            )

    found = yield Calls("columns", -(-len(names) // AT_ONCE), calls())
    return {name: figures for some in found for name, figures in some.items()}


def _is_shared(values: Values) -> bool:
    if isinstance(values, CodedTexts):
        return len(values.labels) <= MAX_LABELS
    return values.dtype.kind == "f"


def figures_of_columns(_framework: FrameworkModule, asked: ColumnsOfFits) -> dict[str, KnownColumn]:
    """Return the figures of columns, but of none that cannot be encoded: it may not be needed."""
    fold, known, fits = asked.fold, asked.known, list[FoldFit]()
    part_of: Indices = np.zeros(0, dtype=np.int64)
    if fold is not None:
        part_of = fold if known is None else known
        first = first_rows(part_of)
        fits = [*fits_of(first, fold, chained=asked.chained, known=known, numbers=asked.numbers)]
    statistics, found = FoldStatistics(asked.columns, part_of), dict[str, KnownColumn]()
    for name in asked.columns:
        with suppress(CannotEncode):
            found[name] = statistics.known_column(name, fits)
    return found
