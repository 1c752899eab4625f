"""The rows of a run are arrays in one order, whatever the order of the source."""

import numpy as np
import pytest

from data.declarations.model import Declaration
from data.sources.read import read
from data.sources.stored_columns import StoredColumns
from tasks.run.kept_columns import arranged_rows
from tasks.run.rows import SnapshotRows

TEXT = "id,a,w,t,y\nd,4,2,2024-01-04,40\nb,2,,2024-01-02,\nc,3,0.5,2024-01-03,30\na,1,7,,10\n"


@pytest.fixture
def source_of(tmp_path):
    def load(text: str = TEXT, features: tuple[str, ...] = ("a",), alike=None, **more: object):
        source = tmp_path / "rows.csv"
        source.write_text(text, encoding="utf-8")
        keys = {"name": "shop", "source": {"path": source}, "key": "id", "target": "y", **more}
        declaration = Declaration.model_validate(keys)
        snapshot = read(declaration, folder=tmp_path / "snapshots")
        kept = np.ones(snapshot.rows, dtype=bool)
        stored = StoredColumns(snapshot.path)
        arranged = arranged_rows(stored, kept, declaration, alike)
        return SnapshotRows(declaration, snapshot, kept, features, arranged=arranged)

    return load


@pytest.fixture
def rows_of(source_of):
    return lambda *args, **declared: source_of(*args, **declared).rows


def test_a_column_that_is_not_a_feature_tonight_is_read_in_the_order_of_the_keys_too(source_of):
    source = source_of()
    columns = source.columns(("w", "a", "gone"), np.array([True, False, True, True]))
    assert list(columns) == ["w", "a"]
    np.testing.assert_array_equal(columns["w"], [7, 0.5, 2])
    np.testing.assert_array_equal(columns["a"], [1, 3, 4])


def test_the_files_of_rows_are_gone_with_the_last_part_of_them(source_of):
    source = source_of()
    folder, part = source.files.folder, source.rows.take(source.rows.target > 10)
    assert part.columns["a"].tolist() == [3, 4]
    del source
    assert folder.exists()
    del part
    assert not folder.exists()


def test_columns_that_the_snapshot_does_not_have_are_left_out_also_if_none_is_there(source_of):
    assert source_of().columns(("gone", "lost"), np.array([True, False, True, True])) == {}


def test_rows_that_were_set_aside_are_in_no_column(tmp_path):
    source = tmp_path / "rows.csv"
    source.write_text(TEXT, encoding="utf-8")
    keys = {"name": "shop", "source": {"path": source}, "key": "id", "target": "y"}
    declaration = Declaration.model_validate(keys)
    snapshot = read(declaration, folder=tmp_path / "snapshots")
    kept = np.array([True, False, True, True])
    rows = SnapshotRows(declaration, snapshot, kept, ("a",))
    assert rows.rows.keys.tolist() == ["a", "c", "d"]
    everything = np.ones(3, dtype=bool)
    np.testing.assert_array_equal(rows.columns(["w"], everything)["w"], [7, 0.5, 2])


def test_weights_are_loaded_in_the_order_of_the_keys_with_nan_where_one_is_missing(rows_of):
    rows = rows_of(weight="w")
    assert rows.keys.tolist() == ["a", "b", "c", "d"]
    assert rows.weight.dtype == np.float64
    np.testing.assert_array_equal(rows.weight, [7, np.nan, 0.5, 2])
    assert list(rows.columns) == ["a"]


def test_without_a_declared_weight_or_time_there_is_none(rows_of):
    rows = rows_of()
    assert (rows.weight, rows.time, rows.group) == (None, None, None)
    taken = rows.take(np.array([True, False, False, True]))
    assert (taken.weight, taken.time, taken.group) == (None, None, None)
    assert (rows.group_numbers, rows.instants, rows.newest(rows.target > 0)) == (None, None, None)


def test_chosen_rows_keep_their_own_weights_and_times(rows_of):
    taken = rows_of(weight="w", time="t").take(np.array([False, True, False, True]))
    assert taken.keys.tolist() == ["b", "d"]
    np.testing.assert_array_equal(taken.weight, [np.nan, 2])
    np.testing.assert_array_equal(taken.time, np.array(["2024-01-02", "2024-01-04"], "M8[us]"))
    np.testing.assert_array_equal(taken.target, [np.nan, 40])


def test_groups_are_loaded_as_text_not_as_numbers_and_kept_with_their_rows(rows_of):
    text = "id,a,g,y\nd,4,01,40\nb,2,,20\nc,3,1,30\na,1,1,10\n"
    rows = rows_of(text, split={"group": "g"})
    assert rows.keys.tolist() == ["a", "b", "c", "d"]
    assert rows.group.tolist() == ["1", None, "1", "01"]
    assert rows.group_numbers.tolist() == [1, 2, 1, 0]
    taken = rows.take(np.array([True, True, True, False]))
    assert taken.group.tolist() == ["1", None, "1"]
    assert taken.group_numbers.tolist() == [0, 1, 0]
    assert list(rows.columns) == ["a"]


def test_rows_that_repeat_each_other_keep_their_label_in_the_order_of_keys(rows_of):
    rows = rows_of(alike=np.array([0, -1, 0, -1]))  # of the rows d, b, c, a
    assert rows.alike.tolist() == [-1, -1, 0, 0]
    assert rows.together.tolist() == [1, 2, 0, 0]
    assert rows.units.tolist() == [1, 2, 0, 0]
    assert rows.group_numbers is None
    assert rows.take(np.array([True, False, True, True])).together.tolist() == [1, 0, 0]
    assert rows_of(alike=np.full(4, -1)).alike is None


def test_a_group_may_be_a_feature_or_a_part_of_the_key(rows_of):
    text = "id,g,y\n1,3,1\n2,3,2\n1,4,3\n"
    rows = rows_of(text, features=("g",), key=["g", "id"], split={"group": "g"})
    assert rows.group.tolist() == ["3", "3", "4"]
    np.testing.assert_array_equal(rows.columns["g"], [3, 3, 4])


def test_a_new_row_with_another_kind_of_group_changes_no_other_groups_text(rows_of):
    before = rows_of("id,g,a,y\n1,7,1,1\n2,12,2,2\n", split={"group": "g"})
    after = rows_of(
        "id,g,a,y\n1,7,1,1\n2,12,2,2\n3,07,3,3\n4,x,4,4\n5,,5,5\n", split={"group": "g"}
    )
    assert before.group.tolist() == ["7", "12"]
    assert after.group.tolist() == ["7", "12", "07", "x", None]


def test_the_newest_time_is_in_microseconds_since_1970_or_the_number_that_it_is(rows_of):
    rows = rows_of(time="t")
    day = 86_400e6
    timed = np.array([0, 1, 1, 1], dtype=bool)
    np.testing.assert_array_equal(
        rows.instants / day,
        [np.nan, 19_724, 19_725, 19_726],  # days since 1970
    )
    assert rows.newest(timed) == 19_726 * day
    assert rows.newest(np.array([1, 1, 1, 0], dtype=bool)) == 19_725 * day
    assert rows.newest(~timed) is None
    assert rows.newest(np.zeros(4, dtype=bool)) is None
    assert rows_of(time="a").newest(timed) == 4


def test_a_weight_of_whole_numbers_becomes_doubles_and_may_be_a_feature_too(rows_of):
    rows = rows_of("id,w,y\n1,3,1\n2,4,2\n", features=("w",), weight="w")
    assert rows.weight.dtype == np.float64
    np.testing.assert_array_equal(rows.weight, [3, 4])
    np.testing.assert_array_equal(rows.columns["w"], [3, 4])


def test_the_period_of_rows_is_written_as_their_times_are(rows_of):
    rows = rows_of(time="t")
    assert rows.period(~np.isnan(rows.target)) == ("2024-01-03", "2024-01-04")
    assert rows.period(rows.target > 99) is None
    assert rows_of().period(rows.target > 0) is None


@pytest.mark.parametrize(
    ("times", "period"),
    [
        (
            ("2024-01-01T02:00:00Z", "2024-01-02T00:00:00Z"),
            ("2024-01-01 02:00:00", "2024-01-02 00:00:00"),
        ),
        (("1999", "2024"), ("1999", "2024")),
        (("0.5", "2024"), ("0.5", "2024")),
        (
            ("2024-01-01T00:00:00.5", "2024-01-01T00:00:01"),
            ("2024-01-01 00:00:00.500000", "2024-01-01 00:00:01"),
        ),
    ],
)
def test_the_period_keeps_times_of_day_and_numbers(rows_of, times, period):
    text = "id,a,t,y\n" + "".join(f"{i},1,{time},1\n" for i, time in enumerate(times))
    rows = rows_of(text, time="t")
    assert rows.period(rows.target > 0) == period
