"""A model that learned from a file as a night would, and what it predicts for files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.checks.check import check
from data.declarations.model import Declaration
from data.sources.keys import row_keys
from data.sources.read import read
from data.sources.snapshot import load, readings_of
from data.store.read.champions import ServingModel
from data.store.records import SourceColumnRecord
from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.intervals.intervals import Intervals
from regressors.model import LinearMember, Model, NetworkMember
from regressors.network.recipe import start_arrays
from regressors.predicted import Predicted
from tasks.run.rows import SnapshotRows
from tasks.score import scoring


@dataclass(frozen=True)
class Scored:
    """What is predicted for each row of a file: its key as text, and what stands beside it."""

    keys: list[str | None]
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    note: list[str | None]
    warnings: tuple[str, ...]
    table: pa.Table


@dataclass(frozen=True)
class Learned:
    """A model, what is stored of it, and the rows that it was fitted on, sorted by key."""

    serving: ServingModel
    columns: tuple[SourceColumnRecord, ...]
    rows: SnapshotRows

    def scored(self, source: Path) -> Scored:
        """Return what `nightfit predict` finds in a file."""
        with scoring(self.serving, self.columns, str(source), stored=lambda: self.rows) as rows:
            table = pa.Table.from_batches(rows.batches(), rows.schema)
        key = table.column_names[: table.column_names.index("predicted")]
        value, lower, upper, note, _ = table.columns[len(key) :]
        return Scored(
            row_keys(table, key),
            value.to_numpy(),
            lower.to_numpy(),
            upper.to_numpy(),
            note.to_pylist(),
            tuple(rows.warnings),
            table,
        )

    def predicted(self) -> Predicted:
        """Return what a night predicts for the rows that the model was fitted on."""
        everything = np.ones(len(self.rows.rows.keys), dtype=bool)
        model = Model.from_bytes(self.serving.artifact or b"")
        columns = self.rows.columns(model.features, everything)
        return model.predicted(columns, self.rows.rows.weight)


def learned(declaration: Declaration, folder: Path, *, network: bool = False) -> Learned:
    """Read, check and encode a source as a night does; the weights of the model are random."""
    snapshot = read(declaration, folder=folder / "snapshots")
    checked = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    assert checked.passed, checked.reason
    rows = SnapshotRows(declaration, snapshot, checked.kept, checked.inputs)
    labelled = ~np.isnan(rows.rows.target)
    encoding = Encoding.fit(
        rows.columns(checked.inputs, labelled),
        products=checked.products,
        declared_parts=checked.time_parts,
    )
    model = random_model(encoding, rows.columns(checked.inputs, labelled), network=network)
    serving = ServingModel(
        dataset=declaration.name,
        model_id=1,
        run_id=1,
        framework="torch",
        kind=model.candidate.kind,
        test_rmse=None,
        test_rmse_low=None,
        test_rmse_high=None,
        test_r2=None,
        n_train=int(labelled.sum()),
        artifact=model.to_bytes(),
        twin=model.to_bytes(),
        snapshot=None,
        rows_read=snapshot.rows,
        fingerprint=snapshot.fingerprint,
        setup_fingerprint=None,
        data_until=None,
        train_until=None,
        declaration=declaration.model_dump_json(),
    )
    return Learned(serving, checked.columns, rows)


def random_model(encoding: Encoding, columns: dict, *, network: bool) -> Model:
    rng = np.random.default_rng(7)
    if not network:
        estimates = rng.normal(size=len(encoding.term_names()))
        members: tuple = (LinearMember(encoding, estimates),)
        return Model(
            Candidate("torch", "least_squares"), members, intervals=Intervals.constant(1.5, 0.9)
        )
    layers = start_arrays(rng, encoding.network(columns).shape[1], (16, 8))
    ridge = rng.normal(size=encoding.standardised(columns).shape[1])
    member = NetworkMember(encoding, np.array([10.0, 2.0, 0.1]), ridge, tuple(layers))
    return Model(
        Candidate("torch", "ann"), (member, member), intervals=Intervals.constant(1.5, 0.9)
    )


def csv_of(columns: dict[str, list[str]]) -> str:
    """Return columns of texts as a CSV file; texts with a comma need quotes of their own."""
    lines = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *map(",".join, lines), ""])
