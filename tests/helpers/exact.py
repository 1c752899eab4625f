"""Least-squares problems that are hard in double precision, and their exact solutions."""

import csv
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

NIST = Path(__file__).parents[1] / "data" / "nist"


@dataclass(frozen=True)
class Problem:
    """A design (n, p), its target and names; `certified` has NIST's values, if there are any."""

    design: np.ndarray
    target: np.ndarray
    names: list[str]
    certified: dict


def nist(name):
    """Return a reference dataset of NIST."""
    certified = json.loads((NIST / f"{name}.json").read_text())
    with (NIST / f"{name}.csv").open() as file:
        rows = np.array([[float(value) for value in row] for row in list(csv.reader(file))[1:]])
    columns = rows[:, 1:]
    if certified["degree"]:
        columns = columns ** np.arange(1, certified["degree"] + 1)
    if certified["intercept"]:
        columns = np.column_stack([np.ones(len(rows)), columns])
    return Problem(columns, rows[:, 0], certified["terms"], certified)


def _made(design, target=None, seed=20240229):
    if target is None:
        target = np.random.default_rng(seed).normal(size=len(design))
    return Problem(design, target, [f"x{i}" for i in range(design.shape[1])], {})


def _polynomial(degree, low, high):
    return _made(np.linspace(low, high, 30)[:, None] ** np.arange(degree + 1))


_RNG = np.random.default_rng(1967)
_GRID = np.linspace(0, 1, 30)
NIST_SETS = sorted(file.stem for file in NIST.glob("*.json"))
PROBLEMS = {name: nist(name) for name in NIST_SETS} | {
    "polynomial of degree 4": _made(_GRID[:, None] ** np.arange(5)),
    "polynomial of degree 11": _made(_GRID[:, None] ** np.arange(12)),
    "polynomial of degree 9, 1 to 2": _polynomial(9, 1, 2),
    "polynomial of degree 10, 1 to 1.5": _polynomial(10, 1, 1.5),
    "polynomial of degree 12, 1 to 2": _polynomial(12, 1, 2),
    "Hilbert-like, 8 columns": _made(1 / (np.arange(12)[:, None] + np.arange(8) + 1.0)),
    "Hilbert-like, 11 columns": _made(1 / (np.arange(16)[:, None] + np.arange(11) + 1.0)),
    "columns of scales 1e12 apart": _made(
        _RNG.normal(size=(40, 4)) * np.array([1e-6, 1, 1e3, 1e6])
    ),
    "target of mean 1e9 and SD 1": _made(
        np.column_stack([np.ones(40), _RNG.normal(size=(40, 3))]), 1e9 + _RNG.normal(size=40)
    ),
}
STEEP_PROBLEMS = {
    "polynomial of degree 11, 1 to 1.5": _polynomial(11, 1, 1.5),
    "polynomial of degree 11, 0.7 to 1": _polynomial(11, 0.7, 1),
}
"""Of condition numbers up to 1e15, which is worth a warning."""


def exact_solution(design, target, weight=None):
    """Solve the (weighted) normal equations in rational arithmetic by Gauss-Jordan elimination."""
    a = [[Fraction(float(v)) for v in row] for row in design]
    b = [Fraction(float(v)) for v in target]
    w = [Fraction(float(v)) for v in (np.ones(len(target)) if weight is None else weight)]
    p = len(a[0])
    m: list[list[Any]] = [
        [sum(v * row[i] * row[j] for v, row in zip(w, a, strict=True)) for j in range(p)]
        + [sum(v * row[i] * y for v, row, y in zip(w, a, b, strict=True))]
        for i in range(p)
    ]
    for i in range(p):
        pivot = max(range(i, p), key=lambda k: abs(m[k][i]))
        m[i], m[pivot] = m[pivot], m[i]
        for k in range(p):
            if k != i and m[k][i]:
                factor = m[k][i] / m[i][i]
                m[k] = [x - factor * y for x, y in zip(m[k], m[i], strict=True)]
    return [m[i][p] / m[i][i] for i in range(p)]


def correct_digits(estimates, exact):
    """Return how many decimal digits of the worst coefficient are correct, at most 16."""
    worst = max(
        abs((Fraction(float(e)) - x) / x) if x else abs(Fraction(float(e)))
        for e, x in zip(estimates, exact, strict=True)
    )
    return 16.0 if worst <= Fraction(1, 10**16) else float(-np.log10(float(worst)))
