import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from store_nights import NEW, predictions, promoted, write

from data.errors import CallError, UserError
from data.store.database import open_store
from data.store.output import write_rows
from data.store.query import promotions, rows_of
from data.store.views import BOOLEAN, INTEGER, NUMBER, TEXT, TIME

COLUMNS = {"key": TEXT, "n": INTEGER, "predicted": NUMBER, "inside": BOOLEAN, "at": TIME}
AT = datetime(2026, 1, 31, 2, 0, 0, 250000, UTC)
ROWS = [
    ('quoted " and, comma', 1, 0.1 + 0.2, True, AT),
    ("two\nlines", None, 5e-324, False, AT),
    ("🦊", -3, -1.7976931348623157e308, None, None),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(form: str, rows: list[tuple], batch: int = 2) -> str:
    stream = io.StringIO()
    batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    write_rows(batches, COLUMNS, form, stream)
    return stream.getvalue()


def test_csv_keeps_floats_to_the_last_bit():
    header, *rows = csv.reader(io.StringIO(written("csv", ROWS), newline=""))
    assert header == list(COLUMNS)
    assert [float(row[2]) for row in rows] == [row[2] for row in ROWS]
    assert [row[0] for row in rows] == [row[0] for row in ROWS]
    assert rows[0][3:] == ["true", "2026-01-31T02:00:00.250000+00:00"]
    assert rows[2][3:] == ["", ""]


def test_json_is_one_array_that_keeps_floats_to_the_last_bit():
    found = json.loads(written("json", ROWS))
    assert [tuple(row.values())[:4] for row in found] == [row[:4] for row in ROWS]
    assert [row["at"] for row in found] == [AT.isoformat(), AT.isoformat(), None]


@pytest.mark.parametrize("bits", range(3))
def test_random_floats_survive_csv_and_json(bits: int):
    draw = np.random.default_rng(bits).integers(0, 2**63, 500).view(np.float64)
    values = [float(value) for value in draw if np.isfinite(value)]
    rows = [(str(i), i, value, None, None) for i, value in enumerate(values)]
    assert [row["predicted"] for row in json.loads(written("json", rows))] == values
    _, *lines = csv.reader(io.StringIO(written("csv", rows)))
    assert [float(line[2]) for line in lines] == values


def test_no_rows_are_an_empty_array_and_a_header():
    assert json.loads(written("json", [])) == []
    assert written("csv", []) == "key,n,predicted,inside,at\n"
    assert written("table", []).split() == list(COLUMNS)


def test_a_table_is_aligned_and_rounded():
    header, first, second, third = written("table", ROWS, batch=3).splitlines()
    assert header.index("at") == first.index("2026-01-31 02:00:00")
    assert "0.3 " in first
    assert second.startswith("two lines")
    assert "-1.79769e+308" in third


def test_a_table_has_its_header_once_however_many_batches():
    assert written("table", ROWS, batch=1).count("predicted") == 1


def test_a_terminal_gets_every_value():
    stream = Terminal()
    write_rows([ROWS[:1]], {"key": TEXT, "n": INTEGER}, "table", stream)
    assert "quoted" in stream.getvalue()


def test_parquet_keeps_types_also_where_the_first_batch_is_empty_of_them(tmp_path: Path):
    path = tmp_path / "rows.parquet"
    write_rows([[("a", None, None, None, None)], ROWS], COLUMNS, "parquet", path)
    table = pq.read_table(path)
    assert [str(kind) for kind in table.schema.types] == [
        "string",
        "int64",
        "double",
        "bool",
        "timestamp[us, tz=UTC]",
    ]
    assert [tuple(row.values()) for row in table.to_pylist()[1:]] == ROWS


def test_parquet_goes_to_standard_output_as_bytes():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw)
    write_rows([ROWS], COLUMNS, "parquet", stream)
    assert pq.read_table(io.BytesIO(raw.getvalue())).num_rows == 3


def test_parquet_to_a_terminal_is_refused():
    with pytest.raises(CallError, match="not for a terminal"):
        write_rows([ROWS], COLUMNS, "parquet", Terminal())


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(CallError, match="There are: table, csv, json, parquet"):
        write_rows([], COLUMNS, "xlsx", io.StringIO())


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path):
    def failing():
        yield ROWS
        raise UserError("the database went away")

    with pytest.raises(UserError, match="went away"):
        write_rows(failing(), COLUMNS, "csv", tmp_path / "rows.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="the file cannot be written") as caught:
        write_rows([ROWS], COLUMNS, "csv", tmp_path / "nowhere" / "rows.csv")
    assert caught.value.where == str(tmp_path / "nowhere" / "rows.csv")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, new_database):
    engine = open_store(new_database(request.param))
    many = {f"{number:05}": float(number) for number in range(25_000)} | {"x": NEW}
    write(engine, promoted(1, many, predictions=[predictions("torch/ann", many)]))
    write(engine, promoted(2, {"a": 1.0}, dataset="sales"))
    yield engine
    engine.dispose()


def test_rows_come_in_batches_that_together_are_all(store):
    batches = [
        len(batch) for batch in rows_of(store, "current_prediction", dataset="wages").batches
    ]
    assert sum(batches) == 25_001
    assert max(batches) <= 10_000


def test_columns_come_in_the_order_asked_for_and_the_limit_holds(store):
    found = rows_of(store, "current_prediction", columns=["predicted", "key"], limit=7)
    assert list(found.columns) == ["predicted", "key"]
    (batch,) = found.batches
    assert len(batch) == 7
    assert [type(value) for value in batch[0]] == [float, str]


def test_a_reader_that_stops_early_keeps_no_connection(store):
    found = rows_of(store, "current_prediction")
    next(found.batches)
    found.batches.close()
    assert store.pool.checkedout() == 0


@pytest.mark.parametrize(
    ("view", "how", "said"),
    [
        ("leaderbord", {}, "Did you mean 'leaderboard'"),
        ("zzz", {}, "There are: champion, model_card"),
        ("run", {}, "no view 'run'"),
        ("champion", {"columns": ["test_rsme"]}, "Did you mean 'test_rmse'"),
        ("champion", {"dataset": "wagse"}, "Did you mean 'wages'"),
        ("champion", {"limit": -1}, "--limit is -1"),
    ],
)
def test_a_wrong_question_is_answered_with_the_nearest_right_one(store, view, how, said):
    with pytest.raises(CallError, match=said) as caught:
        rows_of(store, view, **how)
    assert caught.value.exit_code == 2


def test_history_of_an_unknown_dataset_is_refused(store):
    with pytest.raises(CallError, match="Did you mean 'sales'"):
        promotions(store, "sale")
