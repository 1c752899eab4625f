"""TensorFlow: variables under `tf.function`, a Keras optimizer for the neuron."""

from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from regressors.arrays import Array, Arrays, Floats, Indices
from regressors.linear.neuron import NeuronFit, NeuronPlan
from regressors.network import recipe
from regressors.network.input_rows import InputRows
from regressors.network.progress import Progress


def row_products(left: Array, right: Array) -> Array:
    """Return the sums of products (q, r) of the rows of two matrices, (q, n) and (r, n).

    Or (s, q, r) of those of two stacks, (s, q, n) and (s, r, n).
    """
    first = tf.constant(left)  # which copies it
    second = first if right is left else tf.constant(right)
    # The tensor's own memory: `numpy()` would copy it.
    return np.asarray(tf.matmul(first, second, transpose_b=True))


def inverses(matrices: Array) -> Array:
    """Return the inverses (s, q, q) of symmetric matrices (s, q, q)."""
    return np.asarray(tf.linalg.inv(matrices))


def descend(inputs: Array, target: Array, start: Array, plan: NeuronPlan) -> NeuronFit:
    """Train one linear neuron on inputs (n, p) and target (n,), from weights `start` (p,)."""
    # Keras would round the rate (kept as floatx) and the momentum (a bare number) to float32.
    tf.keras.backend.set_floatx("float64")
    momentum = np.float64(plan.momentum)
    optimizer = tf.keras.optimizers.SGD(plan.learning_rate, momentum, nesterov=plan.momentum > 0)
    weights = tf.Variable(start)
    optimizer.build([weights])
    x, y = tf.constant(inputs), tf.constant(target)

    def loss() -> tf.Tensor:
        return tf.reduce_mean(tf.square(tf.linalg.matvec(x, weights) - y))

    @tf.function
    def run(epochs: tf.Tensor) -> tf.Tensor:
        block = tf.TensorArray(tf.float64, size=epochs)
        for epoch in tf.range(epochs):
            with tf.GradientTape() as tape:
                before = loss()
            optimizer.apply([tape.gradient(before, weights)], [weights])
            block = block.write(epoch, before)
        return block.stack()

    losses: list[float] = []
    while epochs := plan.next_block(losses):
        losses += run(tf.constant(epochs)).numpy().tolist()
    losses.append(float(loss()))
    return NeuronFit.of(weights.numpy(), losses, plan)


@cache
def _neurons() -> Any:
    """Return the descent of a stack of neurons: one trace serves every shape."""
    matrix, rows = tf.TensorSpec([None, None], tf.float64), tf.TensorSpec([None], tf.float64)
    stack, count = tf.TensorSpec([None, None, None], tf.float64), tf.TensorSpec([], tf.int32)

    @tf.function(input_signature=[stack, matrix, matrix, matrix, rows, rows, count])
    def run(x: Any, y: Any, w: Any, v: Any, rates: Any, momenta: Any, epochs: Any) -> Any:
        rate, momentum = rates[:, None], momenta[:, None]
        losses = tf.TensorArray(tf.float64, size=epochs)
        for epoch in tf.range(epochs):
            with tf.GradientTape() as tape:
                tape.watch(w)
                loss = tf.reduce_mean(tf.square(tf.linalg.matvec(x, w) - y), axis=1)
            gradient = tape.gradient(loss, w)
            v = momentum * v - rate * gradient
            w = w + momentum * v - rate * gradient
            losses = losses.write(epoch, loss)
        return w, v, losses.stack()

    return run


def descend_stack(
    inputs: Array,
    target: Array,
    weights: Array,
    speed: Array,
    rates: Array,
    momenta: Array,
    epochs: int,
) -> tuple[Array, Array, Array]:
    """Train s neurons on inputs (s, n, p) and target (s, n), from `weights` (s, p)."""
    state = (inputs, target, weights, speed, rates, momenta)
    w, v, losses = _neurons()(*map(tf.constant, state), tf.constant(epochs))
    return w.numpy(), v.numpy(), losses.numpy()


@cache
class _Network(tf.Module):
    """The network and its training state, in variables of any shape: all fits share one trace."""

    def __init__(self, layers: int, settings: recipe.NetworkSettings, dtype: str) -> None:
        super().__init__()
        self.settings = settings
        shapes = [[None, None], [None]] * layers

        def variables() -> list[tf.Variable]:
            return [tf.Variable(tf.zeros([0] * len(s), dtype), shape=s) for s in shapes]

        self.weights, self.average = variables(), variables()
        self.first, self.second = variables(), variables()
        rows, matrix = tf.TensorSpec([None], dtype), tf.TensorSpec([None, None], dtype)
        whole = tf.TensorSpec([None], tf.int64)
        self.train = tf.function(
            self._train,
            input_signature=[matrix, rows, rows, whole, matrix, tf.TensorSpec([], dtype)],
        )
        self.predict = tf.function(
            lambda inputs: self._forward(self.average, inputs), input_signature=[matrix]
        )

    def refill(self, start: Arrays) -> None:
        for i, array in enumerate(start):
            for variables in (self.weights, self.average):
                variables[i].assign(array)
            for variables in (self.first, self.second):
                variables[i].assign(np.zeros_like(array))

    def _forward(self, arrays: list[tf.Variable], inputs: tf.Tensor) -> tf.Tensor:
        for weights, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
            z = tf.matmul(inputs, weights) + bias
            # GELU in its tanh form; `tf.nn.gelu` rounds its constants to float32 even in float64.
            inputs = z * tf.sigmoid(2 * recipe.GELU_SLOPE * (z + recipe.GELU_CUBIC * z * z * z))
        return tf.squeeze(tf.matmul(inputs, arrays[-2]) + arrays[-1], axis=1)

    def _train(
        self, inputs: Any, target: Any, weight: Any, bounds: Any, steps: Any, total: Any
    ) -> tf.Tensor:
        for s in tf.range(tf.shape(steps)[0]):
            begin, end = bounds[s], bounds[s + 1]
            with tf.GradientTape() as tape:
                error = self._forward(self.weights, inputs[begin:end]) - target[begin:end]
                loss = tf.reduce_mean(weight[begin:end] * tf.square(error))
            self._adam(tape.gradient(loss, self.weights), steps[s])
            total += loss
        return total

    def _adam(self, gradients: list[tf.Tensor], step: tf.Tensor) -> None:
        rate, first_scale, second_scale, keep, average = tf.unstack(step, num=5)
        beta1, beta2 = self.settings.betas
        state = zip(self.weights, self.first, self.second, self.average, gradients, strict=True)
        for w, m, v, a, g in state:
            m.assign_add((1 - beta1) * (g - m))
            v.assign_add((1 - beta2) * (g * g - v))
            move = rate * first_scale * m / (tf.sqrt(v) * second_scale + self.settings.epsilon)
            w.assign((w * keep if len(w.shape) == 2 else w) - move)
            a.assign_add((1 - average) * (w - a))


def train(
    start: Arrays,
    inputs: InputRows,
    target: Floats,
    weight: Floats,
    held_inputs: InputRows,
    program: recipe.Program,
    progress: Progress,
) -> None:
    """Train a network on inputs (n, d), target and weight (n,), in the dtype of `start`."""
    dtype = start[0].dtype
    network = _Network(len(start) // 2, program.settings, dtype.name)
    network.refill(start)
    y, w = target.astype(dtype), weight.astype(dtype)

    def rows(of: InputRows, chosen: Indices | slice) -> tf.Tensor:
        return tf.constant(of[chosen], dtype)

    def held() -> Floats:
        pieces = recipe.slices(len(held_inputs))
        return np.concatenate([network.predict(rows(held_inputs, at)).numpy() for at in pieces])

    more = progress.record(held(), start)
    epoch = 0
    while more:
        total, steps = tf.zeros([], dtype), 0
        for portion in program.portions(epoch, dtype):
            order = portion.order
            parts = rows(inputs, order), y[order], w[order]
            total = network.train(*parts, portion.bounds, portion.steps, total)
            steps += len(portion.steps)
        weights = [variable.numpy() for variable in network.average]
        more = progress.record(held(), weights, float(total.numpy() / dtype.type(steps)))
        epoch += 1
