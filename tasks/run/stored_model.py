"""A model of an earlier run, and what it predicts for the rows of tonight.

A row that it was trained with keeps the prediction of its own run, which is out of fold or by the
twin: its artifact has seen the target. Only where a feature has changed since then is it predicted
again, and marked. Where its run did not store that prediction, the row gets none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.split import NEW, ROLES, TEST, TRAIN
from data.store.read.champions import ServingModel
from data.store.read.predictions import has_predictions, prediction_batches
from data.store.row_columns import ENDS, PredictionColumns
from data.store.session import Store
from data.texts import Texts
from regressors.arrays import Array, Coded, Indices, Values
from regressors.blocks import ROWS_AT_ONCE, blocks_of
from regressors.file_arrays import release_mapped
from regressors.model import Model
from regressors.progress import report, reporting_to
from tasks.run.loading import damaged, loaded
from tasks.run.rows import Mask, SnapshotRows
from tasks.run.trained_rows import RowsThen

CHANGED = "changed since the model was trained"
MAX_NAMES = 5
"""Features that a warning names."""

OWN_ROLES = (*ROLES, "warmup")
WARMUP = len(ROLES)
NOWHERE = -1
"""The place of a row that is not among others, and the role of one that had none."""


@dataclass(frozen=True)
class StoredModel:
    """A model of an earlier run, with its predictions of that run's rows.

    `own` yields these, some rows at a time, in the order of their keys. `trained_on` are the rows;
    None if their snapshot is gone or damaged, so that nobody knows which of them have changed.
    """

    name: str
    model_id: int
    artifact: Model
    twin: Model
    own: Callable[[], Iterator[PredictionColumns]]
    trained_on: SnapshotRows | None


def stored_model(store: Store, serving: ServingModel, rows_then: RowsThen) -> StoredModel:
    """Return a model that serves or served, whose predictions and bytes are therefore stored.

    `rows_then` returns the rows of its run. Raises DamagedModel where they are not what was stored.
    """
    artifact, twin = loaded(serving, "artifact"), loaded(serving, "twin")
    model_id = serving.model_id
    with store.reading() as connection:
        if not has_predictions(connection, model_id):
            raise damaged(serving, "its predictions of the rows of its own run are missing")

    def own() -> Iterator[PredictionColumns]:
        with store.reading() as connection:
            yield from prediction_batches(connection, serving.run_id, model_id, model_id)

    return StoredModel(serving.name_and_run, model_id, artifact, twin, own, rows_then())


def predictions_of(
    model: StoredModel, source: SnapshotRows, *, with_training: bool
) -> tuple[PredictionColumns, tuple[str, ...]]:
    """Return the model's predictions of n rows, and sentences on what has changed in them.

    Without `with_training`, the rows that its twin was trained with are left out. So are those of
    them that have no stored prediction. Of what is as long as the rows, only the result is in
    memory.
    """
    rows, files = source.rows, source.files
    total = len(rows.keys)
    own = _own(model, rows.keys)
    changes, kept, unstored = _Changes(), np.zeros(total, dtype=bool), 0
    notes, then_end = [], 0
    for block in blocks_of(total, ROWS_AT_ONCE):
        report((1 + block.start / total) / 2, f"{block.start:,} of {total:,} rows predicted")
        keys, role = rows.keys[block], own.role[block]
        then = np.full(len(keys), NOWHERE)
        if model.trained_on is not None:
            then, then_end = _places(keys, model.trained_on.rows.keys, then_end)
        without = _unstored(model, own, role, then, rows.target[block])
        unstored += int(without.sum())
        kept[block] = ~without & (with_training | ((role != TRAIN) & (role != WARMUP)))
        number = block.start + np.flatnonzero(kept[block])
        own.role[number[own.role[number] == NOWHERE]] = NEW
        differ = _differing(model, source, then[number - block.start], number, own.role[number])
        changes.add(differ, rows.keys, number)
        with reporting_to(lambda *_: None):  # which would be of a block
            note = _predicted_again(model, source, own, number, differ)
        notes.append(files.stored_texts(Texts.of(note.tolist())).values)
        release_mapped()
    noted = any(of_block.null_count < len(of_block) for of_block in notes)
    shown, words = rows.take(kept), np.array(OWN_ROLES, dtype=object)
    values: dict[str, Any] = {
        name: rows.stored(_taken(own.values.pop(name), kept)) for name in [*own.values]
    }
    predictions = PredictionColumns(
        model=model.model_id,
        key=shown.keys,
        actual=shown.target,
        role=words[_taken(own.role, kept)],
        note=files.stored_texts(Texts.of(pa.chunked_array(notes))) if noted else None,
        **values,
    )
    return predictions, (
        *_unstored_warning(model, unstored, with_training=with_training),
        *_warnings(model, changes),
    )


@dataclass(frozen=True)
class _Own:
    """What a model's own run stored of n rows of tonight, by their place.

    `role` is a number of `OWN_ROLES`, NOWHERE where nothing is stored; then `values`, which are
    `predicted` and the ends of the intervals, the widest first, are NaN. The texts of `note` are of
    the rows `noted`, none of which was new then. `has_training` says whether it stored any training
    row, of tonight or not.
    """

    role: NDArray[np.int8]
    values: dict[str, Array]
    noted: Indices
    note: Texts
    has_training: bool

    def notes(self, number: Indices) -> Values:
        """Return the notes of some rows (m,), whose numbers ascend."""
        note: Values = np.full(len(number), None, dtype=object)
        if number.size:
            begin, end = np.searchsorted(self.noted, [number[0], number[-1] + 1])
            at = np.searchsorted(number, self.noted[begin:end])
            of_these = number[at] == self.noted[begin:end]
            note[at[of_these]] = self.note[begin:end][of_these].tolist()
        return note


def _own(model: StoredModel, keys: Texts) -> _Own:
    """Return what the model's own run stored of the rows with these keys (n,)."""
    role = np.full(len(keys), NOWHERE, dtype=np.int8)
    levels = len(model.artifact.intervals.levels) if model.artifact.intervals else 1
    names = ("predicted", *ENDS[: 2 * levels])
    values = {name: np.full(len(keys), np.nan) for name in names}
    noted, notes = [np.empty(0, dtype=np.int64)], [pa.array([], pa.large_string())]
    has_training, end = False, 0
    for batch in model.own():
        at, end = _places(Texts.of(batch.key), keys, end)
        found = np.flatnonzero(at != NOWHERE)
        number = at[found]
        role[number] = [OWN_ROLES.index(word) for word in np.asarray(batch.role)[found]]
        for name, column in values.items():
            if (stored := getattr(batch, name)) is not None:
                column[number] = stored[found]
        if batch.note is not None:
            note = Texts.of(batch.note)[found]
            has = ~np.asarray(note.values.is_null()) & (role[number] != NEW)
            noted.append(number[has])
            notes.append(note[has].values)
        has_training |= bool(batch.is_training.any())
        report(end / max(len(keys), 1) / 2, f"{end:,} of {len(keys):,} rows read")
        release_mapped()
    texts = Texts.of(pa.chunked_array(notes))
    return _Own(role, values, np.concatenate(noted), texts, has_training)


def _places(some: Texts, others: Texts, begin: int) -> tuple[Indices, int]:
    """Return where texts (n,) are among others, from `begin` on, and where that ends.

    NOWHERE if they are not there. All are in their order, and those that follow are after the end.
    """
    end = others.first_above(some[-1], range(len(others)), begin)
    at = some.positions_in(others[begin:end])
    at[at != NOWHERE] += begin
    return at, end


def _unstored(model: StoredModel, own: _Own, role: Indices, then: Indices, target: Array) -> Mask:
    """Return which rows (n,) it was trained with, or may have been, but stored nothing for.

    `then` are their places among the rows of its run. A row that has no target tonight is predicted
    also where it is not known what it was then.
    """
    if own.has_training:
        return np.zeros(len(role), dtype=bool)
    may_be = ~np.isnan(target) if model.trained_on is None else then != NOWHERE
    unstored: Mask = (role == NOWHERE) & may_be
    return unstored


def _predicted_again(
    model: StoredModel,
    source: SnapshotRows,
    own: _Own,
    number: Indices,
    differ: Mapping[str, Mask],
) -> Values:
    """Put the predictions of rows that are new, or have changed, into `own`; return the notes (m,).

    `differ` are the rows (m,) in which each feature has changed.
    """
    role, note = own.role[number], own.notes(number)
    changed = _any(differ, len(number))
    for part, fitted in (
        (role == NEW, model.artifact),
        (changed & (role == TRAIN), model.artifact),
        (changed & (role == TEST), model.twin),
    ):
        if part.any():
            chosen, weight = number[part], source.rows.weight
            columns = {name: source.coded(name) for name in fitted.features}
            again = fitted.predicted(
                {name: coded.taken(chosen) for name, coded in columns.items() if coded is not None},
                None if weight is None else weight[chosen],
            )
            for values, value in zip(own.values.values(), (again.value, *again.ends), strict=False):
                values[chosen] = value
            note[part] = again.note
    for row in np.flatnonzero(changed & (role != WARMUP)):
        names = ", ".join(name for name, differs in differ.items() if differs[row])
        note[row] = "; ".join(filter(None, [note[row], f"{names} {CHANGED}"]))
    return note


def _any(differ: Mapping[str, Mask], rows: int) -> Mask:
    changed: Mask = np.any([*differ.values(), np.zeros(rows, dtype=bool)], axis=0)
    return changed


def _taken(values: Values, kept: Mask) -> Values:
    return values if kept.all() else values[kept]


def _unstored_warning(model: StoredModel, missing: int, *, with_training: bool) -> Iterator[str]:
    """Yield a sentence if rows that should have a prediction of the model have none."""
    is_known = model.trained_on is not None
    if not missing or (is_known and not with_training):
        return
    rows, has = ("1 row", "has") if missing == 1 else (f"{missing:,} rows", "have")
    was = "was" if is_known else "may have been"
    next_one = " They get one from the next model that serves." if with_training else ""
    yield (
        f"{rows} that {model.name} {was} trained with {has} no prediction, since its run stored"
        f" those of new rows and test rows alone.{next_one}"
    )


def _differing(
    model: StoredModel, source: SnapshotRows, then: Indices, number: Indices, role: Indices
) -> dict[str, Mask]:
    """Return the rows (m,) of tonight in which each feature has changed, if it has in any.

    `then` are their places among the rows of the model's run, `number` those in `source`. A row
    that was new then, or is now, is not compared.
    """
    compared = np.flatnonzero((role != NEW) & (then != NOWHERE))
    if model.trained_on is None or not compared.size:
        return {}
    at, now = then[compared], number[compared]
    found = {}
    for name in model.artifact.features:
        differs = np.zeros(len(number), dtype=bool)
        differs[compared] = _differ(model.trained_on.coded(name), source.coded(name), at, now)
        if differs.any():
            found[name] = differs
    return found


def _differ(before: Coded | None, now: Coded | None, at: Indices, rows: Indices) -> Mask:
    if before is None or now is None:
        return np.full(len(rows), now is not None, dtype=bool)
    old, new = before.taken(at), now.taken(rows)
    if old.dtype.kind != new.dtype.kind:
        return np.ones(len(rows), dtype=bool)
    missing = (old != old) & (new != new)  # noqa: PLR0124 (NaN and NaT differ from themselves)
    differs: Mask = (old != new) & ~missing
    return differs


@dataclass
class _Changes:
    """In how many rows features have changed, the key of the first of them, and which features."""

    count: int = 0
    first: str | None = None
    names: set[str] = field(default_factory=set)

    def add(self, differ: Mapping[str, Mask], keys: Texts, number: Indices) -> None:
        """Add rows (m,) with these numbers, in which each feature differs or not."""
        rows = number[_any(differ, len(number))]
        if rows.size and self.first is None:
            self.first = keys[int(rows[0])]
        self.count += rows.size
        self.names |= differ.keys()


def _warnings(model: StoredModel, changes: _Changes) -> tuple[str, ...]:
    if model.trained_on is None:
        return (
            f"The rows that {model.name} was trained with no longer exist, or are damaged, so it is"
            " not known whether their features have changed: its predictions of them are those of"
            " its own run.",
        )
    if not changes.count:
        return ()
    changed = [name for name in model.artifact.features if name in changes.names]
    names = ", ".join(changed[:MAX_NAMES]) + (", ..." if len(changed) > MAX_NAMES else "")
    rows = "1 row has" if changes.count == 1 else f"{changes.count:,} rows have"
    return (
        f"{rows} changed since {model.name} was trained ({names}; the first has key"
        f" {changes.first}): predicted again, with a note.",
    )
