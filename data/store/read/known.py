"""Refusing a dataset of which nothing is stored, or no champion, and what to do about it."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from data.declarations.mistakes import nearest
from data.errors import CallError, UserError
from data.store.database.address import display_url
from data.store.views import CHAMPION, RUN_HISTORY


def stored_datasets(connection: Connection) -> tuple[str, ...]:
    """Return the datasets of which a run is stored, by name."""
    history = RUN_HISTORY.table  # a view, since some roles may read nothing else
    statement = select(history.c.dataset).distinct().order_by(history.c.dataset)
    return tuple(connection.execute(statement).scalars())


def refuse_unknown_dataset(connection: Connection, dataset: str) -> None:
    """Raise CallError where no run of the dataset is stored."""
    if _has_champion(connection, dataset):  # at once; the list takes SQLite a look at each run
        return
    names = stored_datasets(connection)
    if dataset not in names:
        advice = advice_for(dataset, names) if names else "Run `nightfit nightly` first."
        raise CallError(
            f"no run of a dataset {dataset!r} is stored.",
            where=display_url(connection.engine.url),
            next_step=advice,
        )


def _has_champion(connection: Connection, dataset: str) -> bool:
    champion = CHAMPION.table
    found = select(champion.c.model_id).where(champion.c.dataset == dataset)
    return connection.execute(found).first() is not None


def no_champion(dataset: str) -> UserError:
    """Return what to say where a dataset has no champion yet."""
    return UserError(
        "no champion serves this dataset yet.",
        where=dataset,
        next_step=f"Run 'nightfit retrain {dataset}' first.",
    )


def advice_for(word: str, known: Sequence[str]) -> str:
    """Return the known word most like this one as a question, or all of them."""
    return nearest(word, known).strip() or f"There are: {', '.join(known)}."
