"""Models as `nightfit export` gets them from the store, without one."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Connection

from data.declarations.model import Declaration
from data.store.read.champions import ServingModel
from regressors.model import Model
from tasks.export.engines import in_duckdb, in_onnx_runtime, in_postgresql, in_sqlite
from tasks.export.export import Export
from tasks.export.graph.model import onnx_model
from tasks.export.proof_rows import ProofRows

DECLARED = {
    "name": "made",
    "source": {"path": "made.csv"},
    "key": "No",
    "target": "y",
}


def exporting(
    model: Model,
    home: Path,
    snapshot: str | None = None,
    routes: Sequence[tuple[Model, Sequence[str]]] = (),
    **declared,
) -> Export:
    """Return the export of a model that serves; `snapshot` is a path in the home.

    `routes` are models that serve segments in its place, with the names of these.
    """
    declaration = Declaration.model_validate({**DECLARED, **declared})
    segments = [
        (serving_model(own, declaration, snapshot, 8 + i), names)
        for i, (own, names) in enumerate(routes)
    ]
    return Export(serving_model(model, declaration, snapshot), home, segments)


def predicted_by(program: str, export: Export, rows: ProofRows, postgres: Callable[[], Connection]):
    """Return what an export predicts for rows in a program that runs it."""
    if program == "onnx":
        content = onnx_model(export.description, {}, export.weight)
        return in_onnx_runtime(content, export.description, rows, export.weight)
    if program == "sqlite":
        return in_sqlite(export.make, export.types, rows, export.weight)[0]
    if program == "duckdb":
        return in_duckdb(export.make, export.types, rows, export.weight)
    return in_postgresql(postgres(), export.make, export.types, rows, export.weight)


def serving_model(
    model: Model, declaration: Declaration, snapshot: str | None, model_id: int = 7
) -> ServingModel:
    """Return a model as the store has it."""
    return ServingModel(
        dataset=declaration.name,
        model_id=model_id,
        run_id=3,
        framework=model.candidate.framework,
        kind=model.candidate.kind,
        test_rmse=None,
        test_rmse_low=None,
        test_rmse_high=None,
        test_r2=None,
        n_train=None,
        artifact=model.to_bytes(),
        twin=None,
        snapshot=snapshot,
        rows_read=None,
        fingerprint=None,
        setup_fingerprint=None,
        data_until=None,
        train_until=None,
        declaration=declaration.model_dump_json(),
    )
