"""`nightfit predict`: score new rows with the champion of a dataset."""

from pathlib import Path

from sqlalchemy import Double, Text

from data.declarations.file import load_dataset
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
    from data.sources.columns import arrays
    from data.sources.keys import row_keys
    from data.sources.read import read
    from data.sources.snapshot import load
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
            # The model's own types: in a few rows, a column may look like another type.
            "types": {**model.column_types, **declaration.types},
        }
    )
    table = load(read(to_score, folder=config.home / "scored").path)
    needed = (*declaration.key, *model.features)
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise SourceError(
            f"the column {missing[0]!r} is missing.",
            where=str(source.resolve()),
            next_step=f"The champion needs: {', '.join(needed)}.",
        )
    try:
        predicted = model.predict(arrays(table, list(model.features)))
    except CannotEncode as error:
        raise SourceError(f"{error}.", where=str(source.resolve())) from None
    half = model.half_width
    return [
        (key, value, None if half is None else value - half, None if half is None else value + half)
        for key, value in zip(row_keys(table, declaration.key), predicted.tolist(), strict=True)
    ]
