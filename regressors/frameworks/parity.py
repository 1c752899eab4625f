"""The parity probe: does a framework compute tonight what NumPy computes?

A library broken by an upgrade is noticed here on the first night, before it fits anything. The
gradients below are written by hand, so that they share nothing with automatic differentiation.
"""

from dataclasses import dataclass, replace

import numpy as np

from regressors.arrays import Array, Arrays
from regressors.frameworks.contract import FrameworkModule
from regressors.linear.gram import Gram
from regressors.linear.gram_sums import gram_with_levels
from regressors.linear.neuron import NeuronPlan
from regressors.linear.slices import BLOCK_ROWS
from regressors.network import recipe
from regressors.network.progress import Progress
from regressors.progress import reporting_to
from regressors.segments.digits import SUMMED

PROBE_STEPS = 50
AGREEMENT = 1e-9
"""The largest difference of a weight from the reference, relative to the largest weight."""
BOUNDS = {"least_squares": 0.0, "gradient_descent": AGREEMENT, "ann": AGREEMENT}
"""The largest figure that each kind may have."""


@dataclass(frozen=True)
class ProbeResult:
    """Whether a framework may fit tonight, and why not; `figures` are the differences by kind."""

    passed: bool
    figures: dict[str, float]
    reason: str | None


def probe(framework: FrameworkModule) -> ProbeResult:
    """Compare a framework's five functions with NumPy's, in float64, on small fixed problems."""
    with reporting_to(lambda *_: None):  # its epochs are part of a start, and none of a fit
        results = {
            "least_squares": _least_squares(framework),
            "gradient_descent": _neuron(framework),
            "ann": _network(framework),
        }
    figures = {kind: figure for kind, (figure, _) in results.items()}
    faults = [
        f"{_kind_name(kind)} gave {dtype} for float64"
        for kind, (_, dtype) in results.items()
        if dtype != "float64"
    ] + [
        f"{_kind_name(kind)} is off by {figure:.2g}, allowed {BOUNDS[kind]:.2g}"
        for kind, figure in figures.items()
        if not figure <= BOUNDS[kind]
    ]
    reason = f"it failed the parity probe: {'; '.join(faults)}" if faults else None
    return ProbeResult(not faults, figures, reason)


def _kind_name(kind: str) -> str:
    return {"ann": "the ANN"}.get(kind, kind.replace("_", " "))


def reference_neuron(inputs: Array, target: Array, start: Array, plan: NeuronPlan) -> Array:
    """Return the weights (p,) after the plan's epochs of gradient descent."""
    weights, speed = start.copy(), np.zeros_like(start)
    for _ in range(plan.epochs):
        gradient = 2 / len(target) * inputs.T @ (inputs @ weights - target)
        speed = plan.momentum * speed - plan.learning_rate * gradient
        weights = weights + plan.momentum * speed - plan.learning_rate * gradient
    return weights


def reference_network(
    start: Arrays,
    inputs: Array,
    target: Array,
    weight: Array,
    program: recipe.Program,
    epochs: int,
) -> list[Array]:
    """Return the averaged weights after some epochs of the recipe, from hand-written gradients."""
    settings = program.settings
    beta1, beta2 = settings.betas
    weights = [array.astype(float) for array in start]
    average = [array.copy() for array in weights]
    first, second = ([np.zeros_like(array) for array in weights] for _ in range(2))
    for epoch in range(epochs):
        order, bounds = program.order(epoch), program.bounds
        for s, step in enumerate(program.steps(epoch, float)):
            rate, first_scale, second_scale, keep, kept = step
            rows = order[bounds[s] : bounds[s + 1]]
            gradients = _gradients(weights, inputs[rows], target[rows], weight[rows])
            for i, gradient in enumerate(gradients):
                first[i] = beta1 * first[i] + (1 - beta1) * gradient
                second[i] = beta2 * second[i] + (1 - beta2) * gradient**2
                scale = np.sqrt(second[i]) * second_scale + settings.epsilon
                decayed = weights[i] * (keep if weights[i].ndim == 2 else 1.0)
                weights[i] = decayed - rate * first_scale * first[i] / scale
                average[i] = kept * average[i] + (1 - kept) * weights[i]
    return average


def _gradients(arrays: list[Array], inputs: Array, target: Array, weight: Array) -> list[Array]:
    """Return the gradient of the weighted mean squared error, by backpropagation."""
    values, slopes = [inputs], []
    for weights, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
        z = values[-1] @ weights + bias
        tanh = np.tanh(recipe.GELU_SLOPE * (z + recipe.GELU_CUBIC * z**3))
        inner = recipe.GELU_SLOPE * (1 + 3 * recipe.GELU_CUBIC * z**2)
        slopes.append(0.5 * (1 + tanh) + 0.5 * z * (1 - tanh**2) * inner)
        values.append(0.5 * z * (1 + tanh))
    output = values[-1] @ arrays[-2] + arrays[-1]
    delta = 2 / len(target) * weight[:, None] * (output - target[:, None])
    gradients = [values[-1].T @ delta, delta.sum(axis=0)]
    for layer in range(len(slopes) - 1, -1, -1):
        delta = delta @ arrays[2 * layer + 2].T * slopes[layer]
        gradients = [values[layer].T @ delta, delta.sum(axis=0), *gradients]
    return gradients


def _least_squares(framework: FrameworkModule) -> tuple[float, str]:
    """Return the largest error of sums of products, which are to have none.

    They are those of slices of a design, as large as such slices can be, and are compared with sums
    of integers. So are all sums of a small fit with weights and levels, of which the number of
    those that are off is added, and that of sums and inverses of stacks of small matrices.
    """
    rows = np.arange(BLOCK_ROWS)
    digits = np.array(
        [2**20 + 0 * rows, 2**20 - rows, rows * 127 % 2**20, rows % 2, 3 * rows - 9999]
    )
    products = framework.row_products(digits.astype(float), digits.astype(float))
    error = float(np.abs(products - digits @ digits.T).max())
    wrong = _wrong_sums(framework) + _wrong_stacks(framework)
    return error + wrong, products.dtype.name


def _wrong_stacks(framework: FrameworkModule) -> int:
    """Return how many products of a stack of matrices differ from integers, and bad inverses."""
    rows = np.arange(SUMMED)
    digits = np.array([[2**23 - k * rows, rows * 65537 % 2**23, rows % 2 + k] for k in range(4)])
    left, right = digits.astype(float), digits[:, :2].astype(float)
    wanted = digits @ digits[:, :2].transpose(0, 2, 1)
    wrong = np.count_nonzero(framework.row_products(left, right) != wanted)
    matrices = 1 / (1.0 + np.arange(3)[:, None] + np.arange(3)) + np.arange(4)[:, None, None]
    unit = matrices @ framework.inverses(matrices)
    return int(wrong + np.count_nonzero(np.abs(unit - np.eye(3)) > AGREEMENT))


def _wrong_sums(framework: FrameworkModule) -> int:
    """Return how many sums of rows with weights and levels differ from those of integers."""
    inputs, target = _problem(rows=60)
    columns = np.column_stack([inputs, np.ones(60), target])
    weight, codes = 0.5 + np.arange(60) % 7 / 3, np.arange(60) % 4 - 1
    levels = (codes[:, None] == np.arange(3)).astype(float)
    blocks = [(columns, weight, [codes])]
    seen = gram_with_levels(blocks, columns.shape[1], [3], framework.row_products)
    wanted = Gram.of_few(np.column_stack([columns, levels]).T, weight)
    return int(np.count_nonzero((seen - wanted).integers))


def _neuron(framework: FrameworkModule) -> tuple[float, str]:
    inputs, target = _problem(rows=60)
    with_ones = np.column_stack([inputs, np.ones(60)])
    start = np.array([0.5, -0.25, 0.125, 1.0, -0.5])
    plan = NeuronPlan(learning_rate=0.02, momentum=0.7, epochs=PROBE_STEPS)
    fit = framework.descend(with_ones, target, start, plan)
    reference = reference_neuron(with_ones, target, start, plan)
    # The same neuron and a slower one, side by side.
    epochs, rates = PROBE_STEPS, np.array([plan.learning_rate, plan.learning_rate / 2])
    stack, _, _ = framework.descend_stack(
        np.stack([with_ones, with_ones]),
        np.stack([target, target]),
        np.stack([start, start]),
        np.zeros((2, len(start))),
        rates,
        np.full(2, plan.momentum),
        epochs,
    )
    slower = reference_neuron(with_ones, target, start, replace(plan, learning_rate=rates[1]))
    seen, wanted = [fit.weights, *stack], [reference, reference, slower]
    dtypes = {fit.weights.dtype.name, stack.dtype.name}
    return _difference(seen, wanted), "/".join(sorted(dtypes))


def _network(framework: FrameworkModule) -> tuple[float, str]:
    inputs, target = _problem(rows=150)
    weight = 0.5 + np.arange(150) % 3 / 2
    program = recipe.Program(len(inputs), seed=1)
    epochs = PROBE_STEPS // (len(program.bounds) - 1)
    start = recipe.start_arrays(np.random.default_rng(1), inputs.shape[1], (6, 5), np.float64)
    progress = Progress(held_target=target[:0], epochs=epochs)
    framework.train(start, inputs, target, weight, inputs[:0], program, progress)
    reference = reference_network(start, inputs, target, weight, program, epochs)
    dtypes = {array.dtype.name for array in progress.best_weights}
    return _difference(progress.best_weights, reference), "/".join(sorted(dtypes))


def _problem(rows: int) -> tuple[Array, Array]:
    inputs = np.random.default_rng(rows).normal(size=(rows, 4))
    return inputs, np.sin(inputs).sum(axis=1) + inputs[:, 0] * inputs[:, 1]


def _difference(arrays: Arrays, reference: Arrays) -> float:
    computed, expected = (
        np.concatenate([array.ravel() for array in side]) for side in (arrays, reference)
    )
    return float(np.abs(computed - expected).max() / np.abs(expected).max())
