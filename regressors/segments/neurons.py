"""A neuron for each segment: gradient descent on the triangular factors of all at once.

As one neuron for all rows does, each sees standardised columns, and descends on all of its rows in
every epoch, by the fastest rate that is sure to converge unless one is declared. Each stops by its
own loss. It begins at zero every night.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from regressors.arrays import Array, Indices, Mask, Values
from regressors.linear.double_double import Pair
from regressors.linear.gram import Gram
from regressors.linear.neuron import ROUNDING_NOISE, NeuronPlan, StackStep
from regressors.segments.centring import centred, raw_sums
from regressors.segments.fits import SegmentFits, inferred
from regressors.segments.lines import too_few_rows
from regressors.segments.shrunken_lines import TOO_FAR, sums_of_one
from regressors.segments.solve_stacks import LEAST_LEFT, shares_left
from regressors.segments.table import SegmentSums


class NeuronLines:
    """The neurons of S segments with these terms (p), which are trained a few at a time.

    The sums of a segment that cannot be summed with others come from `alone`, by its number.
    """

    def __init__(
        self,
        terms: tuple[str, ...],
        segments: int,
        step: StackStep,
        alone: Callable[[int], Gram],
        *,
        intercept: bool,
        learning_rate: float | None,
        epochs: int,
        recency: float | None,
    ) -> None:
        self._terms, self._step, self._alone, self._intercept = terms, step, alone, intercept
        self._rate, self._recency = learning_rate, recency
        self._plan = NeuronPlan(0.0, 0.0, epochs)
        self._estimates = np.full((segments, len(terms)), np.nan)
        self._sd, self._r2 = np.full((2, segments), np.nan)
        self._reason: Values = np.full(segments, None, dtype=object)
        self.details: dict[str, Any] = {"epochs": 0, "not_converged": 0}

    def add(self, sums: SegmentSums | Indices) -> None:
        """Add the sums of some segments, or the numbers of those without sums."""
        with np.errstate(over="ignore", invalid="ignore"):
            if isinstance(sums, SegmentSums):
                self._add(sums.segments, raw_sums(sums), sums.rows)
                return
            for segment in sums.tolist():
                gram = self._alone(segment)
                self._add(np.array([segment]), sums_of_one(gram), np.array([gram.rows]))

    def solved(self) -> tuple[Any, ...]:
        """Return what was made of the sums, by segment, and the details."""
        return self._estimates, self._sd, self._r2, self._reason, self.details

    def add_solved(self, start: int, solved: tuple[Any, ...]) -> None:
        """Add what was made elsewhere of the sums of segments from number `start` on."""
        *batches, details = solved
        for whole, batch in zip(self.solved(), batches, strict=False):
            whole[start : start + len(batch)] = batch
        self.details["epochs"] = max(self.details["epochs"], details["epochs"])
        self.details["not_converged"] += details["not_converged"]

    def fits(self, names: Values, rows: Indices) -> SegmentFits:
        """Return the equations of the segments, of which those without `rows` (S,) are left out."""
        there = np.flatnonzero(rows)
        nothing = np.full((len(there), len(self._terms)), np.nan)
        sd = self._sd[there]
        if self._recency is not None:
            sd = sd / np.sqrt(self._recency)
        return inferred(
            names[there],
            rows[there],
            self._terms,
            self._estimates[there],
            nothing,
            None,
            np.full(len(there), np.nan),
            sd,
            self._r2[there],
            self._reason[there],
        )

    def _add(self, segments: Indices, sums: Pair, rows: Indices) -> None:
        terms, first = len(self._terms), int(self._intercept)
        ones = sums.high[:, terms, :]
        at = np.array([*range(terms), terms + 1])
        means = ones[:, at] / ones[:, [terms]] if self._intercept else None
        if means is not None:
            means[:, 0] = 0.0  # the column of the intercept itself
        inside = centred(sums, means)
        finite: Mask = np.all(np.isfinite(inside), axis=(1, 2))
        inside = np.where(finite[:, None, None], inside, np.eye(terms + 1))
        squares = np.einsum("sii->si", inside)
        sds = np.sqrt(np.where(squares > 0, squares, 0.0))
        raw = np.maximum(np.einsum("sii->si", sums.high[:, at[:, None], at]), 0.0)
        varies = sds > CONSTANT * np.sqrt(raw)
        sds = np.where(varies, sds, 1.0)
        units = inside / sds[:, :, None] / sds[:, None, :]
        slopes, target = units[:, first:terms, first:terms], units[:, first:terms, terms]
        present = varies[:, first:terms]
        kept = present & (shares_left(slopes, present) >= LEAST_LEFT)
        ranks = kept.sum(axis=1) + first
        few = [too_few_rows(*pair) for pair in zip(rows.tolist(), ranks.tolist(), strict=True)]
        reasons = [reason if ok else TOO_FAR for reason, ok in zip(few, finite, strict=True)]
        self._reason[segments] = np.array([*reasons, None], dtype=object)[:-1]
        fitted = np.flatnonzero([reason is None for reason in reasons])
        if not fitted.size:
            return
        weights, losses, diverged = self._descended(
            slopes[fitted], np.where(varies[fitted, terms:], target[fitted], 0.0), kept[fitted]
        )
        estimates = np.full((len(fitted), terms), np.nan)
        own = weights * (sds[fitted, terms:] / sds[fitted, first:terms])
        estimates[:, first:] = np.where(kept[fitted], own, np.nan)
        if means is not None:
            estimates[:, 0] = means[fitted, terms]
            for column in range(terms - 1):
                estimates[:, 0] -= means[fitted, column + 1] * np.where(
                    kept[fitted, column], own[:, column], 0.0
                )
        bad = fitted[diverged]
        self._reason[segments[bad]] = (
            f"gradient descent diverged at a learning rate of {self._rate or 0.0:.3g}"
        )
        estimates[diverged] = np.nan
        self._estimates[segments[fitted]] = estimates
        good = ~diverged
        at_good = segments[fitted[good]]
        total = np.where(varies[fitted[good], terms], squares[fitted[good], terms], 0.0)
        self._r2[at_good] = np.where(total > 0, 1 - losses[good], np.nan)
        spare = rows[fitted[good]] - ranks[fitted[good]]
        self._sd[at_good] = np.sqrt(losses[good] * total / spare)

    def _descended(self, units: Array, target: Array, kept: Mask) -> tuple[Array, Array, Mask]:
        """Return weights (S, q), losses (S,) in variances of the target, and which diverged.

        `units` (S, q, q) are the correlations of the columns, `target` (S, q) those with it.
        """
        systems, columns = kept.shape
        both = kept[:, :, None] & kept[:, None, :]
        root = np.linalg.cholesky(np.where(both, units, np.eye(columns)))
        beside = np.linalg.solve(root, np.where(kept, target, 0.0)[:, :, None])[:, :, 0]
        left = np.sqrt(np.maximum(1 - np.square(beside).sum(axis=1), 0.0))
        # As many rows as columns and one more: that of what no weights can explain.
        scale = np.sqrt(columns + 1)
        inputs = np.zeros((systems, columns + 1, columns))
        inputs[:, :columns] = root.transpose(0, 2, 1) * scale
        inputs[:, :columns][~np.broadcast_to(kept[:, None, :], units.shape)] = 0.0
        outputs = np.column_stack([beside, left]) * scale
        rates, momenta = self._speeds(inputs)
        weights, speed = np.zeros((2, systems, columns))
        first, going, epochs = np.ones(systems), np.arange(systems), 0
        diverged = np.zeros(systems, dtype=bool)
        while going.size and epochs < self._plan.epochs:
            block = min(self._plan.block, self._plan.epochs - epochs)
            weights[going], speed[going], losses = self._step(
                inputs[going],
                outputs[going],
                weights[going],
                speed[going],
                rates[going],
                momenta[going],
                block,
            )
            epochs += block
            with np.errstate(invalid="ignore", over="ignore"):
                still = np.ptp(losses, axis=0) <= self._plan.tolerance * losses.min(axis=0)
                noise = losses.max(axis=0) <= ROUNDING_NOISE * first[going]
                worse = ~np.isfinite(losses[-1]) | (losses[-1] > 10 * losses[0])
            settled = (still | noise) & (block == self._plan.block)
            diverged[going[worse & ~settled]] = True
            going = going[~settled & ~worse]
        with np.errstate(invalid="ignore", over="ignore"):
            unmet = (inputs @ weights[:, :, None])[:, :, 0] - outputs
            last = np.square(unmet).mean(axis=1)
        diverged |= ~np.isfinite(last) | (last > 1 + 1e-9)
        self.details["epochs"] = max(self.details["epochs"], epochs)
        self.details["not_converged"] += int(going.size)
        return np.where(diverged[:, None], 0.0, weights), last, diverged

    def _speeds(self, inputs: Array) -> tuple[Array, Array]:
        """Return the rates and momenta (S,) of `neuron_plan`."""
        systems, rows = inputs.shape[:2]
        if self._rate is not None:
            return np.full(systems, self._rate), np.zeros(systems)
        curvature = np.linalg.eigvalsh(inputs.transpose(0, 2, 1) @ inputs * (2 / rows))
        largest = np.where(curvature[:, -1] > 0, curvature[:, -1], 1.0)
        flattest = largest * min(1.0, (20 / self._plan.epochs) ** 2)
        smallest = np.min(np.where(curvature > 1e-12 * largest[:, None], curvature, np.inf), axis=1)
        root = np.sqrt(largest / np.maximum(np.minimum(smallest, largest), flattest))
        return 1 / largest, (root - 1) / (root + 1)


CONSTANT = 1e-12
"""A column whose part beside its mean is a smaller share than this is constant."""
