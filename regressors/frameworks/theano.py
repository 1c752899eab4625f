"""Theano: shared variables, `theano.grad`, and compiled functions with updates."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import theano
import theano.tensor as tt
from theano.graph.basic import Apply
from theano.link.c.cmodule import GCC_compiler, KeyData, std_include_dirs
from theano.tensor.blas import BatchedDot

from regressors.arrays import Array, Arrays, Floats, Indices
from regressors.frameworks import compiled_code
from regressors.frameworks.precompiled_headers import PrecompiledHeaders
from regressors.linear.neuron import NeuronFit, NeuronPlan
from regressors.network import recipe
from regressors.network.input_rows import InputRows
from regressors.network.progress import Progress

# Theano does not cache an operation whose list of properties is empty: without this, it would
# compile two modules every night, and leave them.
tt.Alloc.__props__ = ("_f16_ok",)

_save_key = KeyData.save_pkl


def _save_key_and_seal(self: Any) -> None:
    _save_key(self)
    compiled_code.seal(Path(self.key_pkl).parent)


KeyData.save_pkl = _save_key_and_seal
compiled_code.seal_new(Path(theano.config.compiledir))

_headers = PrecompiledHeaders(GCC_compiler.compile_str, theano.config.cxx, std_include_dirs())
GCC_compiler.compile_str = staticmethod(_headers.compile)

# The excluded rewrite would compute each gradient up to three times.
_FAST = theano.compile.get_default_mode().excluding("local_dot22_to_dot22scalar")
_PYTHON = theano.compile.mode.Mode(linker="py", optimizer=None)


@cache
def _row_products() -> Any:
    left, right = tt.dmatrices("left", "right")
    return _trusted(theano.function([left, right], tt.dot(left, right.T)))


class _StackProduct(BatchedDot):
    """Theano's product of stacks, whose Python multiplies matrix by matrix, by one call of NumPy's.

    Its C code needs a BLAS that is linked.
    """

    def perform(self, _node: Any, inputs: Any, outputs: Any) -> None:
        outputs[0][0] = np.matmul(*inputs)


@cache
def _stack_products() -> Any:
    left, right = tt.dtensor3s("left", "right")
    products = _StackProduct()(left, right.transpose(0, 2, 1))
    return _trusted(theano.function([left, right], products, mode=_PYTHON))


def _trusted(function: Any) -> Any:
    """Return a function of doubles that no longer checks what it is called with."""
    function.trust_input = True
    return function


def row_products(left: Array, right: Array) -> Array:
    """Return the sums of products (q, r) of the rows of two matrices, (q, n) and (r, n).

    Or (s, q, r) of those of two stacks, (s, q, n) and (s, r, n).
    """
    of_matrices = _row_products if left.ndim == 2 else _stack_products
    products: Array = of_matrices()(left, right)
    return products


class _StackInverse(tt.nlinalg.MatrixInverse):
    """Theano's inverse, for a stack of matrices: what computes it takes these as well."""

    def make_node(self, stack: Any) -> Any:
        return Apply(self, [stack], [stack.type()])


@cache
def _inverses() -> Any:
    stack = tt.dtensor3("stack")
    return _trusted(theano.function([stack], _StackInverse()(stack), mode=_PYTHON))


def inverses(matrices: Array) -> Array:
    """Return the inverses (s, q, q) of symmetric matrices (s, q, q)."""
    inverted: Array = _inverses()(matrices)
    return inverted


@cache
class _Neuron:
    """The neuron's state in shared variables, and one epoch as a compiled function."""

    def __init__(self) -> None:
        self.state = [theano.shared(np.zeros([1] * ndim)) for ndim in (2, 1, 1, 1)]
        x, y, self.weights, speed = self.state
        rate, momentum = tt.dscalars("rate", "momentum")
        loss = tt.mean(tt.sqr(tt.dot(x, self.weights) - y))
        move = rate * theano.grad(loss, self.weights)
        new = momentum * speed - move
        updates = [(speed, new), (self.weights, self.weights + momentum * new - move)]
        self.step = theano.function([rate, momentum], loss, updates=updates)
        self.step.trust_input = True
        self.loss = theano.function([], loss)


def descend(inputs: Array, target: Array, start: Array, plan: NeuronPlan) -> NeuronFit:
    """Train one linear neuron on inputs (n, p) and target (n,), from weights `start` (p,)."""
    neuron = _Neuron()
    for variable, value in zip(neuron.state, (inputs, target, start, 0 * start), strict=True):
        variable.set_value(value)
    rate, momentum = np.asarray(plan.learning_rate), np.asarray(plan.momentum)

    losses: list[float] = []
    while epochs := plan.next_block(losses):
        losses += [float(neuron.step(rate, momentum)) for _ in range(epochs)]
    losses.append(float(neuron.loss()))
    return NeuronFit.of(neuron.weights.get_value(), losses, plan)


@cache
class _Neurons:
    """A stack of neurons in shared variables, and one epoch as a compiled function."""

    def __init__(self) -> None:
        self.state = [theano.shared(np.zeros([1] * ndim)) for ndim in (3, 2, 2, 2, 1, 1)]
        x, y, self.weights, self.speed, rates, momenta = self.state
        loss = tt.mean(tt.sqr((x * self.weights[:, None, :]).sum(axis=2) - y), axis=1)
        rate, momentum = rates[:, None], momenta[:, None]
        move = rate * theano.grad(loss.sum(), self.weights)
        new = momentum * self.speed - move
        updates = [(self.speed, new), (self.weights, self.weights + momentum * new - move)]
        self.step = theano.function([], loss, updates=updates)


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
    neurons = _Neurons()
    state = (inputs, target, weights, speed, rates, momenta)
    for variable, value in zip(neurons.state, state, strict=True):
        variable.set_value(value)
    losses = np.array([neurons.step() for _ in range(epochs)])
    return neurons.weights.get_value(), neurons.speed.get_value(), losses


@cache
class _Network:
    """The network and its training state, and one step as a compiled function."""

    def __init__(self, layers: int, settings: recipe.NetworkSettings, dtype: str) -> None:
        empty = [np.zeros([1] * ndim, dtype) for ndim in (2, 1)] * layers
        self.weights, self.average, self.first, self.second = (
            [theano.shared(array) for array in empty] for _ in range(4)
        )
        x, (y, w, step) = tt.matrix(dtype=dtype), (tt.vector(dtype=dtype) for _ in range(3))
        loss = tt.mean(w * tt.sqr(_forward(self.weights, x) - y))
        updates = self._adam(theano.grad(loss, self.weights), step, settings)
        self.train = theano.function([x, y, w, step], loss, updates=updates, mode=_FAST)
        self.train.trust_input = True
        self.predict = theano.function([x], _forward(self.average, x), mode=_FAST)

    def refill(self, start: Arrays) -> None:
        for i, array in enumerate(start):
            for variables in (self.weights, self.average):
                variables[i].set_value(array)
            for variables in (self.first, self.second):
                variables[i].set_value(np.zeros_like(array))

    def _adam(self, gradients: Any, step: Any, settings: recipe.NetworkSettings) -> list[Any]:
        rate, first_scale, second_scale, keep, average = (step[i] for i in range(5))
        one, beta1, beta2, epsilon = _constants(step, 1, *settings.betas, settings.epsilon)
        state = zip(self.weights, self.first, self.second, self.average, gradients, strict=True)
        updates = []
        for w, m, v, a, g in state:
            new_m, new_v = m + (one - beta1) * (g - m), v + (one - beta2) * (g * g - v)
            move = rate * first_scale * new_m / (tt.sqrt(new_v) * second_scale + epsilon)
            new_w = (w * keep if w.ndim == 2 else w) - move
            updates += [(m, new_m), (v, new_v), (w, new_w), (a, a + (one - average) * (new_w - a))]
        return updates


def _constants(like: Any, *values: float) -> list[Any]:
    # Theano rounds a bare 0.1 to float32.
    return [tt.constant(np.asarray(value, like.dtype)) for value in values]


def _forward(arrays: list[Any], inputs: Any) -> Any:
    # GELU in its tanh form, the tanh as a sigmoid, which Theano computes faster.
    slope, cubic = _constants(inputs, 2 * recipe.GELU_SLOPE, recipe.GELU_CUBIC)
    for weights, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
        z = tt.dot(inputs, weights) + bias
        inputs = z * tt.nnet.sigmoid(slope * (z + cubic * z * z * z))
    return (tt.dot(inputs, arrays[-2]) + arrays[-1])[:, 0]


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

    def rows(of: InputRows, chosen: Indices | slice) -> Floats:
        return of[chosen].astype(dtype, copy=False)

    def held() -> Floats:
        pieces = recipe.slices(len(held_inputs))
        return np.concatenate([network.predict(rows(held_inputs, at)) for at in pieces])

    more = progress.record(held(), start)
    epoch = 0
    while more:
        losses = []
        for portion in program.portions(epoch, dtype):
            order = portion.order
            parts = rows(inputs, order), y[order], w[order]
            batches = zip(pairwise(portion.bounds), portion.steps, strict=True)
            losses += [
                network.train(*(whole[i:j] for whole in parts), step) for (i, j), step in batches
            ]
        weights = [variable.get_value() for variable in network.average]
        more = progress.record(held(), weights, float(np.mean(losses)))
        epoch += 1
