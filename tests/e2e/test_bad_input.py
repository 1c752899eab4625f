"""Bad input is answered with a clear sentence and exit code 1 or 2, and trains nothing.

`tests/integration/test_expectations.py` and `tests/unit/test_read_refused.py` have what else is
refused; here are a few of each kind, as a night stores and shows them.
"""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.workspace import free_port

GOOD = "source: {{path: {name}.csv}}\nkey: id\ntarget: y\n"
ROWS = [f"{i},{i % 7},{2 * (i % 7) + i % 3}" for i in range(60)]
HEADER = "id,x,y\n"


def table(rows=ROWS, header=HEADER):
    return header + "\n".join(rows) + "\n"


def changed(column, value, at=5):
    """Return the good rows with one value changed."""
    rows = [row.split(",") for row in ROWS]
    rows[at][column] = value
    return table(",".join(row) for row in rows)


def every(column, value):
    """Return the good rows with one column set to one value."""
    rows = [row.split(",") for row in ROWS]
    for row in rows:
        row[column] = value
    return table(",".join(row) for row in rows)


REJECTED = {
    "header_only": (HEADER, "row"),
    "renamed_column": (table(header="id,x,why\n"), "'y'"),
    "duplicated_key": (changed(0, "4"), "4"),
    "infinite_target": (changed(2, "inf"), "inf"),
    "constant_feature": (every(1, "3"), "feature"),
    "nineteen_rows": (table(ROWS[:19]), "19"),
}
UNREADABLE = {
    "no_file": (None, "no_file.csv"),
    "empty_file": (b"", "empty"),
    "not_utf8": (b"id,x,y\n1,\xff\xfe,3\n", "UTF-8"),
    "duplicated_column": (table(header="id,x,x\n"), "'x'"),
}


BAD_DATE = """expectations:
  - {type: expect_column_max_to_be_between, kwargs: {column: x, max_value: 2024-02-30}}
"""


@pytest.fixture(scope="module")
def bad_night(new_workspace):
    """A night over every bad source, and over a good one, which must succeed anyway."""
    workspace = new_workspace()
    for name, (rows, _) in {**REJECTED, **UNREADABLE}.items():
        workspace.declare(name, GOOD.format(name=name), rows)
    good = GOOD.format(name="good") + "candidates: {frameworks: [torch], kinds: [least_squares]}\n"
    workspace.declare("good", good, table())
    workspace.declare("bad_date", GOOD.format(name="good") + BAD_DATE)
    workspace.declare("truncated", "source: {path: truncated.parquet}\nkey: id\ntarget: y\n")
    whole = workspace.folder / "whole.parquet"
    pq.write_table(pa.table({"id": range(50), "y": range(50), "x": range(50)}), whole)
    content = whole.read_bytes()
    (workspace.folder / "datasets" / "truncated.parquet").write_bytes(content[: len(content) // 2])
    return workspace, workspace.run("nightly")


def summary_of(output, name):
    """Return what a night printed about one dataset."""
    lines = output.splitlines()
    start = lines.index(name)
    end = next((i for i in range(start, len(lines)) if not lines[i].strip()), len(lines))
    return "\n".join(lines[start:end])


def test_bad_sources_fail_the_night_but_not_the_good_dataset(bad_night):
    workspace, done = bad_night
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert workspace.sql("SELECT dataset FROM run WHERE status = 'succeeded'") == [("good",)]
    assert workspace.sql("SELECT count(*) FROM prediction") == [(60,)]
    assert not (workspace.home / "prefect" / "storage").exists(), "Prefect has pickled an exception"


@pytest.mark.parametrize("name", REJECTED)
def test_refused_data_is_stored_as_a_rejected_run(bad_night, name):
    workspace, done = bad_night
    summary = summary_of(done.stdout, name)
    assert "rejected" in summary
    assert REJECTED[name][1] in summary
    runs = workspace.sql(f"SELECT run_id, status, reason FROM run WHERE dataset = '{name}'")
    assert [(status, bool(reason)) for _, status, reason in runs] == [("rejected", True)]
    run_id = runs[0][0]
    assert workspace.sql(f"SELECT count(*) FROM model WHERE run_id = {run_id}") == [(0,)]
    failed = f"SELECT count(*) FROM expectation_result WHERE run_id = {run_id} AND NOT success"
    assert workspace.sql(failed)[0][0] > 0


@pytest.mark.parametrize("name", [*UNREADABLE, "truncated"])
def test_an_unreadable_source_is_stored_as_a_failed_run(bad_night, name):
    workspace, done = bad_night
    summary = summary_of(done.stdout, name)
    word = UNREADABLE.get(name, (None, "truncated.parquet"))[1]
    assert "failed" in summary
    assert word in summary
    ((status, reason, snapshot),) = workspace.sql(
        f"SELECT status, reason, snapshot FROM run WHERE dataset = '{name}'"
    )
    assert (status, snapshot) == ("failed", None)
    assert word in reason


def test_a_mistake_in_a_declaration_is_stored_as_a_failed_run(bad_night):
    workspace, done = bad_night
    assert "line 5: '2024-02-30' cannot be read" in summary_of(done.stdout, "bad_date")
    runs = workspace.sql("SELECT status, reason FROM run WHERE dataset = 'bad_date'")
    assert [status for status, _ in runs] == ["failed"]
    assert "bad_date.yaml, line 5" in runs[0][1]


def test_status_shows_the_problem(bad_night):
    workspace, _ = bad_night
    done = workspace.run("status")
    assert done.returncode == 1
    assert "rejected" in done.stdout


def assert_refused(done, code, *words):
    """Assert that a call ended with one clear message."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr.replace("\n", " ")


@pytest.fixture
def workspace(new_workspace):
    """Return a workspace with one good dataset."""
    made = new_workspace()
    made.declare("good", GOOD.format(name="good"), table())
    return made


def test_misspelt_key_suggests_the_right_one(workspace):
    workspace.declare("bad", "source: {path: good.csv}\nkey: id\ntagret: y\n")
    assert_refused(workspace.run("check", "bad"), 2, "bad.yaml", "line 3", "'tagret'", "'target'")


def test_wrong_type_names_the_line(workspace):
    workspace.declare("bad", GOOD.format(name="good") + "split: {folds: many}\n")
    assert_refused(workspace.run("check", "bad"), 2, "bad.yaml", "line 4", "many")


@pytest.mark.parametrize("command", ["check", "retrain", "nightly"])
def test_unknown_dataset_suggests_the_nearest(workspace, command):
    assert_refused(workspace.run(command, "godo"), 2, "godo", "good")
    assert not workspace.database.exists()


def test_unknown_view_and_column_are_refused(night):
    assert_refused(night.workspace.run("query", "champio"), 2, "champio", "champion")
    assert_refused(night.workspace.run("query", "champion", "--columns", "kynd"), 2, "kynd", "kind")


def test_unknown_command_and_option_are_refused(workspace):
    assert workspace.run("nigthly").returncode == 2
    assert workspace.run("query", "champion", "--format", "xml").returncode == 2


def test_query_before_the_first_night_suggests_a_night(workspace):
    assert_refused(workspace.run("query", "champion"), 1, "nightly")


def test_predict_without_a_champion_suggests_a_run(workspace):
    assert workspace.run("db", "upgrade").returncode == 0
    source = str(workspace.folder / "datasets" / "good.csv")
    assert_refused(workspace.run("predict", "good", "--source", source), 1, "retrain good")


def test_predict_names_the_missing_column(night, tmp_path):
    source = tmp_path / "new.csv"
    source.write_text("household,expenses\n1,2\n")
    done = night.workspace.run("predict", "income_expenses", "--source", str(source))
    assert_refused(done, 1, "'income'")


def test_unreachable_database_is_reported_in_one_sentence_without_its_password(workspace):
    url = f"sqlite:///{workspace.folder}/no/such/file/store.db/x"
    (workspace.folder / "no").write_text("a file, not a folder")
    assert_refused(workspace.run("retrain", "good", NIGHTFIT_DATABASE_URL=url), 1, "store.db")
    secret = "postgresql://user:secret@127.0.0.1:1/none"
    settings = {"NIGHTFIT_DATABASE_URL": secret, "NIGHTFIT_STORE_RETRY_TIME": "0"}
    done = workspace.run("retrain", "good", **settings)
    assert done.returncode in (1, 2)
    assert "secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_database_of_a_newer_version_is_refused(workspace):
    assert workspace.run("db", "upgrade").returncode == 0
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(workspace.database)) as connection:
        connection.execute("UPDATE nightfit_version SET version_num = '9999'")
        connection.commit()
    assert_refused(workspace.run("retrain", "good"), 1, "newer", "9999")


def test_home_that_cannot_be_created_is_reported_in_one_sentence(workspace):
    blocked = workspace.folder / "file"
    blocked.write_text("")
    assert_refused(
        workspace.run("retrain", "good", NIGHTFIT_HOME=str(blocked / "home")), 1, str(blocked)
    )


def test_a_server_that_does_not_answer_is_reported_in_one_sentence_and_leaves_a_trace(workspace):
    api = f"http://127.0.0.1:{free_port()}/api"
    for arguments in (["retrain", "good", "--dry-run"], ["retrain", "good"], ["nightly"]):
        done = workspace.run(*arguments, PREFECT_API_URL=api)
        assert_refused(done, 1, api, "refused", "PREFECT_API_URL")
    runs = workspace.sql("SELECT status, reason FROM run")
    assert [status for status, _ in runs] == ["failed", "failed"]
    assert api in runs[0][1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_read_only_folder_is_reported_in_one_sentence(workspace):
    closed = workspace.folder / "closed"
    closed.mkdir(mode=0o500)
    assert_refused(
        workspace.run("retrain", "good", NIGHTFIT_HOME=str(closed / "home")), 1, str(closed)
    )


def test_folder_without_declarations_is_named(new_workspace, tmp_path):
    empty = Path(tmp_path)
    assert_refused(new_workspace().run("nightly", NIGHTFIT_DATASETS=str(empty)), 1, str(empty))
