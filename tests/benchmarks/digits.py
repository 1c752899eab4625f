"""Correct decimal digits of least squares: those of the worst coefficient of each set, at most 16.

Each framework is compared with `numpy.linalg.lstsq`. The truth is the exact rational solution for
the same doubles.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks.figures import record
from helpers.exact import PROBLEMS, Problem, correct_digits, exact_solution

from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers
from regressors.linear.least_squares import LeastSquares, solve


def solved(framework, problem: Problem) -> LeastSquares:
    """Solve a problem; runs in a framework's worker."""
    return solve(problem.design, problem.target, problem.names, framework.row_products)


def rows(workers: Workers) -> Iterator[tuple[str, float, float, list[float]]]:
    """Yield a set's name, scaled condition number, and the digits of NumPy and each framework."""
    for name, problem in PROBLEMS.items():
        exact = exact_solution(problem.design, problem.target)
        plain = np.linalg.lstsq(problem.design, problem.target, rcond=None)[0]
        jobs = [workers.submit(framework, solved, problem) for framework in FRAMEWORK_NAMES]
        fits = [workers.result(job) for job in jobs]
        digits = [correct_digits(fit.estimates, exact) for fit in fits]
        yield name, fits[0].condition_number, max(0.0, correct_digits(plain, exact)), digits


def main() -> None:
    """Print the table, in Markdown."""
    solvers = ("NumPy's `lstsq`", *FRAMEWORK_NAMES)
    print(f"| set | condition number | {' | '.join(solvers)} |")
    print(f"|---|---|{'---|' * len(solvers)}")
    with (
        tempfile.TemporaryDirectory() as home,
        Workers(FRAMEWORK_NAMES, home=Path(home), time_limit=120) as workers,
    ):
        for name, condition, plain, digits in rows(workers):
            cells = " | ".join(f"{correct:.1f}" for correct in (plain, *digits))
            print(f"| {name} | {condition:.0e} | {cells} |", flush=True)
            for solver, correct in zip(("numpy", *FRAMEWORK_NAMES), (plain, *digits), strict=True):
                record("digits", f"{name}: {solver}", correct, "digits")


if __name__ == "__main__":
    main()
