"""`nightfit predict` reads a file just as the night did that trained the model."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.scoring import Learned, csv_of, learned
from helpers.sources import shop, written

from data.declarations.file import load_dataset
from data.sources.missing_words import BESIDE_VALUES, MARKS, NULLS

ROOT = Path(__file__).parents[2]
ROWS = 120
WORDS = [word for word in ("", *NULLS, *MARKS, *BESIDE_VALUES) if "," not in word]


def assert_alike(model: Learned, source: Path) -> None:
    """The file that it learned from gets the night's own predictions, to the last bit."""
    scored, night = model.scored(source), model.predicted()
    of_night = zip(night.value, night.lower, night.upper, strict=True)
    by_key = dict(zip(model.rows.rows.keys, of_night, strict=True))
    of_file = zip(scored.value, scored.lower, scored.upper, strict=True)
    now = dict(zip(scored.keys, of_file, strict=True))
    assert by_key
    assert {key: now[key] for key in by_key} == by_key


def cells(kind: str, rng: np.random.Generator, word: str) -> list[str]:
    """Return a column of texts of one kind; some cells are a word for a missing value."""
    days = np.datetime64("2022-01-01") + rng.integers(0, 1000, ROWS)
    minutes = days.astype("M8[m]") + rng.integers(0, 1440, ROWS)
    texts = {
        "number": [repr(value) for value in rng.normal(size=ROWS).tolist()],
        "whole": [str(value) for value in rng.integers(-9, 99, ROWS)],
        "large": [str(2**53 + value) for value in rng.integers(0, 99, ROWS)],
        "exponent": [f"{value:.3e}" for value in rng.normal(size=ROWS) * 1e9],
        "category": [f"level {value}" for value in rng.integers(0, 6, ROWS)],
        "zeros": [f"{value:03d}" for value in rng.integers(0, 9, ROWS)],
        "boolean": [("false", "true")[value] for value in rng.integers(0, 2, ROWS)],
        "date": [str(day) for day in days],
        "moment": [f"{minute}:00" for minute in minutes],
        "zoned": [f"{minute}:00+02:00" for minute in minutes],
    }[kind]
    return [word if gap else text for gap, text in zip(rng.random(ROWS) < 0.1, texts, strict=True)]


KINDS = (
    *("number", "whole", "large", "exponent", "category"),
    *("zeros", "boolean", "date", "moment", "zoned"),
)


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("number", range(0, len(WORDS), 4))
def test_every_kind_with_every_word_for_missing_is_read_alike(tmp_path, number, network):
    rng = np.random.default_rng(number)
    words = [WORDS[(number + shift) % len(WORDS)] for shift in range(4)]
    columns = {"id": [f"k{row}" for row in range(ROWS)]}
    columns |= {kind: cells(kind, rng, words[at % 4]) for at, kind in enumerate(KINDS)}
    columns["y"] = [repr(value) for value in rng.normal(size=ROWS).tolist()]
    source = written(tmp_path, csv_of(columns))
    assert_alike(learned(shop(source), tmp_path, network=network), source)


def small(name: str, rng: np.random.Generator) -> tuple[str, dict]:
    """Return a file like those in which training and serving have differed, and a declaration."""
    number = [repr(value) for value in rng.normal(size=ROWS).tolist()]
    level = [("a", "b", "c")[row % 3] for row in range(ROWS)]
    columns = {"id": [f"{row}" for row in range(ROWS)], "x": number, "c": level}
    declared: dict = {}
    match name:
        case "NA is a country":
            columns["c"] = [("NA", "DE", "FR", "")[row % 4] for row in range(ROWS)]
        case "NA is declared a category":
            columns["c"] = [("NA", "DE", "FR")[row % 3] for row in range(ROWS)]
            declared = {"types": {"c": "category"}}
        case "true, false and three unknown":
            columns["c"] = ["true", "false", *["unknown"] * 3, *["true"] * (ROWS - 5)]
        case "one dirty cell":
            columns["x"] = ["12;5", *number[1:]]
        case "a number of Excel errors":
            columns["x"] = ["#DIV/0!", "#N/A", *number[2:]]
        case "a declared word":
            columns["x"] = ["-999", "unknown", *number[2:]]
            declared = {"missing": ["-999", "unknown"]}
        case "infinite is missing":
            columns["x"] = ["inf", *number[1:]]
            declared = {"infinite": "missing"}
        case "unparsable is missing":
            columns["x"] = ["a"] * 10 + number[10:]
            declared = {"unparsable": "missing", "types": {"x": "number"}}
        case "booleans as numbers":
            columns["c"] = [str(row % 2) for row in range(ROWS)]
            declared = {"types": {"c": "boolean"}}
        case "keys with zeros":
            columns["id"] = [f"{row:04d}" for row in range(ROWS)]
        case "weights":
            columns["w"] = [str(1 + row % 5) for row in range(ROWS)]
            declared = {"weight": "w"}
        case "a key that explains":
            columns["id"] = [str(row // 4) for row in range(ROWS)]
            columns["part"] = [f"0{row % 4}" for row in range(ROWS)]
            declared = {"key": ["id", "part"]}
        case "no key":
            del columns["id"]
            declared = {"key": "content"}
        case "a constant column":
            columns["same"] = ["1"] * ROWS
    columns["y"] = [repr(value) for value in rng.normal(size=ROWS).tolist()]
    return csv_of(columns), declared


SMALL = (
    *("NA is a country", "NA is declared a category", "true, false and three unknown"),
    *("one dirty cell", "a number of Excel errors", "a declared word", "infinite is missing"),
    *("unparsable is missing", "booleans as numbers", "keys with zeros", "weights"),
    *("a key that explains", "no key", "a constant column"),
)


@pytest.mark.parametrize("name", SMALL)
def test_small_tables_that_are_easily_misread_are_read_alike(tmp_path, name):
    text, declared = small(name, np.random.default_rng(3))
    source = written(tmp_path, text)
    assert_alike(learned(shop(source, **declared), tmp_path), source)


def test_parquet_with_types_and_texts_is_read_alike(tmp_path):
    rng = np.random.default_rng(4)
    table = pa.table(
        {
            "id": pa.array(range(ROWS)),
            "text": pa.array([str(value) for value in rng.integers(0, 50, ROWS)]),
            "level": pa.array(
                [("a", None, "c")[row % 3] for row in range(ROWS)]
            ).dictionary_encode(),
            "day": pa.array(np.datetime64("2022-01-01") + rng.integers(0, 900, ROWS)),
            "at": pa.array(
                np.datetime64("2022-01-01T00:00:00") + rng.integers(0, 10**7, ROWS),
                pa.timestamp("s", "Europe/Berlin"),
            ),
            "flag": pa.array([(True, False, None)[row % 3] for row in range(ROWS)]),
            "f": pa.array(rng.normal(size=ROWS), pa.float32()),
            "y": pa.array(rng.normal(size=ROWS)),
        }
    )
    source = tmp_path / "rows.parquet"
    pq.write_table(table, source)
    assert_alike(learned(shop(source), tmp_path), source)


@pytest.mark.parametrize("name", ["age_income", "income_expenses", "users_revenue"])
def test_bundled_sources_are_read_alike(tmp_path, name):
    declaration = load_dataset(name, ROOT / "data" / "datasets")
    assert_alike(learned(declaration, tmp_path), declaration.source.path)


@pytest.mark.parametrize("network", [False, True])
def test_a_row_has_the_same_digits_alone_in_any_batch_and_twice_in_one_file(tmp_path, network):
    rng = np.random.default_rng(6)
    columns = {"id": [f"k{row}" for row in range(ROWS)]}
    columns |= {kind: cells(kind, rng, "") for kind in KINDS}
    columns["y"] = [repr(value) for value in rng.normal(size=ROWS).tolist()]
    header, *lines = csv_of(columns).splitlines()
    model = learned(shop(written(tmp_path, csv_of(columns))), tmp_path, network=network)

    def of_lines(chosen):
        return model.scored(written(tmp_path, "\n".join([header, *chosen, ""]), "part.csv")).value

    whole = of_lines(lines)
    assert np.array_equal(of_lines(lines[::-1])[::-1], whole)
    assert np.array_equal(of_lines(lines + lines), np.concatenate([whole, whole]))
    assert np.array_equal(of_lines(lines[40:77]), whole[40:77])
    for row in (0, 7, 119):
        assert of_lines(lines[row : row + 1])[0] == whole[row]
