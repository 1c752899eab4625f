"""The Gram matrices of the folds of a job: one pass over the rows serves the twin and all folds."""

from functools import reduce
from operator import add

import numpy as np

from regressors.arrays import Array, Mask
from regressors.encoding.matrices import Encoding
from regressors.encoding.same_design import same_design
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, take
from regressors.linear.gram import Gram
from regressors.linear.rows import Rows


class FoldSums:
    """The exact Gram matrix of each fold of a job, by the encoding of all its rows.

    The rows that a fold trains on are those of other folds, and so are their sums, wherever the
    encoding that is fitted on them makes the same design. No sum holds anything of held-out rows.
    """

    def __init__(self, framework: FrameworkModule, job: Job) -> None:
        self.encoding = fit_encoding(job, np.ones(len(job.fold), dtype=bool))
        # By the first row of each fold, which says of a mask whether that has the fold.
        self._by_first = {
            int(first): encoded_rows(job, self.encoding, job.fold == number).gram(
                framework.row_products
            )
            for number, first in zip(*np.unique(job.fold, return_index=True), strict=True)
        }

    def gram(self, encoding: Encoding, rows: Mask) -> Gram | None:
        """Return the matrix of the rows (a mask) of whole folds; None if an encoding differs."""
        if not same_design(encoding, self.encoding):
            return None
        return reduce(add, (gram for first, gram in self._by_first.items() if rows[first]))


def fit_encoding(job: Job, rows: Mask) -> Encoding:
    """Return the encoding that is fitted on some rows (a mask) of a job for a linear kind."""
    return Encoding.fit(
        take(job.columns, rows),
        products=job.products,
        intercept=job.intercept,
        declared_parts=job.time_parts,
        pieces=False,
    )


def encoded_rows(job: Job, encoding: Encoding, rows: Mask) -> Rows:
    """Return some rows (a mask) of a job for a fit; their design is made block by block."""
    positions = np.flatnonzero(rows)

    def design(block: slice) -> Array:
        chosen = positions[block]
        return encoding.design({name: values[chosen] for name, values in job.columns.items()})

    weight = None if job.weight is None else job.weight[rows]
    return Rows(design, len(encoding.term_names()), job.target[rows], weight)
