"""What a model predicts for many rows: here, or on a cluster, with the same digits."""

from collections.abc import Callable, Iterator

from data.errors import ClusterError
from regressors.arrays import Array, Columns
from regressors.file_arrays import ArraysInParts
from regressors.frameworks.registry import NUMPY
from regressors.frameworks.workers import WorkerFailed
from regressors.gathered_predictions import (
    MIN_ROWS,
    PredictedPart,
    arrays_of,
    predicted_in_parts,
)
from regressors.model import Model
from regressors.predicted import Predicted
from regressors.progress import report
from regressors.shared_work import Calls, shared
from tasks.run import progress
from tasks.run.gathered import results
from tasks.run.processes import Processes
from tasks.run.row_files import RowColumns

Predict = Callable[[Model, Columns, Array | None], Predicted]
"""Returns what a model predicts for n rows, given their columns and their weights."""


def predicted_here(model: Model, columns: Columns, weight: Array | None) -> Predicted:
    """Return what a model predicts, in this process."""
    return model.predicted(columns, weight)


def predicted_on(
    processes: Processes,
    tell: Callable[[str], None],
    model: Model,
    columns: Columns,
    weight: Array | None,
) -> Predicted:
    """Return what a model predicts, many rows in parts by the processes of a cluster.

    The result is then in files of the run. Where the cluster cannot do it, it is done here, and
    `tell` gets a sentence on why.
    """
    if not isinstance(columns, RowColumns):
        return predicted_here(model, columns, weight)
    coded = columns.named(name for name in model.features if name in columns).in_codes()
    rows = len(next(iter(coded.values()), ()))
    if rows < MIN_ROWS:
        return predicted_here(model, coded, weight)
    into = ArraysInParts.made(columns.files.new_path(), arrays_of(model), rows)
    work = predicted_in_parts(model, coded, weight, into)
    sent = 0

    def parts(calls: Calls) -> Iterator[PredictedPart]:
        nonlocal sent
        for part in results(processes, NUMPY.name, lambda: report, calls):
            sent += sum(values.nbytes for values in part.values or ())
            yield part

    try:
        made = shared(work, parts)
    except (ClusterError, WorkerFailed) as failure:
        made = predicted_here(model, coded, weight)
        why = str(failure).rstrip(".")
        tell(f"{rows:,} rows could not be predicted on the cluster, and were so here: {why}.")
    if sent:
        size, folder = f"{sent / 1e6:,.1f} MB", columns.files.folder.parent
        progress.log("cluster", f"{size} of predictions were sent by workers that see no {folder}")
    return made
