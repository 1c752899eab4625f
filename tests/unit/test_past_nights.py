"""Which past nights `nightfit nightly --from --to` trains, and for which datasets."""

from datetime import date

import pytest

from data.errors import CallError
from flows.command.past_nights import MAX_NIGHTS, days_between, with_time_column


def test_a_range_holds_both_its_ends():
    days = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
    assert days_between("2024-02-28", "2024-03-01") == days
    assert days_between("2024-03-01", "2024-03-01") == days[2:]
    assert days_between(None, None) == []


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2024-03-01", None, "--from and --to go together"),
        (None, "2024-03-01", "--from and --to go together"),
        ("2024-13-01", "2024-03-01", "--from '2024-13-01' is not a date"),
        ("2024-03-01", "today", "--to 'today' is not a date"),
        ("2024-03-02", "2024-03-01", "--to 2024-03-01 is before --from 2024-03-02. Swap them."),
        ("1924-01-01", "2024-01-01", f"Train at most {MAX_NIGHTS:,}"),
    ],
)
def test_a_wrong_range_is_refused(first, last, message):
    with pytest.raises(CallError, match=message) as caught:
        days_between(first, last)
    assert caught.value.exit_code == 2


@pytest.fixture
def declarations(tmp_path):
    """A folder that declares one dataset with a time column, and one without."""
    declaration = "source: {path: rows.csv}\nkey: row\ntarget: y\n"
    (tmp_path / "plain.yaml").write_text(declaration)
    (tmp_path / "timed.yaml").write_text(declaration + "time: day\n")
    return tmp_path


def test_datasets_without_a_time_column_are_skipped_and_named(declarations, capsys):
    assert with_time_column(["plain", "timed"], declarations, named=False) == ["timed"]
    assert "without a time column: plain." in capsys.readouterr().err


@pytest.mark.parametrize(("names", "named"), [(["plain", "timed"], True), (["plain"], False)])
def test_a_dataset_without_a_time_column_is_refused(declarations, names, named):
    with pytest.raises(CallError, match="plain: no time column is declared"):
        with_time_column(names, declarations, named=named)


def test_a_declaration_with_a_mistake_does_not_stop_the_others(declarations, capsys):
    (declarations / "broken.yaml").write_text("tagret: y\n")
    names = ["broken", "timed"]
    assert with_time_column(names, declarations, named=False) == ["timed"]
    assert "Skipping broken: " in capsys.readouterr().err
    for chosen, named in ((names, True), (["broken"], False)):
        with pytest.raises(CallError, match="tagret"):
            with_time_column(chosen, declarations, named=named)
