"""PyTorch: modules, its gradients, and the functions of `torch.optim`.

The optimizers of `torch.optim` that are classes import the compiler of `torch.compile`, which takes
as long as importing PyTorch. The functions by which they step do not.
"""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from regressors.arrays import Array, Arrays, Floats, Indices
from regressors.linear.neuron import NeuronFit, NeuronPlan
from regressors.network import recipe
from regressors.network.input_rows import InputRows
from regressors.network.progress import Progress


def row_products(left: Array, right: Array) -> Array:
    """Return the sums of products (q, r) of the rows of two matrices, (q, n) and (r, n).

    Or (s, q, r) of those of two stacks, (s, q, n) and (s, r, n).
    """
    products: Array = (torch.from_numpy(left) @ torch.from_numpy(right).mT).numpy()
    return products


def inverses(matrices: Array) -> Array:
    """Return the inverses (s, q, q) of symmetric matrices (s, q, q)."""
    inverted: Array = torch.linalg.inv(torch.from_numpy(matrices)).numpy()
    return inverted


def descend(inputs: Array, target: Array, start: Array, plan: NeuronPlan) -> NeuronFit:
    """Train one linear neuron on inputs (n, p) and target (n,), from weights `start` (p,)."""
    weights = nn.Parameter(torch.tensor(start))
    parameters, velocity = [weights], [None]
    x, y = torch.tensor(inputs), torch.tensor(target)

    def run(epochs: int) -> list[float]:
        block = []
        for _ in range(epochs):
            before = nn.functional.mse_loss(torch.mv(x, weights), y)
            gradients = torch.autograd.grad(before, parameters)
            with torch.no_grad():
                sgd(
                    parameters,
                    list(gradients),
                    velocity,
                    foreach=False,  # of one parameter it is faster
                    lr=plan.learning_rate,
                    momentum=plan.momentum,
                    nesterov=plan.momentum > 0,
                    dampening=0.0,
                    weight_decay=0.0,
                    maximize=False,
                )
            block.append(before.detach())
        losses: list[float] = torch.stack(block).tolist()
        return losses

    losses: list[float] = []
    while epochs := plan.next_block(losses):
        losses += run(epochs)
    with torch.no_grad():
        losses.append(float(nn.functional.mse_loss(torch.mv(x, weights), y)))
    return NeuronFit.of(weights.detach().numpy().copy(), losses, plan)


class _Network(nn.Module):
    """The network, with its arrays in the order of the recipe."""

    def __init__(self, start: Arrays) -> None:
        super().__init__()
        self.arrays = nn.ParameterList(torch.tensor(array) for array in start)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return _forward(list(self.arrays), inputs)


def _forward(arrays: list[torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    for weights, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
        inputs = nn.functional.gelu(torch.addmm(bias, inputs, weights), approximate="tanh")
    return torch.addmm(arrays[-1], inputs, arrays[-2])[:, 0]


class _Moments:
    """AdamW's memory of the gradients of some arrays."""

    def __init__(self, arrays: list[nn.Parameter]) -> None:
        self.first = [torch.zeros_like(array) for array in arrays]
        self.second = [torch.zeros_like(array) for array in arrays]
        self.steps = [torch.tensor(0.0, dtype=torch.float32) for _ in arrays]


class _AdamW:
    """Steps of AdamW, which decays the weights of a network but not its biases."""

    def __init__(self, network: _Network, settings: recipe.NetworkSettings) -> None:
        self.arrays = list(network.parameters())
        self.settings = settings
        self.groups = []
        for ndim, decay in ((2, settings.decay), (1, 0.0)):
            at = [i for i, array in enumerate(self.arrays) if array.ndim == ndim]
            self.groups.append((at, decay, _Moments([self.arrays[i] for i in at])))

    def step(self, loss: torch.Tensor, rate: float) -> None:
        """Change the network's arrays to lower its loss."""
        gradients = torch.autograd.grad(loss, self.arrays)
        beta1, beta2 = self.settings.betas
        for at, decay, moments in self.groups:
            with torch.no_grad():
                adamw(
                    [self.arrays[i] for i in at],
                    [gradients[i] for i in at],
                    moments.first,
                    moments.second,
                    [],
                    moments.steps,
                    fused=True,
                    amsgrad=False,
                    beta1=beta1,
                    beta2=beta2,
                    lr=rate,
                    weight_decay=decay,
                    eps=self.settings.epsilon,
                    maximize=False,
                )


def _train_portion(
    network: _Network,
    average: list[torch.Tensor],
    optimizer: _AdamW,
    batches: tuple[Any, Any, Any],
    steps: Floats,
) -> list[torch.Tensor]:
    losses = []
    for x, y, w, (rate, _, _, _, kept) in zip(*batches, steps.tolist(), strict=True):
        loss = torch.mean(w * torch.square(network(x) - y))
        optimizer.step(loss, rate)
        torch._foreach_lerp_(average, [p.detach() for p in network.parameters()], 1 - kept)
        losses.append(loss.detach())
    return losses


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
    network = _Network(start)
    average = [torch.tensor(array) for array in start]
    optimizer = _AdamW(network, program.settings)
    dtype = start[0].dtype
    y, w = (torch.tensor(array.astype(dtype)) for array in (target, weight))

    def rows(of: InputRows, chosen: Indices | slice) -> torch.Tensor:
        return torch.tensor(of[chosen].astype(dtype, copy=False))

    def held() -> Floats:
        pieces = recipe.slices(len(held_inputs))
        return np.concatenate([_forward(average, rows(held_inputs, at)).numpy() for at in pieces])

    more = progress.record(held(), start)
    epoch = 0
    while more:
        losses = []
        for portion in program.portions(epoch, np.float64):
            order, sizes = torch.tensor(portion.order), np.diff(portion.bounds).tolist()
            x = rows(inputs, portion.order)
            batches = x.split(sizes), y[order].split(sizes), w[order].split(sizes)
            losses += _train_portion(network, average, optimizer, batches, portion.steps)
        weights = [array.numpy() for array in average]
        more = progress.record(held(), weights, float(torch.stack(losses).mean()))
        epoch += 1
