"""What `nightfit predict` tells about the rows of a file."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from helpers.scoring import csv_of, learned
from helpers.sources import shop, written

import tasks.score
from data.connections.tables import write_table
from data.errors import SourceError
from regressors.blocks import blocks_of
from regressors.intervals.intervals import Intervals
from regressors.intervals.rules import Rules
from regressors.model import Model
from tasks.score import scoring

ROWS = 120
TEXT = csv_of(
    {
        "id": [str(row) for row in range(ROWS)],
        "x": [str(row % 7) for row in range(ROWS)],
        "c": [("a", "b", "c")[row % 3] for row in range(ROWS)],
        "y": [repr(value) for value in np.random.default_rng(1).normal(size=ROWS).tolist()],
    }
)


@pytest.fixture
def scored(tmp_path):
    model = learned(shop(written(tmp_path, TEXT)), tmp_path)
    return lambda text: model.scored(written(tmp_path, text, "new.csv"))


def test_narrower_intervals_are_named_by_their_level(tmp_path):
    declaration = shop(written(tmp_path, TEXT), interval=[0.5, 0.9], bounds=[0, None])
    own = learned(declaration, tmp_path)
    rules = Rules((0.9, 0.5), lowest=0.0)
    model = replace(Model.from_bytes(own.serving.artifact), intervals=None)
    one_row = str(written(tmp_path, "id,x,c\n1,3,a\n", "new.csv"))
    for intervals in (Intervals(rules, ((1.5, 2.0), (0.25, 0.5))), None):
        kept = replace(model, intervals=intervals).to_bytes()
        serving = replace(own.serving, artifact=kept)
        with scoring(serving, own.columns, one_row, stored=lambda: own.rows) as rows:
            (row,) = pa.Table.from_batches(rows.batches(), rows.schema).to_pylist()
        names = ["id", "predicted", "lower", "upper", "lower_50", "upper_50", "note", "model_id"]
        assert list(row) == names
        value = row["predicted"]
        ends = [max(value + by, 0.0) for by in (-1.5, 2.0, -0.25, 0.5)]
        assert [row[name] for name in names[2:6]] == (ends if intervals else [None] * 4)


def test_ordinary_rows_have_no_note_and_no_warning(scored):
    outcome = scored("id,x,c\n1,3,a\n2,4,b\n")
    assert outcome.note == [None, None]
    assert outcome.warnings == ()
    assert np.isfinite(outcome.value).all()


def test_unseen_levels_are_counted_and_the_first_is_named(scored):
    outcome = scored("id,x,c\n1,3,a\n2,4,okapi\n3,4,yak\n")
    assert outcome.note == [None, "unseen level 'okapi' of c", "unseen level 'yak' of c"]
    (warning,) = outcome.warnings
    assert warning == (
        "2 rows have a level that training does not know: in row 2 (key 2) unseen level 'okapi'"
        " of c."
    )


def test_values_far_outside_and_blanks_are_told(scored):
    outcome = scored("id,x,c\n1,3000,a\n2,,b\n")
    assert outcome.note[0].startswith("x is 3,000, far outside the 0 to 6")
    assert outcome.note[1] == "x is missing, which training never had"
    far, blank = outcome.warnings
    assert far.startswith("1 row has a value far outside the range of training: in row 1 (key 1)")
    assert blank.startswith("1 row has a value missing that training had nearly always: in row 2")


def test_cells_that_are_not_of_their_kind_are_missing_and_every_row_is_noted(scored):
    bad = "".join(f"{row},a{row},a\n" for row in range(5))
    outcome = scored(f"id,x,c\n{bad}")
    assert all(note.startswith("x is not a number") for note in outcome.note)
    assert outcome.warnings[0] == (
        "Column 'x' holds numbers, but not in 'a0' in row 1, 'a1' in row 2, 'a2' in row 3 and 2"
        " more: taken as missing."
    )


def test_extra_columns_and_repeated_and_missing_keys_are_told(scored):
    outcome = scored("id,x,c,y,colour\n1,3,a,,red\n1,3,a,TBD,red\n,3,a,,red\n")
    assert outcome.keys == ["1", "1", None]
    assert outcome.value[0] == outcome.value[1]
    assert outcome.warnings == (
        "The column is not used, because the model was trained without: 'colour'.",
        "The key is missing in 1 row; the first is row 3.",
        "The key '1' repeats, in rows 1, 2.",
    )


@pytest.mark.parametrize("column", ["id", "x"])
def test_a_missing_column_is_refused_with_those_that_are_needed(scored, column):
    text = "id,x,c\n1,3,a\n".replace(column, "other")
    with pytest.raises(SourceError, match=f"the column '{column}' is missing"):
        scored(text)
    with pytest.raises(SourceError, match=f"missing. Did you mean '{column.upper()}'"):
        scored(text.replace("other", column.upper()))


def test_an_infinite_value_is_refused_with_its_row(scored):
    with pytest.raises(SourceError, match="the column 'x' is infinite in row 2: inf"):
        scored("id,x,c\n1,3,a\n2,inf,a\n")


def test_a_file_without_rows_has_no_predictions(scored):
    outcome = scored("id,x,c\n")
    assert (list(outcome.keys), outcome.value.tolist(), outcome.warnings) == ([], [], ())


def test_the_declared_words_for_missing_are_those_that_the_model_was_trained_with(tmp_path):
    text = TEXT.replace("0,0,a", "0,unknown,a", 1)
    declaration = shop(written(tmp_path, text), missing=["unknown"])
    outcome = learned(declaration, tmp_path).scored(
        written(tmp_path, "id,x,c\n1,unknown,a\n", "n.csv")
    )
    assert outcome.note == ["x is missing"]
    assert not any("not a number" in warning for warning in outcome.warnings)


def test_a_file_for_a_model_without_a_key_is_numbered(tmp_path):
    text = "\n".join(line.partition(",")[2] for line in TEXT.splitlines()) + "\n"
    model = learned(shop(written(tmp_path, text), key="row"), tmp_path)
    outcome = model.scored(written(tmp_path, "x,c\n3,a\n3,a\n", "new.csv"))
    assert outcome.keys == ["1", "2"]
    assert outcome.warnings == ()


def test_a_model_of_version_0_1_0_reads_by_its_own_column_types(tmp_path):
    model = learned(shop(written(tmp_path, TEXT)), tmp_path)
    old = replace(model, columns=())
    new = written(tmp_path, "id,x,c\n1,3,1\n2,four,2\n", "new.csv")
    outcome = old.scored(new)
    assert outcome.note[0] == "unseen level '1' of c"
    assert "x is not a number" in outcome.note[1]


def test_the_columns_of_a_key_keep_their_names_and_types_and_every_row_has_its_model(tmp_path):
    lines = [f"s{row},2026-01-{row % 28 + 1:02},{row},{row}" for row in range(60)]
    text = "\n".join(["store,day,x,y", *lines, ""])
    declaration = shop(written(tmp_path, text), key=["store", "day"], features=["x"])
    table = learned(declaration, tmp_path).scored(written(tmp_path, text, "n.csv")).table
    assert table.column_names == [
        *("store", "day", "predicted", "lower", "upper", "note", "model_id")
    ]
    assert [str(table.schema.field(name).type) for name in ("store", "day")] == [
        "string",
        "date32[day]",
    ]
    assert table["model_id"].to_pylist() == [1] * 60


def test_a_key_that_is_called_as_a_result_is_told_apart_as_in_a_table_of_results(tmp_path):
    text = TEXT.replace("id,", "Note,", 1)
    outcome = learned(shop(written(tmp_path, text), key="Note"), tmp_path)
    table = outcome.scored(written(tmp_path, text, "n.csv")).table
    assert table.column_names[0] == "key_Note"
    assert table["key_Note"].to_pylist() == list(range(ROWS))


def test_rows_of_many_blocks_are_predicted_as_each_of_them_alone(tmp_path, monkeypatch):
    text = TEXT.replace("\n3,", "\n3,900", 1)  # a note
    model = learned(shop(written(tmp_path, TEXT)), tmp_path, network=True)
    whole = model.scored(written(tmp_path, text, "new.csv"))
    monkeypatch.setattr(tasks.score, "blocks_of", lambda rows: blocks_of(rows, 7))
    blocks = model.scored(written(tmp_path, text, "new.csv"))
    assert blocks.table.combine_chunks() == whole.table.combine_chunks()
    assert blocks.warnings == whole.warnings
    assert blocks.warnings


def test_predictions_go_to_a_table_as_a_whole_or_not_at_all(tmp_path):
    model = learned(shop(written(tmp_path, TEXT)), tmp_path)
    place = tmp_path / "out.db"

    def write(text):
        source = str(written(tmp_path, text, "new.csv"))
        with scoring(model.serving, model.columns, source) as rows:
            url, batches = f"sqlite:///{place}", rows.batches()
            write_table(url, "scored", rows.schema, batches, where="here", key=rows.key)

    write("id,x,c\n1,3,a\n2,4,b\n")
    with closing(sqlite3.connect(place)) as connection:
        before = connection.execute("SELECT * FROM scored").fetchall()
    assert [row[0] for row in before] == [1, 2]
    with pytest.raises(SourceError, match="infinite in row 2"):
        write("id,x,c\n7,3,a\n8,inf,b\n")
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT * FROM scored").fetchall() == before


def test_rows_of_a_database_are_scored_as_those_of_a_file(tmp_path):
    model = learned(shop(written(tmp_path, TEXT)), tmp_path)
    of_file = model.scored(written(tmp_path, "id,x,c\n1,3,a\n2,4,okapi\n", "new.csv"))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE new (id INTEGER, x REAL, c TEXT)")
        connection.executemany("INSERT INTO new VALUES (?, ?, ?)", [(1, 3, "a"), (2, 4, "okapi")])
    source = str(tmp_path / "shop.db")
    with scoring(model.serving, model.columns, source, table="new") as rows:
        table = pa.Table.from_batches(rows.batches(), rows.schema)
    assert table == of_file.table
    assert rows.warnings == [*of_file.warnings]
