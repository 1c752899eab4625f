"""Nights trained in this process, by NumPy alone: what a run is drawn from, in a second."""

from dataclasses import replace
from types import ModuleType
from typing import Any

from helpers import numpy_framework
from sqlalchemy import Connection

from data.declarations.model import Declaration
from data.store.session import Store
from data.store.write.run import write_run
from regressors import fitting, rolling
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from tasks.check import check
from tasks.choose import choose
from tasks.incumbent import incumbent
from tasks.rank import rank
from tasks.read import read
from tasks.refit import to_refit
from tasks.report.figures import run_figures
from tasks.resilience import resilience
from tasks.roll import by_twin, ranked_and_rolled
from tasks.run.attempt import Attempt, Trained
from tasks.run.hold import promotion_hold
from tasks.run.predictions import tonights_predictions
from tasks.run.record import run_record
from tasks.run.workers import job_of
from tasks.split import split


def declared(folder: Any, name: str, columns: dict[str, Any], **more: Any) -> Declaration:
    """Return the declaration of a dataset whose columns are written to a file."""
    source = folder / f"{name}.csv"
    source.write_text(csv_of(columns), encoding="utf-8")
    defaults = {
        "name": name,
        "source": {"path": str(source)},
        "key": "id",
        "target": "y",
        "candidates": {"frameworks": ["torch"]},
        "ann": {"hidden": [12]},
    }
    return Declaration.model_validate({**defaults, **more})


def csv_of(columns: dict[str, Any]) -> str:
    """Return columns as a CSV file, everything quoted."""

    def cell(value: object) -> str:
        return "" if value is None else '"' + str(value).replace('"', '""') + '"'

    rows = zip(*columns.values(), strict=True)
    return "\n".join(",".join(map(cell, row)) for row in [tuple(columns), *rows]) + "\n"


def night(
    declaration: Declaration,
    store: Store,
    home: Any,
    framework: FrameworkModule | ModuleType = numpy_framework,
) -> tuple[int, Attempt]:
    """Run a night of a declaration and store it; return the id of the run, and all it came to."""
    run = Attempt(declaration)
    run.snapshot = read.fn(declaration, home / "snapshots")
    run.checked = check.fn(declaration, run.snapshot)
    if not run.checked.passed:
        run.status, run.reason = "rejected", run.checked.reason
        return _stored(run, store, home), run
    run.prepared = rows = split.fn(declaration, run.snapshot, run.checked)
    fits: dict[Candidate, Any] = {}
    for candidate in run.candidates:
        try:
            job = job_of(candidate, rows, starts={})
            fits[candidate] = fitting.validate(framework, job)
        except ValueError as error:
            fits[candidate] = str(error)
    run.fits = fits
    champion = incumbent.fn(rows, store, home=home)
    hold = promotion_hold(champion, as_of=None, data_until=rows.times.data_until)

    def rolled_by(candidate: Candidate) -> Any:
        if not rows.split.chained:
            return by_twin(candidate, fits[candidate], rows)
        job = job_of(candidate, rows, starts={}, fitted=fits[candidate])
        return rolling.roll(framework, job, fits[candidate])

    ranking, run.fits, rolled = ranked_and_rolled(
        rank.fn(rows, fits),
        fits,
        champion,
        roll_all=lambda compared: {c: rolled_by(c) for c in compared},
        rank_again=lambda left: rank.fn(rows, left),
    )
    choice = choose.fn(rows, ranking, rolled, champion, hold=hold)
    wanted = to_refit(run.fits, choice)
    refits = {
        candidate: fitting.refit(
            framework,
            job_of(candidate, rows, starts={}, fitted=fit),
        )
        for candidate, fit in wanted.items()
    }
    silenced = resilience.fn(rows, wanted[choice.reported])
    run.trained = trained = Trained(rows, run.fits, rolled, choice, refits, resilience=silenced)
    predictions = tonights_predictions(trained, store, with_training=True)
    run.figures = run_figures(trained)
    return _stored(run, store, home, predictions.columns), run


def _stored(run: Attempt, store: Store, home: Any, predictions: Any = ()) -> int:
    record = run_record(run, home=home, predictions=predictions)

    def write(connection: Connection) -> int:
        return write_run(connection, replace(record, warnings=run.warnings))

    return store.write(write)
