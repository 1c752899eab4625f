"""Give the results of a dataset to a table of another database, after they have been stored."""

from data.connections.retry import retried
from data.connections.secrets import secrets_from
from data.connections.tables import write_table
from data.declarations.model import Declaration
from data.errors import StoreError, UserError
from data.store.session import Store
from data.store.write.delivery import (
    Pending,
    forget_delivery,
    has_delivery,
    pending_delivery,
    result_batches,
    write_delivery,
    write_obstacle,
)
from tasks.run import progress
from tasks.run.secrets import prefect_secret


def deliver(declaration: Declaration, store: Store) -> str | None:
    """Write the current predictions to the declared `output`, unless it has them already.

    All rows of its table are replaced, so that a second try changes nothing. Whatever fails is
    stored, for `status` and for the next night, which tries again even if it is skipped; the
    sentence on it is returned. The run itself is stored by then, and stays.
    """
    output, dataset = declaration.output, declaration.name
    if output is None:
        if store.read(lambda connection: has_delivery(connection, dataset)):
            store.write(lambda connection: forget_delivery(connection, dataset))
        return None
    place = output.shown
    try:
        pending = store.read(lambda connection: pending_delivery(connection, dataset, place))
        if pending is None:
            return None
        rows = retried(lambda: _written(declaration, store, pending), told=lambda _: None)
        store.write(lambda connection: write_delivery(connection, pending, place, rows))
    except UserError as error:
        reason = f"{error.what} {error.next_step}".strip()
    except Exception as error:  # noqa: BLE001 - the run is stored, whatever a driver raises
        reason = f"{type(error).__name__}, a bug in nightfit or in a driver."  # no more: secrets
    else:
        progress.log(dataset, f"{rows:,} rows written to {place}")
        return None
    try:
        store.write(lambda connection: write_obstacle(connection, dataset, place, reason))
    except StoreError as error:
        progress.log(dataset, f"for 'nightfit status', this was not stored: {error}", warning=True)
    sentence = f"The results have not reached {place}: {reason} The next night tries again."
    progress.log(dataset, sentence, warning=True)
    return sentence


def _written(declaration: Declaration, store: Store, pending: Pending) -> int:
    """Replace the rows of the table elsewhere, and return how many there are."""
    output = declaration.output
    assert output is not None
    with secrets_from(prefect_secret), store.reading() as connection:
        return write_table(
            output.url.text,
            output.table,
            pending.columns.schema,
            result_batches(connection, pending),
            where=f"output of {declaration.name}",
            key=pending.columns.key_names,
        )
