"""PyTorch: modules, `backward` and `torch.optim`."""

from typing import Any

import numpy as np
import torch
from torch import nn

from regressors.arrays import Array, Arrays, Floats
from regressors.linear.neuron import NeuronFit, NeuronPlan
from regressors.network import recipe
from regressors.network.progress import Progress


def row_products(left: Array, right: Array) -> Array:
    """Return the sums of products (q, r) of the rows of two matrices, (q, n) and (r, n)."""
    products: Array = (torch.from_numpy(left) @ torch.from_numpy(right).T).numpy()
    return products


def descend(inputs: Array, target: Array, start: Array, plan: NeuronPlan) -> NeuronFit:
    """Train one linear neuron on inputs (n, p) and target (n,), from weights `start` (p,)."""
    neuron = nn.Linear(len(start), 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        neuron.weight.copy_(torch.tensor(start))
    optimizer = torch.optim.SGD(
        neuron.parameters(), plan.learning_rate, plan.momentum, nesterov=plan.momentum > 0
    )
    x, y = torch.tensor(inputs), torch.tensor(target)[:, None]

    def run(epochs: int) -> list[float]:
        block = []
        for _ in range(epochs):
            optimizer.zero_grad()
            before = nn.functional.mse_loss(neuron(x), y)
            before.backward()
            optimizer.step()
            block.append(before.detach())
        losses: list[float] = torch.stack(block).tolist()
        return losses

    losses: list[float] = []
    while epochs := plan.next_block(losses):
        losses += run(epochs)
    with torch.no_grad():
        losses.append(float(nn.functional.mse_loss(neuron(x), y)))
    return NeuronFit.of(neuron.weight.detach().numpy()[0].copy(), losses, plan)


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


def _train_epoch(
    network: _Network,
    average: list[torch.Tensor],
    optimizer: torch.optim.Optimizer,
    batches: tuple[Any, Any, Any],
    steps: Floats,
) -> float:
    losses = []
    for x, y, w, (rate, _, _, _, kept) in zip(*batches, steps.tolist(), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = torch.mean(w * torch.square(network(x) - y))
        loss.backward()
        optimizer.step()
        torch._foreach_lerp_(average, [p.detach() for p in network.parameters()], 1 - kept)
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


def train(
    start: Arrays,
    inputs: Floats,
    target: Floats,
    weight: Floats,
    held_inputs: Floats,
    program: recipe.Program,
    progress: Progress,
) -> None:
    """Train a network on inputs (n, d), target and weight (n,), in the dtype of `start`."""
    network = _Network(start)
    average = [torch.tensor(array) for array in start]
    matrices = [p for p in network.parameters() if p.ndim == 2]
    biases = [p for p in network.parameters() if p.ndim == 1]
    settings = program.settings
    optimizer = torch.optim.AdamW(
        [{"params": matrices}, {"params": biases, "weight_decay": 0.0}],
        betas=settings.betas,
        eps=settings.epsilon,
        weight_decay=settings.decay,
        fused=True,
    )
    dtype = start[0].dtype
    arrays = (inputs, target, weight, held_inputs)
    x, y, w, held = (torch.tensor(array.astype(dtype)) for array in arrays)
    sizes = np.diff(program.bounds).tolist()
    more = progress.record(_forward(average, held).numpy(), start)
    epoch = 0
    while more:
        order = torch.tensor(program.order(epoch))
        batches = x[order].split(sizes), y[order].split(sizes), w[order].split(sizes)
        steps = program.steps(epoch, np.float64)
        loss = _train_epoch(network, average, optimizer, batches, steps)
        weights = [array.numpy() for array in average]
        more = progress.record(_forward(average, held).numpy(), weights, loss)
        epoch += 1
