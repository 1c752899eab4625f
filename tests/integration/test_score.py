"""What `nightfit predict` tells about the rows of a file."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.scoring import csv_of, learned
from helpers.sources import shop, written

from data.errors import SourceError

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
