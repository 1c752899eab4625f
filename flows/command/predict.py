"""Score new rows with the champion of a dataset."""

from pathlib import Path

from prefect import flow

from data.declarations.file import load_dataset
from data.declarations.model import PathSource
from data.errors import SourceError
from data.settings import settings
from data.sources.read import arrays, load, read, row_keys
from data.store.read.champions import champion_model
from data.store.read.known import no_champion
from data.store.session import Store
from regressors.encoding.matrices import CannotEncode
from regressors.model import Model

Prediction = tuple[str, float, float | None, float | None]
"""Key, predicted, lower and upper, in the target's units."""


@flow(flow_run_name="predict {dataset}")
def predict(dataset: str, source: Path) -> list[Prediction]:
    """Return key, predicted, lower and upper of each row of a CSV or Parquet file."""
    return predictions(dataset, source)


def predictions(dataset: str, source: Path) -> list[Prediction]:
    """Return key, predicted, lower and upper of each row; in the target's units."""
    declaration = load_dataset(dataset, settings().datasets)
    store = Store(settings().database_url)
    store.ensure_ready()
    with store.reading() as connection:
        serving = champion_model(connection, dataset)
    if serving is None or serving.artifact is None:
        raise no_champion(dataset)
    model = Model.from_bytes(serving.artifact)
    rows = declaration.model_copy(
        update={
            "source": PathSource(path=source.resolve()),
            "types": {**model.kinds, **declaration.types},  # a few rows may look like another kind
        }
    )
    table = load(read(rows, folder=settings().home / "scored").path)
    absent = [n for n in (*declaration.key, *model.features) if n not in table.column_names]
    if absent:
        raise SourceError(
            f"the column {absent[0]!r} is absent.",
            where=str(source.resolve()),
            next_step=f"The champion needs: {', '.join((*declaration.key, *model.features))}.",
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
