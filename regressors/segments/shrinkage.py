"""Partial pooling: the equations of segments as draws from one distribution of equations.

y = X (m + u) + e for the rows of a segment, with u ~ N(0, diag(t)) of its own and e ~ N(0, s)
(Laird and Ware 1982, Biometrics 38). Given the variances, the best prediction of a segment's
coefficients is between those of its own rows and m, nearer to m the less its rows say. The
variances are those of restricted maximum likelihood, by Harville's iteration (1977, Journal of the
American Statistical Association 72): all that it needs of the rows is the Gram matrix of each
segment. Columns are centred and scaled, so that the variances of an intercept and of slopes are
those at the mean of all rows, and so that no unit plays a part.
"""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.segments.solve_stacks import Inverses

SAMPLED = 400
"""At most so many segments, evenly spaced, say what the variances are."""
ITERATIONS = 100
SETTLED = 1e-4
"""Variances have converged that change the weight of a segment's own rows by less than this."""
NOTHING = 1e-3
"""A variance that gives the own rows of a segment a smaller weight than this is none."""
EXACT = 2.0**-43
"""The variance of e is no smaller a share of the target's: the sums do not show less."""
LARGE = 2.0**30
"""So much more than their prior do the rows of a segment say, all directions together, where beside
them the prior would be lost in rounding."""
UNSEEN = 2.0**-40
"""The rows say nothing of a direction of which they say no larger a share than this."""
VALUES_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class SegmentMoments:
    """The sums of S segments over their rows, of q centred and scaled columns and the target.

    `products` (S, q, q) are X'X, `with_target` (S, q) X'y, `squares` (S,) y'y, and `rows` (S,) are
    counts.
    """

    products: Array
    with_target: Array
    squares: Array
    rows: Array

    def take(self, at: Indices | Mask) -> "SegmentMoments":
        """Return those of some segments."""
        arrays = (self.products, self.with_target, self.squares, self.rows)
        return SegmentMoments(*(array[at] for array in arrays))


@dataclass(frozen=True, eq=False)
class Variances:
    """Of e, and of each of q coefficients between segments; 0 where they do not differ."""

    within: float
    between: Array


@dataclass(frozen=True, eq=False)
class Shrunken:
    """The coefficients (S, q) of segments, and the covariances (S, q, q) of their errors."""

    coefficients: Array
    covariances: Array


def variances_of(moments: SegmentMoments) -> Variances:
    """Return the variances by restricted maximum likelihood."""
    segments = len(moments.rows)
    if segments > SAMPLED:
        moments = moments.take(np.unique(np.linspace(0, segments - 1, SAMPLED).astype(int)))
        segments = len(moments.rows)
    total, rows = moments.products.sum(axis=0), float(moments.rows.sum())
    right = moments.with_target.sum(axis=0)
    solution, _, rank, _ = np.linalg.lstsq(total, right, rcond=None)
    spare = max(rows - int(rank), 1.0)
    within = max(float(moments.squares.sum() - solution @ right), 0.0) / spare
    sizes = np.diag(total) / rows
    between = np.where(sizes > 0, within / np.where(sizes > 0, sizes, 1.0) / len(sizes), 0.0)
    if not within:
        return Variances(0.0, np.zeros(len(sizes)))
    least = EXACT * float(moments.squares.sum()) / spare
    for _ in range(ITERATIONS):
        fit = _given(moments, Variances(within, between), _inverted)
        u = fit.u
        unseen = _unseen_shares(fit, between)
        freedom = np.maximum(segments - unseen, 1e-12 * segments)
        moved = np.where(between > 0, np.square(u).sum(axis=0) / freedom, 0.0)
        left = moments.squares.sum() - (moments.with_target * (fit.mean + u)).sum()
        now = max(float(left) / spare, least)
        own = np.divide(
            now * segments / rows, sizes, out=np.full_like(sizes, np.inf), where=sizes > 0
        )
        moved = np.where(moved > NOTHING * own, moved, 0.0)
        change = np.abs(moved - between) / np.maximum(moved + own, between)
        settled = max(float(change.max(initial=0.0)), abs(now / within - 1)) < SETTLED
        within, between = now, moved
        if settled:
            break
    return Variances(within, between)


def shrunken(moments: SegmentMoments, variances: Variances, inverses: Inverses) -> Shrunken:
    """Return the coefficients of all segments under these variances."""
    fit = _given(moments, variances, inverses)
    covariances = fit.posterior + fit.shares_of_mean @ fit.of_mean @ _turned(fit.shares_of_mean)
    return Shrunken(fit.mean + fit.u, covariances)


@dataclass(frozen=True, eq=False)
class _Given:
    """The mean m (q,), its covariance (q, q), and u (S, q) with its covariances, given variances.

    `shares_of_mean` (S, q, q) are by how much a segment's coefficients move with m.
    """

    mean: Array
    of_mean: Array
    u: Array
    posterior: Array
    shares_of_mean: Array


def _given(moments: SegmentMoments, variances: Variances, inverses: Inverses) -> _Given:
    columns = moments.products.shape[1]
    root, within = np.sqrt(variances.between), variances.within or 1.0
    identity = np.eye(columns)
    posterior = np.empty_like(moments.products)
    large = np.einsum("sii,i->s", moments.products, variances.between) > LARGE * within
    step = max(VALUES_AT_ONCE // max(columns**2, 1), 1)
    for start in range(0, len(posterior), step):
        at = slice(start, start + step)
        scaled = moments.products[at] * (root[:, None] * root / within)
        scaled[large[at]] = 0.0
        posterior[at] = inverses(scaled + identity) * (root[:, None] * root)
    seen = posterior
    if large.any():
        seen = posterior.copy()
        scaled = moments.products[large] * (root[:, None] * root / within)
        posterior[large], seen[large] = _by_direction(scaled) * (root[:, None] * root)
    # What u takes of the products: X'X P / s of X'X, and the rest is what m has to explain.
    taken = moments.products @ seen / within
    of_mean = np.linalg.pinv(
        (moments.products - taken @ moments.products).sum(axis=0) / within, hermitian=True
    )
    own = moments.with_target - (taken @ moments.with_target[:, :, None])[:, :, 0]
    mean = of_mean @ own.sum(axis=0) / within
    unmet = moments.with_target - moments.products @ mean
    u = (seen @ unmet[:, :, None])[:, :, 0] / within
    return _Given(mean, of_mean, u, posterior, identity - _turned(taken))


def _by_direction(scaled: Array) -> Array:
    """Return the inverses of `scaled` (S, q, q) plus the identity, however much larger they are.

    A second array is of the directions alone of which the rows say anything. (2, S, q, q)
    """
    values, vectors = np.linalg.eigh(scaled)
    shown = values > UNSEEN * values[:, -1:]
    weights = 1 / (1 + np.where(shown, values, 0.0))
    return np.stack(
        [
            (vectors * each[:, None, :]) @ _turned(vectors)
            for each in (weights, np.where(shown, weights, 0.0))
        ]
    )


def _unseen_shares(fit: _Given, between: Array) -> Array:
    """Return the shares of the variances that rows do not show, summed (q,) over the segments."""
    moved = np.eye(len(between)) - fit.shares_of_mean  # u with m, but for the sign
    extra = np.einsum("sij,jk,sik->i", moved, fit.of_mean, moved, optimize=True)
    unseen = np.einsum("sii->i", fit.posterior) + extra
    shares: Array = np.divide(unseen, between, out=np.zeros_like(unseen), where=between > 0)
    return shares


def _turned(matrices: Array) -> Array:
    turned: Array = matrices.transpose(0, 2, 1)
    return turned


def _inverted(matrices: Array) -> Array:
    inverses: Array = np.linalg.inv(matrices).astype(float, copy=False)
    return inverses
