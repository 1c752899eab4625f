"""`nightfit config`: each setting, where it comes from, and no secret of any."""

import json
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from data.settings import Settings
from flows.command.config import _shown, run_config
from flows.command.prefect_defaults import prefect_defaults, set_prefect_defaults


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Give the test an environment of its own: the command sets what Prefect reads."""
    import os

    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTFIT_", "PREFECT_"))}
    monkeypatch.setattr(os, "environ", {**kept, "NIGHTFIT_HOME": str(tmp_path)})
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    run_config(as_json=True)
    report = json.loads(capsys.readouterr().out)
    return {line["name"]: line for line in (*report["nightfit"], *report["prefect"])}


def test_every_setting_is_there_with_its_source_and_meaning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setenv("NIGHTFIT_KEEP_RUNS", "7")
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "9")
    lines = shown(capsys)
    assert {f"NIGHTFIT_{name.upper()}" for name in Settings.model_fields} <= lines.keys()
    assert {default.name for default in prefect_defaults(tmp_path)} <= lines.keys()
    assert all(line["meaning"] and line["value"] for line in lines.values())
    assert lines["NIGHTFIT_KEEP_RUNS"]["value"] == "7"
    assert lines["NIGHTFIT_KEEP_RUNS"]["source"] == "environment"
    assert lines["NIGHTFIT_STORE_RETRY_TIME"]["source"] == "default"
    assert lines["NIGHTFIT_HOME"]["value"] == str(tmp_path)
    assert lines["PREFECT_WORKER_QUERY_SECONDS"]["value"] == "9"
    assert lines["PREFECT_WORKER_QUERY_SECONDS"]["source"] == "environment"
    assert lines["PREFECT_HOME"]["source"] == "nightfit"


def test_a_setting_that_may_have_a_secret_is_never_shown():
    assert _shown("notify", "slack://token", FieldInfo(repr=False)) == "(hidden)"
    assert _shown("notify", "", FieldInfo(repr=False)) == "not set"
    secretive = [name for name, field in Settings.model_fields.items() if not field.repr]
    assert "database_url" in secretive


def test_what_looks_like_a_setting_but_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("NIGHTFIT_HOEM", "/elsewhere")
    monkeypatch.setenv("nightfit_keep_runs", "8")
    run_config(as_json=False)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "NIGHTFIT_HOEM is set, but nightfit has no such setting."


def test_wrong_settings_of_prefect_are_shown_and_do_not_end_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from data.errors import NoServer
    from flows.command import prefect_settings

    def refuse():
        raise NoServer("Prefect cannot use its settings: PREFECT_LOGGING_LEVEL.")

    monkeypatch.setattr(prefect_settings, "import_prefect", refuse)
    line = shown(capsys)["PREFECT_API_URL"]
    assert line["source"] == "cannot be used"
    assert "PREFECT_LOGGING_LEVEL" in line["value"]


def test_each_of_prefects_settings_is_one_that_prefect_has(tmp_path: Path):
    from prefect.settings import Settings as PrefectSettings

    known = {name.upper() for name in _variables(PrefectSettings)}
    ours = {default.name for default in prefect_defaults(tmp_path)}
    elsewhere = {"DO_NOT_TRACK", "PREFECT_LOGGING_ROOT_LEVEL", "PREFECT_LOGGING_INTERNAL_LEVEL"}
    assert ours - elsewhere <= known  # its file of loggers has the rest


def test_serving_shows_the_log_of_runs_and_a_command_does_not(tmp_path: Path):
    import os

    set_prefect_defaults(tmp_path, serving=True)
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "INFO"
    assert os.environ["PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"] == "events,flow_runs"
    assert int(os.environ["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"]) == 90 * 24 * 3600


def _variables(model, prefix="PREFECT"):
    for name, field in model.model_fields.items():
        inner = field.annotation
        path = f"{prefix}_{name}"
        if hasattr(inner, "model_fields"):
            yield from _variables(inner, path)
        else:
            yield path
