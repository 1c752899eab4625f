"""Databases with runs and a champion, for the trials of commands that need them."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fuzz.dataset import csv_text, declaration
from helpers import store_nights
from helpers.scoring import Learned, learned

from data.declarations.file import load_dataset
from data.store.session import Store

LEAST_SQUARES = "torch/least_squares"


@contextlib.contextmanager
def databases(folder: Path, *, postgresql: bool) -> Iterator[dict[str, str]]:
    """Make stores with two runs; yield SQLite's file and, if wanted, PostgreSQL's URL."""
    from helpers import postgres_server
    from sqlalchemy import make_url

    model = _model(folder)
    made = {"sqlite": str(folder / "runs.db")}
    _fill(Store(f"sqlite:///{made['sqlite']}"), model)
    server = postgres_server.running() if postgresql else contextlib.nullcontext()
    with server as address:
        if address:
            url = make_url(address).set(drivername="postgresql")
            made["postgresql"] = url.render_as_string(hide_password=False)
            _fill(Store(made["postgresql"]), model)
        yield made


def _model(folder: Path) -> Learned:
    """Return a model of the dataset `small` with random weights, from its source."""
    (folder / "small.csv").write_text(csv_text(60))
    (folder / "small.yaml").write_text(declaration())
    return learned(load_dataset("small", folder), folder)


def _fill(store: Store, model: Learned) -> None:
    store.ensure_ready()
    rows = dict(zip(model.rows.rows.keys, model.rows.rows.target.tolist(), strict=True))
    facts = {
        "dataset": "small",
        "declaration": model.serving.declaration,
        "columns": model.columns,
        "fingerprint": model.serving.fingerprint,
    }
    for number in (1, 2):
        record = store_nights.promoted(number, rows, name=LEAST_SQUARES, **facts)
        (candidate,) = record.candidates
        artifact, twin = model.serving.artifact, model.serving.twin
        stored = replace(candidate, artifact=artifact, twin=twin)
        store_nights.write(store, replace(record, candidates=[stored]))
