"""`nightfit check` prints a line per column, failed checks first, and no broken words."""

import io
from datetime import date, timedelta

import pyarrow as pa
import pytest
from helpers.checked import BETWEEN, SHOP, N, checked, rule

from flows.command.check import print_report, run_check
from flows.command.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def printed(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")

    def report(outcome, *, show_all=False):
        stream = Terminal()
        screen = Screen(stream)
        print_report(screen, outcome, rows=N, compared="compared with run 3", show_all=show_all)
        return stream.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")

    return report


def test_each_column_has_a_line_with_its_role_kind_gaps_and_how_it_enters(printed):
    lines = [line.split() for line in printed(checked()).splitlines()]
    of_column = {line[0]: line for line in lines if line}
    assert of_column["id"] == ["id", "key", "number", "0", "60", "1", "key"]
    assert of_column["level"][:6] == ["level", "feature", "category", "1", "2", "a"]
    assert of_column["y"][:4] == ["y", "target", "number", "0"]


def test_failed_checks_come_first_and_met_ones_are_only_counted(printed):
    outcome = checked(rule(BETWEEN, severity="warning", column="age", min_value=16))
    text = printed(outcome)
    met = sum(result.success for result in outcome.results)
    assert "NOT MET  expect_column_values_to_be_between of age (warning, 1 bad rows)" in text
    assert f"{met} checks met (--all lists them)" in text
    assert text.index("NOT MET") < text.index("checks met")
    assert "target_varies" not in text
    assert "met      target_varies of y (critical)" in printed(outcome, show_all=True)


def test_no_word_is_broken_at_80_columns(printed):
    name = "a_rather_long_name_of_a_column_as_exports_have_them"
    table = SHOP.append_column(name, pa.array(["x" * 30, "y"] * (N // 2)))
    outcome = checked(
        rule(BETWEEN, column="age", min_value=16, max_value=70),
        table=table,
    )
    text = printed(outcome, show_all=True)
    words = text.split()
    assert "how it enters" in text
    assert "2 levels" in text
    assert name in words
    assert any(word.startswith(BETWEEN) for word in words)
    for result in outcome.results:
        assert result.expectation in words


def test_the_outcome_says_which_run_the_source_was_compared_with(printed):
    assert "60 rows read, compared with run 3; ready to train on" in printed(checked())


def test_rows_that_a_night_could_not_split_are_refused(tmp_path, monkeypatch, capsys):
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(60)]
    rows = "".join(f"{day},{day.day},{day.month}\n" for day in days)
    (tmp_path / "few.csv").write_text(f"day,x,y\n{rows}")
    (tmp_path / "few.yaml").write_text(
        "source: {path: few.csv}\nkey: day\ntime: day\ntarget: y\nhorizon: 50 days\n"
    )
    monkeypatch.setenv("NIGHTFIT_DATASETS", str(tmp_path))
    monkeypatch.setenv("NIGHTFIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert run_check("few", as_json=False, show_all=False) == 1
    shown = capsys.readouterr().out
    assert "refused: With a horizon of 50 days, a fit at" in shown
    assert "or declare a shorter 'horizon'" in shown
    assert not (tmp_path / "home").exists()
