"""The rows on which an exported model must predict what nightfit does: real ones, and odd ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.declarations.model import Declaration
from data.sources.stored_columns import StoredColumns
from data.store.read.champions import ServingModel
from regressors.arrays import Array, Columns, Values
from regressors.model import Model
from tasks.export.routed import models_in, segments_in, types_in
from tasks.run.kept_columns import KeptColumns

MAX_ROWS = 20_000
"""Rows of a snapshot that are tried, evenly spread over it."""
MADE_ROWS, MADE_ALONE = 200, 2_000
"""Rows that are made at random; the second where the snapshot is gone."""
MISSING_SHARE = 0.1
FIRST, LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31", "us")
"""The times that databases and Python have."""
UNSEEN = "a level that training never had"
_MISSING: dict[str, Any] = {
    "number": np.nan,
    "category": None,
    "boolean": None,
    "time": np.datetime64("NaT", "us"),
}


@dataclass(frozen=True)
class ProofRows:
    """n rows and their weights, NaN where unknown; `snapshot` of them are of the snapshot's."""

    columns: Columns
    weight: Array
    snapshot: int
    snapshot_rows: int

    def __len__(self) -> int:
        return len(self.weight)

    def thinned(self, most: int) -> "ProofRows":
        """Return about `most` rows or fewer, those that are not of the snapshot among them."""
        kept = np.ones(len(self), dtype=bool)
        kept[: self.snapshot] = False
        kept[_spread(self.snapshot, max(most - len(self) + self.snapshot, 0))] = True
        return ProofRows(
            {name: values[kept] for name, values in self.columns.items()},
            self.weight[kept],
            int(kept[: self.snapshot].sum()),
            self.snapshot_rows,
        )


def proof_rows(
    models: Sequence[Model],
    description: Mapping[str, Any],
    serving: ServingModel,
    declaration: Declaration,
    home: Path,
) -> ProofRows:
    """Return rows of the snapshot of a model's run, made rows, and a row for each odd thing.

    `models` are that model and those that serve segments in its place. Odd things are: each column
    missing, each category with an unseen level, each number far outside.
    """
    types = types_in(description)
    real, weight = _of_snapshot(serving, declaration, home, types)
    usable = _usable(real, len(weight))
    chosen = np.flatnonzero(usable)[_spread(int(usable.sum()), MAX_ROWS)]
    real = {name: values[chosen] for name, values in real.items()}
    made = _made(models, description, types, MADE_ROWS if len(chosen) else MADE_ALONE)
    odd = _odd(real if len(chosen) else made, types)
    columns = {
        name: np.concatenate([real[name], made[name], odd[name]]).astype(made[name].dtype)
        for name in types
    }
    rows = len(next(iter(columns.values()))) if columns else len(chosen)
    of_weight = np.full(rows, np.nan)
    of_weight[: len(chosen)] = weight[chosen]
    rng = np.random.default_rng(2)
    more = rows - len(chosen)
    of_weight[len(chosen) :] = np.where(rng.random(more) < 0.5, rng.exponential(1, more), np.nan)
    if declaration.weight in types:
        of_weight = columns[declaration.weight]
    # The models were fitted with these as well, but do not use them.
    features = [name for model in models for name in model.features]
    unused = {name: np.zeros(rows) for name in features if name not in types}
    return ProofRows({**columns, **unused}, of_weight, len(chosen), len(weight))


def _of_snapshot(
    serving: ServingModel, declaration: Declaration, home: Path, types: Mapping[str, str]
) -> tuple[dict[str, Values], Array]:
    """Return the columns of the snapshot and the weights; none where it is gone."""
    path = None if serving.snapshot is None else home / serving.snapshot
    empty = {name: np.array([_MISSING[of_type]])[:0] for name, of_type in types.items()}
    if path is None or not path.is_file():
        return empty, np.empty(0)
    stored = StoredColumns(path)
    reader = KeptColumns(stored, np.ones(stored.num_rows, dtype=bool), declaration)
    if len(reader.present([*types])) < len(types):
        return empty, np.empty(0)
    columns = {name: reader.column(name).taken() for name in types}
    weight = np.full(stored.num_rows, np.nan)
    if declaration.weight in stored.column_names:
        weight = reader.role(str(declaration.weight)).astype(float)
    return columns, weight


def _usable(columns: Columns, rows: int) -> Any:
    """Return which rows (n,) every program can have: no infinite number, no NUL in a text."""
    usable = np.ones(rows, dtype=bool)
    for values in columns.values():
        if values.dtype.kind == "f":
            usable &= ~np.isinf(values)
        elif values.dtype.kind == "M":
            usable &= np.isnat(values) | ((values >= FIRST) & (values <= LAST))
        else:
            blank = {text for text in set(values.tolist()) if text is not None and "\0" in text}
            if blank:
                usable &= ~np.isin(values, list(blank))
    return usable


def _spread(rows: int, most: int) -> Any:
    """Return the positions of `most` of some rows, evenly spread."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int))


def _made(
    models: Sequence[Model], description: Mapping[str, Any], types: Mapping[str, str], rows: int
) -> dict[str, Values]:
    """Return rows of numbers like those of training, and of every level in turn.

    All segments that a model treats apart are among them, or as many as there are rows.
    """
    rng = np.random.default_rng(1)
    members = [member for model in models for member in model.members]
    numbers = {number.name: number for m in members for number in m.encoding.numbers}
    columns: dict[str, Values] = {}
    for name, of_type in types.items():
        if of_type == "number":
            own = numbers.get(name)
            middle, sd = (own.median, own.sd) if own else (0.0, 1.0)
            values: Values = middle + sd * rng.normal(size=rows)
            values[::3] = np.round(values[::3])
        elif of_type == "time":
            values = FIRST + rng.integers(0, 2_000 * 365 * 86_400, rows).astype("m8[s]")
            values[::2] = np.datetime64("1960-01-01", "us") + rng.integers(
                0, 80 * 365 * 86_400 * 10**6, len(values[::2])
            ).astype("m8[us]")
        else:
            levels = _levels(description, name) if of_type == "category" else ["true", "false"]
            values = np.array([levels[i % len(levels)] for i in rng.permutation(rows)], object)
        values[rng.random(rows) < MISSING_SHARE] = _MISSING[of_type]
        columns[name] = values
    names, segments = segments_in(description)
    for number, at in enumerate(_spread(len(segments), rows)):
        for name, text in zip(names, segments[at], strict=True):
            columns[name][number] = text
    return columns


def _levels(description: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a category that a model knows."""
    found: dict[str, None] = {}
    names, segments = segments_in(description)
    if name in names:
        found |= dict.fromkeys(segment[names.index(name)] for segment in segments)
    models = list(models_in(description))
    for member in (member for model in models for member in model["members"]):
        for category in member["categories"]:
            if category["name"] == name:
                found |= dict.fromkeys(category["label_of"])
        for group in member.get("groups", ()):
            if name in group["columns"]:
                at = group["columns"].index(name)
                found |= dict.fromkeys(level[at] for level in group["levels"] if level[at])
    for interval in (model["interval"] for model in models):
        if interval is not None and interval["by"] == name:
            found |= dict.fromkeys(interval["groups"])
    return list(found) or [UNSEEN]


def _odd(columns: Columns, types: Mapping[str, str]) -> dict[str, Values]:
    changes: list[dict[str, Any]] = [{}]
    changes.append({name: _MISSING[of_type] for name, of_type in types.items()})
    for name, of_type in types.items():
        changes.append({name: _MISSING[of_type]})
        if of_type == "category":
            changes += [{name: UNSEEN}, {name: f'{UNSEEN}, it\'s "odd" ÄÖß%_\\'}]
        if of_type == "number":
            known = columns[name][~np.isnan(columns[name])]
            top = float(np.abs(known).max(initial=1.0))
            changes += [{name: 3 * top}, {name: -3 * top}]
    return {
        name: np.array(
            [
                change.get(name, columns[name][i % len(columns[name])])
                for i, change in enumerate(changes)
            ],
            dtype=columns[name].dtype,
        )
        for name in types
    }


def in_words(rows: ProofRows) -> str:
    """Return a phrase on which rows these are."""
    more = len(rows) - rows.snapshot
    if not rows.snapshot:
        return f"{more:,} made rows, since the snapshot is gone"
    share = "all" if rows.snapshot == rows.snapshot_rows else f"{rows.snapshot:,} of"
    return f"{share} {rows.snapshot_rows:,} rows of the snapshot and {more:,} made rows"
