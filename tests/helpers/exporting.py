"""Models as `nightfit export` gets them from the store, without one."""

from pathlib import Path

from data.declarations.model import Declaration
from data.store.read.champions import ServingModel
from regressors.model import Model
from tasks.export.export import Export

DECLARED = {
    "name": "made",
    "source": {"path": "made.csv"},
    "key": "No",
    "target": "y",
}


def exporting(model: Model, home: Path, snapshot: str | None = None, **declared) -> Export:
    """Return the export of a model that serves; `snapshot` is a path in the home."""
    declaration = Declaration.model_validate({**DECLARED, **declared})
    return Export(serving_model(model, declaration, snapshot), home)


def serving_model(model: Model, declaration: Declaration, snapshot: str | None) -> ServingModel:
    """Return a model as the store has it."""
    return ServingModel(
        dataset=declaration.name,
        model_id=7,
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
