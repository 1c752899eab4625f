"""Whether an exported model predicts what nightfit does, on rows on which it was really run."""

from dataclasses import dataclass

import numpy as np

from data.errors import UserError
from regressors.predicted import Predicted
from tasks.export.engines import Results
from tasks.export.proof_rows import ProofRows, in_words

LINEAR, NETWORK = 1e-12, 1e-6
"""How far predictions may be apart, relative to themselves or, if larger, to a typical one."""


@dataclass(frozen=True)
class Proof:
    """On which rows, and in what, an exported model was run, and the largest difference."""

    engine: str
    rows: ProofRows
    difference: float
    tolerance: float
    without_interval: int

    def __str__(self) -> str:
        """Return the proof as a sentence."""
        text = (
            f"{self.engine} predicts the same as nightfit for {in_words(self.rows)}: the largest"
            f" difference is {self.difference:.1e} of the prediction or, if larger, of a typical"
            f" one; {self.tolerance:.0e} is allowed."
        )
        if self.without_interval:
            text += (
                f" {self.without_interval:,} of them have a value that training does not know, for"
                " which only 'nightfit predict' gives an interval."
            )
        return text


def proved(engine: str, ours: Predicted, theirs: Results, rows: ProofRows, allowed: float) -> Proof:
    """Return the proof of an exported model; raise UserError if it predicts anything else."""
    value, lower, upper = theirs
    typical = float(np.median(np.abs(ours.value))) or 1.0
    scale = np.maximum(np.abs(ours.value), typical)
    differences = np.abs(value - ours.value) / scale
    # Where a value is unknown to training, which a note says, there may be no interval.
    unsaid = np.isnan(lower) & (ours.note.astype(bool) | np.isnan(ours.lower))
    for mine, other in ((ours.lower, lower), (ours.upper, upper)):
        apart = np.where(unsaid, 0.0, np.abs(other - mine) / scale)
        differences = np.fmax(differences, np.where(np.isnan(apart), np.inf, apart))
    differences = np.where(np.isnan(value), np.inf, differences)
    largest = float(differences.max(initial=0.0))
    if largest > allowed:
        row = int(np.argmax(differences))
        raise UserError(
            f"{engine} does not predict the same as nightfit, so nothing is exported: for"
            f" {_row_in_words(rows, row)} nightfit predicts"
            f" {_in_words(ours.value[row], ours.lower[row], ours.upper[row])}, and it"
            f" {_in_words(value[row], lower[row], upper[row])}. The difference is {largest:.1e},"
            f" and {allowed:.0e} is allowed.",
            next_step="Score these rows with 'nightfit predict', and please report it.",
        )
    missing = int((unsaid & ~np.isnan(ours.lower)).sum())
    return Proof(engine, rows, largest, allowed, missing)


def _in_words(value: float, lower: float, upper: float) -> str:
    return f"{float(value)!r} ({float(lower)!r} to {float(upper)!r})"


def _row_in_words(rows: ProofRows, row: int) -> str:
    values = (f"{name} = {values[row]}" for name, values in rows.columns.items())
    return f"the row {', '.join(values)}"
