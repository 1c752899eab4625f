"""`nightfit export`: the champion of a dataset as ONNX, SQL or JSON, or as a view of a database."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text as Line

from data.address_space import require_address_space
from data.declarations.file import load_dataset
from data.errors import CallError, OutputClosed
from data.settings import Settings, settings
from data.store.read.champions import ServingModel, champion_model
from data.store.read.datasets import no_champion
from data.store.read.segment_models import models_of_segments
from data.store.session import Store
from flows.command.output_formats import new_file
from flows.command.screen import Screen
from flows.command.secrets import secrets_as_at_night

DEFAULT_DIALECT = "sqlite"


def run_export(
    dataset: str,
    output_format: str,
    out: Path | None,
    *,
    dialect: str | None,
    install: str | None,
    table: str | None,
    view: str | None,
) -> None:
    """Write the champion to a file or standard output, or make a view; say how it was proved.

    Raises CallError for options that do not go together, and UserError where what was written does
    not predict what nightfit does.
    """
    _refuse_together(output_format, out, dialect=dialect, install=install, table=table, view=view)
    require_address_space()
    config = settings()
    champion, segments = _served(config, dataset)
    from tasks.export.export import Export

    export = Export(champion, config.home, segments)
    if install is not None:
        from tasks.export.install import install as install_view

        assert table is not None
        with secrets_as_at_night(config.home):
            notes = install_view(export, install, table, view)
        _report(notes)
        return
    if output_format == "onnx":
        exported = export.as_onnx()
    elif output_format == "json":
        exported = export.as_json()
    else:
        from tasks.export.sql.dialects import DIALECTS

        exported = export.as_sql(DIALECTS[dialect or DEFAULT_DIALECT], table)
    _write(exported.content, out)
    _report(exported.notes)


def _refuse_together(
    output_format: str,
    out: Path | None,
    *,
    dialect: str | None,
    install: str | None,
    table: str | None,
    view: str | None,
) -> None:
    """Raise CallError for options that do not go together."""
    options = {"--dialect": dialect, "--install": install, "--table": table, "--view": view}
    given = [name for name, value in options.items() if value is not None]
    if output_format != "sql" and given:
        raise CallError(f"{given[0]} goes with '--format sql' only.")
    if output_format == "onnx" and out is None and sys.stdout.isatty():
        raise CallError(
            "an ONNX file is not text for a terminal.", next_step="Name a file with '--out FILE'."
        )
    if install is not None and table is None:
        raise CallError(
            "--install needs the table whose rows the view predicts.",
            next_step="Name it with '--table TABLE'.",
        )
    if install is None and view is not None:
        raise CallError("--view names the view that '--install URL' makes.")
    if install is not None and (out is not None or dialect is not None):
        name = "--out" if out is not None else "--dialect"
        raise CallError(f"{name} does not go with --install, which writes to the database of URL.")


def _served(
    config: Settings, dataset: str
) -> tuple[ServingModel, Sequence[tuple[ServingModel, Sequence[str]]]]:
    """Return the champion, and the models that serve single segments in its place."""
    with Store(config.database_url).reading() as connection:
        champion = champion_model(connection, dataset)
        segments = models_of_segments(connection, dataset)
    if champion is None:
        load_dataset(dataset, config.datasets)  # a name that is not declared is another mistake
        raise no_champion(dataset)
    return champion, segments


def _write(content: bytes, out: Path | None) -> None:
    if out is not None:
        with new_file(out) as stream:
            stream.buffer.write(content)
        return
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def _report(notes: list[str] | tuple[str, ...]) -> None:
    screen = Screen(stderr=True)
    for note in notes:
        screen.print(Line(note), soft_wrap=True)
