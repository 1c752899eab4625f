"""NumPy in place of a framework, where what is tested comes after the fits: it fits in no time.

Its networks learn their last layer alone, by least squares.
"""

import numpy as np
from helpers.numpy_products import numpy_products

from regressors.arrays import Array, Arrays, Floats
from regressors.linear.neuron import NeuronFit, NeuronPlan
from regressors.network.input_rows import InputRows
from regressors.network.progress import Progress
from regressors.network.recipe import Program, forward, gelu

row_products = numpy_products
inverses = np.linalg.inv
RIDGE = 1e-3
EPOCHS = 12
"""So many are recorded, by which the last layer has moved from its start to the solution."""


def descend(inputs: Array, target: Array, start: Array, plan: NeuronPlan) -> NeuronFit:
    """Return the weights after the plan's epochs."""
    weights, speed = start.copy(), np.zeros_like(start)
    losses: list[float] = []
    while epochs := plan.next_block(losses):
        for _ in range(epochs):
            error = inputs @ weights - target
            losses.append(float(np.square(error).mean()))
            gradient = 2 / len(target) * inputs.T @ error
            speed = plan.momentum * speed - plan.learning_rate * gradient
            weights = weights + plan.momentum * speed - plan.learning_rate * gradient
    losses.append(float(np.square(inputs @ weights - target).mean()))
    return NeuronFit.of(weights, losses, plan)


def train(
    start: Arrays,
    inputs: InputRows,
    target: Floats,
    weight: Floats,
    held_inputs: InputRows,
    program: Program,
    progress: Progress,
) -> None:
    """Fit the last layer."""
    held, rows = np.asarray(held_inputs[:]), np.asarray(inputs[:])
    progress.record(_output(start, held), start)
    hidden = rows
    for layer, bias in zip(start[:-2:2], start[1:-2:2], strict=True):
        hidden = gelu(hidden @ layer + bias)
    system = hidden.T @ (hidden * weight[:, None])
    system += RIDGE * max(float(np.trace(system)), 1.0) * np.eye(len(system))
    last = np.linalg.solve(system, hidden.T @ (target * weight)).reshape(start[-2].shape)
    more, epoch = True, 0
    while more:
        epoch += 1
        moved = min(epoch / EPOCHS, 1)
        mixed = [start[-2] * (1 - moved) + last.astype(start[-2].dtype) * moved, start[-1]]
        weights = [*start[:-2], *mixed]
        loss = float(np.square(_output(weights, rows) - target).mean())
        more = progress.record(_output(weights, held), weights, loss)


def _output(arrays: Arrays, inputs: Floats) -> Floats:
    if not len(inputs):
        return np.zeros(0, dtype=arrays[0].dtype)
    return forward(arrays, inputs)
