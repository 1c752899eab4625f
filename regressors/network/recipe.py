"""The recipe of a network: settings, seeds, start arrays, batches and steps. NumPy alone.

Everything that a training depends on besides its data is here and in `regressors.network.progress`,
so that every framework takes the same steps. A network of layer sizes d, h1, ..., 1 is the list
W1 (d, h1), b1 (h1,), ..., w (h, 1), b (1,), with the tanh form of GELU between the layers
(Hendrycks and Gimpel 2016).
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from regressors.arrays import Arrays, Floats, Indices
from regressors.blocks import blocks_of
from regressors.progress import report

GELU_SLOPE = float(np.sqrt(2 / np.pi))
GELU_CUBIC = 0.044715


def seed_of(dataset: str, kind: str, fold: int) -> int:
    """Return the seed of a fit (63 bits): the same for every framework, on every machine."""
    words = json.dumps([dataset, kind, fold], ensure_ascii=False).encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class NetworkSettings:
    """Adam with decoupled decay (AdamW), and an exponential average of the weights.

    The averaged weights are evaluated and served; `average` is what they keep of themselves per
    step. The learning rate rises during a share `warm_up` of the steps. Training stops after
    `patience` epochs without gain. `output_sd` is that of the first output weights.
    """

    learning_rate: float = 0.002
    betas: tuple[float, float] = (0.9, 0.99)
    epsilon: float = 1e-8
    decay: float = 0.01
    average: float = 0.998
    warm_up: float = 0.03
    max_epochs: int = 60
    patience: int = 10
    output_sd: float = 0.02


RECIPE = NetworkSettings()

PEAK = 0.004
"""The learning rate from which that of a planned training falls to zero."""

REFIT_PEAK = 0.002
"""The same where it begins with the network of the twin."""

PORTION_ROWS, PREDICTED_ROWS = 4096, 20_000
"""What the layers see of so many rows is in memory at once, in a training and for predictions.

The former stay in the processor's cache; the latter are all rows of a small table.
"""


def start_arrays(
    rng: np.random.Generator, inputs: int, hidden: Sequence[int], dtype: DTypeLike = np.float32
) -> list[Floats]:
    """Draw the start of a network; with its small output weights it starts at the linear fit."""
    arrays: list[Floats] = []
    fan_in, variance = inputs, 1.0
    for width in hidden:
        arrays.append(rng.normal(0, np.sqrt(variance / max(fan_in, 1)), (fan_in, width)))
        arrays.append(rng.uniform(-1, 1, width))
        fan_in, variance = width, 2.0
    arrays += [rng.normal(0, RECIPE.output_sd, (fan_in, 1)), np.zeros(1)]
    return [array.astype(dtype) for array in arrays]


def forward(arrays: Arrays, inputs: Floats) -> Floats:
    """Return the output (n,) of a network for inputs (n, d), in the dtype of both."""
    values = inputs
    for weights, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
        values = gelu(values @ weights + bias)
    return (values @ arrays[-2] + arrays[-1])[:, 0]


def gelu(z: Floats) -> Floats:
    """Return the tanh form of GELU of any array, in its dtype."""
    activated: Floats = 0.5 * z * (1 + np.tanh(GELU_SLOPE * (z + GELU_CUBIC * z * z * z)))
    return activated


def slices(rows: int) -> list[slice]:
    """Return the pieces in which so many held-out rows are predicted; at least one."""
    return [*blocks_of(rows, PREDICTED_ROWS)] or [slice(0, 0)]


@dataclass(frozen=True)
class Portion:
    """Some batches of an epoch: the numbers of their rows (m,), their bounds and their steps."""

    order: Indices
    bounds: Indices
    steps: Floats


@dataclass(frozen=True)
class Program:
    """The order of the rows, the batches and the steps of a training on `rows` rows.

    With `epochs` the learning rate falls to zero over so many, beginning at `peak`. At most
    `portion` rows are in memory at once, whole batches of them.
    """

    rows: int
    seed: int
    settings: NetworkSettings = RECIPE
    epochs: int | None = None
    peak: float = PEAK
    portion: int = PORTION_ROWS

    @property
    def bounds(self) -> Indices:
        """Return where each batch starts and ends in an epoch's order: (steps + 1,).

        Sizes are as equal as possible, so that no epoch ends with a batch of one row.
        """
        size = int(np.clip(2.0 ** np.round(np.log2(self.rows / 40)), 32, 256))
        steps = -(-self.rows // size)
        return np.arange(steps + 1) * self.rows // steps

    def portions(self, epoch: int, dtype: DTypeLike) -> Iterator[Portion]:
        """Yield an epoch, counted from 0, in portions."""
        bounds, steps, order = self.bounds, self.steps(epoch, dtype), self.order(epoch)
        each = max(1, self.portion // int(np.diff(bounds).max()))
        for first in range(0, len(steps), each):
            part, own = bounds[first : first + each + 1], steps[first : first + each]
            self._report(epoch, part[0])
            yield Portion(order[part[0] : part[-1]], part - part[0], own)

    def _report(self, epoch: int, row: int) -> None:
        """Report how far a training is, which has seen so many rows of an epoch, from 0."""
        seen = f", {row:,} of {self.rows:,} rows" if self.rows > self.portion else ""
        if self.epochs is None:
            report(None, f"epoch {epoch + 1}{seen}")
        else:
            # What comes before the first epoch takes about as long as one.
            share = (1 + epoch + row / self.rows) / (1 + self.epochs)
            report(share, f"epoch {epoch + 1} of {self.epochs}{seen}")

    def order(self, epoch: int) -> Indices:
        """Return the order of the rows in an epoch, counted from 0."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)

    def steps(self, epoch: int, dtype: DTypeLike) -> Floats:
        """Return the figures of each step of an epoch: (steps, 5).

        The columns: learning rate; 1 / (1 - beta1^s); 1 / sqrt(1 - beta2^s); what decay leaves of
        the weights; what the average keeps of itself.
        """
        s = self.settings
        count = len(self.bounds) - 1
        warm_up = max(1, round(s.warm_up * (self.epochs or s.max_epochs) * count))
        step = np.arange(epoch * count + 1, (epoch + 1) * count + 1, dtype=float)
        if self.epochs is None:
            rate = s.learning_rate * np.minimum(1.0, step / warm_up)
        else:
            left = np.clip(1 - (step - 1) / (self.epochs * count), 0.0, 1.0)
            rate = self.peak * np.minimum(1.0, step / warm_up) * left
        first, second = (1 - beta**step for beta in s.betas)
        keep = 1 - rate * s.decay
        average = np.minimum(s.average, step / (step + 9))
        return np.column_stack([rate, 1 / first, 1 / np.sqrt(second), keep, average]).astype(dtype)
