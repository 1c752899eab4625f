"""What segments cost in the store: a night of 1M predictions with 10,000 segments, and without.

The champion predicts all rows; with segments, equations of their own serve three tenths of these,
so that their rows are stored twice. Every segment has two equations of 11 terms.

For both databases: the seconds to store the night; the milliseconds to count the rows of
`current_prediction` and to read all of them, one key, and one segment; and those of
`segment_champion` and `segment_coefficient` for one segment, also as a command from its start to
its end. Then the ratios of what there is with segments and without. `NIGHTFIT_BENCH_ROWS` scales
the 1M down, and `NIGHTFIT_TEST_DATABASE_URL` names a PostgreSQL server.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.figures import record
from benchmarks.store import databases
from helpers.segment_nights import CHAMPION, OWN, moved, served
from helpers.store_nights import candidate, promoted
from sqlalchemy import text

from data.store.row_columns import PredictionColumns
from data.store.segment_columns import PER_TERM, SegmentCoefficientColumns
from data.store.session import Store
from data.store.write.run import write_run
from data.texts import Texts

COMMAND = Path(sys.executable).with_name("nightfit")
ROWS, PER_SEGMENT, TERMS = 1_000_000, 100, 11
SHARE_OWN = 0.3
CALLS = 5

SHOWN = "FROM current_prediction WHERE dataset = :d"
QUESTIONS = {
    "all rows counted": f"SELECT count(*), sum(predicted) {SHOWN}",
    "all rows read": f"SELECT * {SHOWN}",
    "one key": f"SELECT * {SHOWN} AND key = '00000123'",
}
OF_A_SEGMENT = {
    "rows of a segment": f"SELECT * {SHOWN} AND segment = :s",
    "segment_champion": "SELECT * FROM segment_champion WHERE segment = :s",
    "segment_coefficient": "SELECT * FROM segment_coefficient WHERE segment = :s",
    "segments by what": "SELECT kind, count(*) FROM segment_champion GROUP BY kind",
}


def predicted(model: str, rows: int, *, segments: bool, until: int) -> PredictionColumns:
    """Return predictions of the rows of the segments with numbers below `until`."""
    number = np.arange(rows)
    segment = number % (rows // PER_SEGMENT)
    number = number[segment < until]
    values = np.random.default_rng(1).normal(size=len(number))
    names = np.array([f"shop {each:05d}" for each in range(rows // PER_SEGMENT)], dtype=object)
    return PredictionColumns(
        model=model,
        key=[f"{each:08d}" for each in number],
        actual=values,
        predicted=values + 1,
        lower=values - 1,
        upper=values + 3,
        role=np.full(len(number), "train"),
        segment=Texts.of(names[segment[segment < until]]) if segments else None,
    )


def equations(segments: list[str]) -> SegmentCoefficientColumns:
    """Return an equation of each segment."""
    values = np.random.default_rng(2).normal(size=(len(segments), TERMS))
    return SegmentCoefficientColumns(
        segment=segments,
        rows=np.full(len(segments), PER_SEGMENT),
        terms=("intercept", *(f"column {number}" for number in range(1, TERMS))),
        residual_sd=values[:, 0],
        r2=values[:, 1],
        reason=[None] * len(segments),
        **dict.fromkeys(PER_TERM, values),
    )


def night(rows: int, *, segments: bool) -> Any:
    """Return a night of so many rows."""
    names = [f"shop {each:05d}" for each in range(rows // PER_SEGMENT)]
    own = int(SHARE_OWN * len(names))
    everything = predicted(CHAMPION, rows, segments=segments, until=len(names))
    best = candidate(CHAMPION, chosen=True, rank=1)
    if not segments:
        return promoted(1, {}, dataset="plain", candidates=[best], predictions=[everything])
    shrunken = "torch/shrunken_least_squares"
    both = [candidate(name, segment_coefficients=equations(names)) for name in (OWN, shrunken)]
    return promoted(
        1,
        {},
        dataset="shops",
        candidates=[best, *both],
        predictions=[everything, predicted(OWN, rows, segments=True, until=own)],
        segments=served({name: OWN if at < own else None for at, name in enumerate(names)}),
        segment_decisions=[moved(name) for name in names[:own]],
    )


def least_ms(work: Callable[[], object], calls: int = CALLS) -> float:
    """Return the least milliseconds of several calls."""
    taken = []
    for _ in range(calls):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken) * 1e3


def asked(store: Store, statement: str, **values: str) -> float:
    """Return how long a statement and its rows take."""

    def ask() -> None:
        with store.reading() as connection:
            how = {"yield_per": 10_000}
            result = connection.execute(text(statement), values, execution_options=how)
            for _ in result.partitions():
                pass

    return least_ms(ask)


def command(address: str, *arguments: str) -> None:
    """Run `nightfit` to its end."""
    own = {**os.environ, "NIGHTFIT_DATABASE_URL": address}
    subprocess.run([str(COMMAND), *arguments], env=own, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print the table."""
    rows = int(os.environ.get("NIGHTFIT_BENCH_ROWS", ROWS))
    print(f"{rows:,} rows, {rows // PER_SEGMENT:,} segments, ms")
    print(f"{'database':<12}{'question':<24}{'without':>10}{'with':>10}{'ratio':>8}")
    with databases() as kinds:
        for kind, new_address in kinds.items():
            address = new_address()
            store = Store(address)
            figures: dict[str, list[float]] = {}
            for segments in (False, True):
                one = partial(write_run, record=night(rows, segments=segments))
                taken = least_ms(partial(store.write, one), calls=1)
                figures.setdefault("night stored", []).append(taken)
            with store.writing() as connection:  # as PostgreSQL does by itself within a minute
                connection.execute(text("ANALYZE" if kind == "postgresql" else "SELECT 1"))
            for question, statement in QUESTIONS.items():
                figures[question] = [asked(store, statement, d=d) for d in ("plain", "shops")]
            for question, statement in OF_A_SEGMENT.items():
                figures[question] = [asked(store, statement, d="shops", s="shop 00123")]
            for view in ("segment_champion", "segment_coefficient"):
                run = partial(command, address, "query", view, "--segment", "shop 00123")
                figures[f"query {view}"] = [least_ms(run, calls=2)]
            for question, ms in figures.items():
                record("segment_store", f"{kind}: {question}", ms[-1], "ms")
                ratio = f"{ms[1] / ms[0]:>8.2f}" if len(ms) > 1 else ""
                without = f"{ms[0]:>10.1f}" if len(ms) > 1 else " " * 10
                print(f"{kind:<12}{question:<24}{without}{ms[-1]:>10.1f}{ratio}", flush=True)


if __name__ == "__main__":
    main()
