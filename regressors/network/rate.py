"""How many products of a training this machine makes a second, which turns a time into a budget."""

import numpy as np

from regressors.frameworks.contract import FrameworkModule
from regressors.intervals.rules import Rules
from regressors.job import Job, folds
from regressors.network.fit import fit_network
from regressors.network.plan import Plan, products_of

ROWS, EPOCHS = 20_000, 4
"""What is trained on: about a second."""
HIDDEN = (128, 128)


def measured_rate(framework: FrameworkModule, job: Job) -> float:
    """Return the products per second of a training, as `products_of` counts them; two digits.

    A network is trained on made rows in the framework itself, in its process and with its threads,
    so everything counts that a real training does: gradients, steps, batches and held-out rows. The
    shortest epoch counts, without what it waits for others, so that a busy machine has the same
    rate. Of `job` only the candidate is used.
    """
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=ROWS) for i in range(8)}
    target = np.sin(2 * columns["x0"]) + columns["x1"] * columns["x2"] + rng.normal(size=ROWS)
    made = Job(
        dataset="rate",
        candidate=job.candidate,
        columns=columns,
        target=target,
        fold=1 + np.arange(ROWS) % 5,
        chained=False,
        hidden=HIDDEN,
        interval=Rules((0.9,)),
        plan=Plan(5, EPOCHS, EPOCHS, ROWS, share=1.0, products=0.0, budget=0.0),
    )
    number, train, held = next(folds(made.fold, chained=False))
    fit = fit_network(framework, made, train, held, fold=number, grouping="none")
    products = products_of(fit.member.layers[0].shape[0], HIDDEN) * int(train.sum())
    return float(f"{products / fit.details['epoch_seconds']:.1e}")
