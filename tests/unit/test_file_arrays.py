"""Arrays in files are sent to a process by their places, and are the same arrays there."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from test_linear import NUMPY, job

from data.errors import HomeError
from data.texts import Texts
from regressors.arrays import Coded
from regressors.file_arrays import dumps, release_mapped
from regressors.fitting import validate
from regressors.job import CannotFit
from tasks.run.row_files import RowColumns, RowFiles

ROWS = 50_000
VALUES = {
    "number": np.linspace(-1, 1, ROWS),
    "time": np.arange(ROWS).astype("M8[us]"),
    "fold": np.arange(ROWS).astype(np.int16),
}
WORDS = np.array(["a", "b", None], dtype=object)


@pytest.mark.parametrize("name", VALUES)
def test_an_array_in_a_file_is_pickled_as_its_place(name):
    files = RowFiles()
    files.stored(np.arange(3.0))
    stored = files.stored(VALUES[name])
    for part in (stored, stored[7:], stored[:0]):
        sent = dumps({"part": part})
        assert len(sent) < 500
        arrived = pickle.loads(sent)["part"]
        assert arrived.dtype == part.dtype
        assert arrived.tolist() == part.tolist()
        assert type(arrived) is np.ndarray


def test_an_array_in_memory_and_a_part_with_gaps_are_copied():
    stored = RowFiles().stored(VALUES["number"])
    for values in (VALUES["number"], stored[::2], stored[stored > 0], stored * 2):
        sent = dumps(values)
        assert len(sent) > values.nbytes
        assert np.array_equal(pickle.loads(sent), values)


def test_nothing_can_change_an_array_in_a_file():
    files = RowFiles()
    stored = pickle.loads(dumps(files.stored(VALUES["number"])))
    with pytest.raises(ValueError, match="read-only"):
        stored[0] = 1


@pytest.fixture
def made():
    """Return the names of the columns that were made, in order."""
    return []


@pytest.fixture
def columns(made):
    def make(name):
        made.append(name)
        codes = np.arange(ROWS, dtype=np.int32) % 3 - 1
        return Coded(codes, WORDS) if name == "word" else Coded(VALUES[name])

    return RowColumns(["number", "word"], make, RowFiles())


def test_a_column_is_made_once_and_when_it_is_asked_for(columns, made):
    assert (list(columns), len(columns), made) == (["number", "word"], 2, [])
    assert columns["number"].tolist() == columns["number"].tolist() == VALUES["number"].tolist()
    assert columns.named(["time", "number"])["time"][1] == VALUES["time"][1]
    assert made == ["number", "time"]
    with pytest.raises(KeyError):
        columns["time"]


def test_a_category_is_texts_of_which_equal_ones_are_one_object(columns):
    words = columns["word"]
    assert words[:4].tolist() == [None, "a", "b", None]
    assert words[1] is words[4] is WORDS[0]
    assert columns["word"] is words


def test_chosen_rows_of_columns_are_made_of_the_whole_ones(columns, made):
    chosen = VALUES["number"] > 0
    part = columns.take(chosen).take(np.arange(ROWS // 2) % 2 == 0)
    assert made == []
    assert part["number"].tolist() == VALUES["number"][chosen][::2].tolist()
    assert part["word"].tolist() == columns["word"][chosen][::2].tolist()
    assert made == ["number", "word"]


def test_the_columns_of_a_job_are_few_bytes_and_arrive_as_arrays(columns):
    sent = dumps(columns)
    assert len(sent) < 1_000
    arrived = pickle.loads(sent)
    assert arrived["number"].tolist() == VALUES["number"].tolist()
    assert arrived["word"].tolist() == columns["word"].tolist()
    assert arrived["word"][1] is arrived["word"][4]


def test_files_are_gone_with_the_last_that_uses_them(columns):
    part = columns.take(VALUES["number"] > 0)
    number, folder = part["number"], part.files.folder
    del part
    assert columns["number"][0] == -1
    assert len([*folder.iterdir()]) == 2
    columns.__dict__.clear()
    assert not folder.exists()
    assert number[0] > 0  # what is still mapped stays


def test_a_full_disk_is_one_sentence(monkeypatch):
    import resource

    files = RowFiles()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(HomeError, match="cannot be written to temporary files: the file has"):
            files.stored(VALUES["number"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.parametrize("texts", [["b", None, "", "é" * 9], ["", ""], [None], []])
def test_texts_in_a_file_are_the_same_texts(texts):
    for given in (Texts.of(texts), Texts.of(["x", *texts, "y"])[1:-1]):
        stored = RowFiles().stored_texts(given)
        assert stored == given
        assert stored.tolist() == texts
        assert stored[np.arange(len(texts))[::-1]].tolist() == texts[::-1]


def test_texts_arrive_as_they_were_and_those_in_a_file_by_their_places():
    texts = Texts.of([None if n % 7 == 0 else f"text {n} é" for n in range(20_000)])
    stored = RowFiles().stored_texts(texts)
    assert len(dumps(stored)) < 500 < len(dumps(texts))
    for each in (texts, stored, texts[9_000:], stored[9_000:], texts[:0]):
        assert pickle.loads(dumps(each)) == each


def test_texts_in_a_file_are_not_in_memory():
    before = pa.total_allocated_bytes()
    stored = RowFiles().stored_texts(Texts.of(f"{number:050d}" for number in range(20_000)))
    assert pa.total_allocated_bytes() - before < 100_000
    assert stored[19_999].endswith("19999")


def test_what_is_let_go_of_is_read_again():
    stored = RowFiles().stored(VALUES["number"])
    before = stored.tolist()
    release_mapped()
    assert stored.tolist() == before


def test_a_fit_writes_its_predictions_to_a_file_and_returns_their_place(tmp_path):
    in_memory = validate(NUMPY, job())
    in_file = validate(NUMPY, job(predictions_file=str(tmp_path / "predictions")))
    assert np.array_equal(in_file.out_of_fold, in_memory.out_of_fold)
    assert len(dumps(in_file.out_of_fold)) < 500 < len(dumps(in_memory.out_of_fold))


def test_a_fit_whose_predictions_cannot_be_written_says_so(tmp_path):
    with pytest.raises(CannotFit, match="cannot be written to a file: Is a directory"):
        validate(NUMPY, job(predictions_file=str(tmp_path)))
