"""What a table of results costs and saves, beside the predictions themselves and a view.

In each database, a run of a million rows with a key of two columns is stored, and its table of
results is made, and then replaced by those of a second run. A view with the same columns stands
beside it. Reading is timed for a join with a table of the same keys, of 10 rows on SQLite, which
reads all of the view for each of them, and for single keys. All times are seconds of the clock in
one process, one after the other, so compare those of one line.

`NIGHTFIT_TEST_DATABASE_URL` names the PostgreSQL server; without it, one is started.
"""

import importlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from helpers import postgres_server
from helpers.store_nights import candidate, night
from sqlalchemy import Connection, create_engine, make_url, text

from data.store.records import PromotionRecord
from data.store.results.columns import PREDICTED, ResultColumns
from data.store.results.typed_rows import typed_rows
from data.store.row_columns import PredictionColumns
from data.store.session import Store

ROWS = 1_000_000
SHOPS = 1_000
KEY = [("store", "whole number"), ("day", "date")]
LOOKUPS = 100
JOINED = {"sqlite": 10, "postgresql": 1_000_000}
"""Rows of the table that is joined: SQLite reads the whole view for each of them."""


def keys(rows: int) -> list[str]:
    """Return keys of a shop and a day."""
    days = [str(np.datetime64("2020-01-01") + day) for day in range(-(-rows // SHOPS))]
    return [f'["{number % SHOPS}","{days[number // SHOPS]}"]' for number in range(rows)]


def timed(seconds: dict[str, float], name: str, action: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that adds its seconds to those of a name."""

    def measured(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return action(*arguments, **options)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began

    return measured


def store_runs(store: Store, rows: int) -> Iterator[dict[str, float]]:
    """Store two runs; yield the seconds of inserting their predictions, and of their table."""
    draw = np.random.default_rng(1)
    writing: Any = importlib.import_module("data.store.write.run")
    insert, write = writing.insert_predictions, writing.write_results
    for number, against in ((1, None), (2, 1)):
        seconds: dict[str, float] = {}
        writing.insert_predictions = timed(seconds, "predictions", insert)
        writing.write_results = timed(seconds, "results", write)
        numbers = {name: draw.normal(size=rows) for name in list(PREDICTED)[:4]}
        made = night(
            number,
            key_columns=KEY,
            candidates=[candidate("torch/ann", chosen=True, rank=1)],
            predictions=[
                PredictionColumns(
                    model="torch/ann", key=keys(rows), role=np.full(rows, "test"), **numbers
                )
            ],
            promotions=[PromotionRecord(decision="promoted", model="torch/ann", reason="better")],
            against=against,
        )
        began = time.perf_counter()
        with store.writing() as connection:
            writing.write_run(connection, made)
        seconds["whole run"] = time.perf_counter() - began
        yield seconds


def reads(store: Store, rows: int) -> dict[str, float]:
    """Return the seconds of reading the table of results, and a view with the same columns."""
    engine = create_engine(store.url)
    with engine.connect() as connection:
        select = typed_rows(connection, ResultColumns(KEY, [])).partition(" ORDER BY ")[0]
        names = ", ".join(["store", "day", *PREDICTED])
        select = select.replace(":dataset", "'wages'")
        connection.exec_driver_sql(
            f"CREATE VIEW as_view AS WITH v({names}) AS ({select}) SELECT {names} FROM v"
        )
        connection.exec_driver_sql(
            "CREATE TABLE sales AS SELECT store, day, actual AS sold"
            f" FROM predicted_wages LIMIT {JOINED[engine.dialect.name]}"
        )
        connection.commit()
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
        found = {}
        for name, of in (("table", "predicted_wages"), ("view", "as_view")):
            began = time.perf_counter()
            joined = f"SELECT sum(sold - predicted) FROM sales JOIN {of} USING (store, day)"
            connection.exec_driver_sql(joined).all()
            found[f"join {name}"] = time.perf_counter() - began
            began = time.perf_counter()
            for shop in range(LOOKUPS if name == "table" else 3):
                one = f"SELECT predicted FROM {of} WHERE store = {shop} AND day = '2020-01-02'"
                assert len(connection.exec_driver_sql(one).all()) == 1
            found[f"one key {name}"] = (time.perf_counter() - began) / (shop + 1)
    engine.dispose()
    return found


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Yield the URL of an empty database of each kind."""
    named = os.environ.get("NIGHTFIT_TEST_DATABASE_URL")
    with (
        tempfile.TemporaryDirectory() as folder,
        nullcontext(named) if named else postgres_server.running() as server,
    ):
        url = make_url(server).set(drivername="postgresql+psycopg")
        name = f"nightfit_bench_{uuid.uuid4().hex}"
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        own = url.set(database=name).render_as_string(hide_password=False)
        yield {"sqlite": f"sqlite:///{Path(folder) / 'store.db'}", "postgresql": own}
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def sizes(connection: Connection) -> dict[str, float]:
    """Return the megabytes of the predictions and of the table of results, with their indexes."""
    if connection.dialect.name == "postgresql":
        size = "SELECT pg_total_relation_size('{}') / 1e6"
    else:
        size = "SELECT sum(pgsize) / 1e6 FROM dbstat WHERE name = '{}'"
    names = ("prediction", "predicted_wages")
    return {n: float(connection.exec_driver_sql(size.format(n)).scalar_one()) for n in names}


def main(rows: int) -> None:
    """Print what was measured."""
    with databases() as urls:
        for kind, url in urls.items():
            store = Store(url)
            for number, seconds in enumerate(store_runs(store, rows), start=1):
                told = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
                print(f"{kind}, run {number}: {told}", flush=True)
            told = ", ".join(f"{name} {value:.4f} s" for name, value in reads(store, rows).items())
            print(f"{kind}: {told}", flush=True)
            try:
                with store.reading() as connection:
                    print(f"{kind}, MB of two runs, and of the table: {sizes(connection)}")
            except Exception as error:  # noqa: BLE001 - not every SQLite can tell
                print(f"{kind}: sizes are not known ({type(error).__name__})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
