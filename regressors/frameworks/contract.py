"""The contract of a framework: the four functions that its module offers.

Everything else about a fit is NumPy, written once: encoding, scaling, start weights, the order of
the rows, the steps of the optimiser and when to stop. A framework does the linear algebra and the
gradients. It gets NumPy arrays, leaves them as they are, and gives NumPy arrays back.
"""

from typing import Protocol

from regressors.arrays import Array, Arrays, Floats
from regressors.linear.neuron import NeuronFit, NeuronPlan
from regressors.network.input_rows import InputRows
from regressors.network.progress import Progress
from regressors.network.recipe import Program


class FrameworkModule(Protocol):
    """What `regressors.frameworks.<name>` offers; `regressors.frameworks.parity` checks it.

    Dtypes are kept: in float64, 50 steps agree with NumPy's to 1e-9. The same call gives the same
    digits each time.
    """

    def row_products(self, left: Array, right: Array) -> Array:
        """Return the sums of products (q, r) of the rows of two matrices, (q, n) and (r, n).

        Both are in float64 and may be the same. Least squares needs them without any error where
        all values are whole and no sum of products, whatever its order, exceeds 2^53: products by a
        method that saves multiplications, or in a shorter type, do not serve. Of two stacks of
        matrices, (s, q, n) and (s, r, n), they are (s, q, r).
        """
        ...

    def inverses(self, matrices: Array) -> Array:
        """Return the inverses (s, q, q) of symmetric matrices (s, q, q), in float64.

        None is nearly singular. Least squares corrects what rounding makes of them.
        """
        ...

    def descend(self, inputs: Array, target: Array, start: Array, plan: NeuronPlan) -> NeuronFit:
        """Train one linear neuron without a bias on inputs (n, p) and target (n,), in float64.

        Both are standardised. It minimises the mean squared error from the weights `start` (p,), by
        gradient descent on all rows with Nesterov's momentum, as many epochs at a time as
        `plan.next_block` asks for. `losses` holds the loss before each epoch and after the last.
        """
        ...

    def train(
        self,
        start: Arrays,
        inputs: InputRows,
        target: Floats,
        weight: Floats,
        held_inputs: InputRows,
        program: Program,
        progress: Progress,
    ) -> None:
        """Train a network on inputs (n, d) and target (n,), in the dtype of `start`.

        `start` holds the arrays W1, b1, ..., w, b of `regressors.network.recipe`; the loss of a
        batch is the mean of `weight` (n,), whose mean is 1, times the squared error. Target and
        output are in standard deviations. The inputs may be kept in another form: only what is
        taken of them is a matrix. Epoch by epoch, `program` has portions of rows, with the bounds
        of the batches and the figures of each step; `recipe.slices` are the rows of `held_inputs`
        (m, d) that are predicted at once, at the end of each epoch.
        `progress.record` gets the averaged weights and these predictions, at the start and after
        each epoch, and returns whether to go on.
        """
        ...
