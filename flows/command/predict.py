"""`nightfit predict`: score new rows with the champion of a dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from sqlalchemy import Double, Text

from data.declarations.file import load_dataset
from data.declarations.model import Kind
from data.declarations.sections import PathSource
from data.errors import CallError, SourceError
from data.settings import Settings, settings
from data.store.read.champions import champion_model
from data.store.read.datasets import no_champion
from data.store.session import Store
from flows.command.output_formats import write_rows

COLUMNS = {"key": Text(), "predicted": Double(), "lower": Double(), "upper": Double()}
FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet"}
"""The format of an output file by its extension."""

Prediction = tuple[str, float, float | None, float | None]
"""Key, predicted, lower and upper, in the target's units."""


def run_predict(dataset: str, source: Path, out: Path | None) -> None:
    """Write key, predicted, lower and upper for each row of a file in any format of a source."""
    if out is not None and out.suffix.lower() not in FORMATS:
        raise CallError(
            f"the name of an output file must end in one of {', '.join(FORMATS)}.", where=str(out)
        )
    rows = predictions(settings(), dataset, source)
    write_rows([rows], COLUMNS, FORMATS[out.suffix.lower()] if out else "csv", out)


def predictions(config: Settings, dataset: str, source: Path) -> list[Prediction]:
    """Return a prediction for each row of a file, in the file's order.

    Raises SourceError if the file cannot be read or lacks a column, and UserError if the dataset
    has no champion.
    """
    from data.sources.columns import PLURAL
    from data.sources.keys import row_keys
    from data.sources.read import read
    from data.sources.snapshot import feature_arrays, load, readings_of
    from regressors.encoding.columns import CannotEncode
    from regressors.model import Model

    declaration = load_dataset(dataset, config.datasets)
    store = Store(config.database_url)
    store.ensure_ready()
    with store.reading() as connection:
        champion = champion_model(connection, dataset)
    if champion is None or champion.artifact is None:
        raise no_champion(dataset)
    model = Model.from_bytes(champion.artifact)
    to_score = declaration.model_copy(
        update={
            "source": PathSource(path=source.resolve()),
        }
    )
    # The model's own kinds: in a few rows, a column may look like another one.
    kinds = cast("Mapping[str, Kind]", model.column_types)
    path = read(to_score, folder=config.home / "scored", kinds=kinds).path
    table = load(path)
    needed = (*declaration.key, *model.features)
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise SourceError(
            f"the column {missing[0]!r} is missing.",
            where=str(source.resolve()),
            next_step=f"The champion needs: {', '.join(needed)}.",
        )
    for reading in readings_of(path):
        if reading.unparsable and reading.name in needed:
            row, text = reading.examples[0]
            raise SourceError(
                f"the column {reading.name!r} has {text!r} in row {row}, but the champion needs"
                f" {PLURAL[reading.kind]}.",
                where=str(source.resolve()),
                next_step="Correct the value, or leave it empty.",
            )
    try:
        predicted = model.predict(feature_arrays(path, model.features))
    except CannotEncode as error:
        raise SourceError(f"{error}.", where=str(source.resolve())) from None
    half = model.half_width
    return [
        (key, value, None if half is None else value - half, None if half is None else value + half)
        for key, value in zip(row_keys(table, declaration.key), predicted.tolist(), strict=True)
    ]
