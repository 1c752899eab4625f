"""Rows that combine columns as training never did, where it cannot tell their effects apart.

In training `artist` A used no medium but wood, and only A did: what makes such works different may
be due to either. A work of B in wood needs to know.
"""

import numpy as np

from regressors.arrays import Array, Mask, Values
from regressors.encoding.matrices import INTERCEPT, Encoding

MIN_BREACH = 0.1
"""A row that breaks a dependence by fewer SDs is hardly any different from those of training."""
MAX_NAMED_COLUMNS = 4


def combinations_of(encoding: Encoding, design: Array, breaches: Array) -> tuple[Mask, Values]:
    """Return which rows of a design (n, p) break a dependence, and what to note of each (n,).

    A row times `breaches` (p, m) is by how many SDs it breaks each of the m dependences.
    """
    broken: Mask = np.abs(design @ breaches) > MIN_BREACH
    rows: Mask = np.any(broken, axis=1)
    notes: Values = np.full(len(design), None, dtype=object)
    patterns, which = np.unique(broken[rows], axis=0, return_inverse=True)
    texts = [_note(encoding, (breaches[:, pattern] != 0).any(axis=1)) for pattern in patterns]
    notes[rows] = np.array(texts, dtype=object)[which.ravel()] if texts else None
    return rows, notes


def _note(encoding: Encoding, involved: Mask) -> str:
    terms = [term for term, own in zip(encoding.term_names(), involved, strict=True) if own]
    columns = sorted({_column(encoding, term) for term in terms} - {INTERCEPT})
    shown = columns[:MAX_NAMED_COLUMNS]
    if len(columns) > len(shown):
        named = f"{', '.join(shown)} and {len(columns) - len(shown)} more columns"
    else:
        named = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    return f"training never had this combination of {named}, and cannot tell their effects apart"


def _column(encoding: Encoding, term: str) -> str:
    """Return the column that a term is made of, or the term if it is made of several."""
    names = [name for name in encoding.names if term == name or term.startswith(f"{name}[")]
    return max(names, key=len, default=term)
