"""Options of `nightfit export` that do not go together are refused before anything is read."""

from pathlib import Path

import pytest

from data.errors import CallError
from flows.command.export import run_export

NOTHING = {"dialect": None, "install": None, "table": None, "view": None}


@pytest.mark.parametrize(
    ("form", "out", "given", "message"),
    [
        ("onnx", None, {"table": "t"}, "--table goes with '--format sql' only"),
        ("json", None, {"dialect": "duckdb"}, "--dialect goes with '--format sql' only"),
        ("sql", None, {"install": "sqlite:///x.db"}, "--install needs the table"),
        ("sql", None, {"view": "v"}, "--view names the view that '--install URL' makes"),
        ("sql", Path("x.sql"), {"install": "u", "table": "t"}, "--out does not go with --install"),
        ("sql", None, {"install": "u", "table": "t", "dialect": "duckdb"}, "--dialect does not"),
    ],
)
def test_options_that_do_not_go_together_are_refused(form, out, given, message):
    with pytest.raises(CallError, match=message):
        run_export("made", form, out, **{**NOTHING, **given})
