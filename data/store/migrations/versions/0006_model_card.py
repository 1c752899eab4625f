"""What a champion was trained on and made by, in plain columns, and the view that shows it."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

new_names = ("model_card",)

MODEL_CARD = """
SELECT champion.dataset, champion.run_id, champion.model_id, champion.framework, champion.kind,
  CASE WHEN champion.kind = 'ann' THEN run.hidden_layers END AS hidden_layers, champion.since,
  run.finished_at AS trained_at, run.as_of, run.target, run.features, run.rows_read,
  champion.n_train, run.rows_test AS n_test, run.period_from, run.period_until,
  validation.rmse AS validation_rmse, champion.test_rmse, champion.test_rmse_low,
  champion.test_rmse_high, champion.test_r2, run.interval_level, test.coverage, model.seed,
  run.fingerprint, run.setup_fingerprint, run.nightfit_version, run.python_version,
  run.numpy_version, model.framework_version
FROM champion
JOIN run ON run.run_id = champion.run_id
JOIN model ON model.model_id = champion.model_id
LEFT JOIN score AS validation ON validation.run_id = champion.run_id
  AND validation.model_id = champion.model_id AND validation.rows = 'validation'
LEFT JOIN score AS test ON test.run_id = champion.run_id
  AND test.model_id = champion.model_id AND test.rows = 'test'
ORDER BY champion.dataset
"""

COLUMNS = {
    "target": sa.Text(),
    "features": sa.Text(),
    "hidden_layers": sa.Text(),
    "interval_level": sa.Double(),
    "period_from": sa.Text(),
    "period_until": sa.Text(),
    "nightfit_version": sa.Text(),
    "python_version": sa.Text(),
    "numpy_version": sa.Text(),
}
FRAMEWORKS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "torch": ("torch",),
    "theano": ("theano-pymc",),
}


def upgrade() -> None:
    """Add the columns, filled where a run's JSON tells them, an index and the view; frozen here."""
    for name, kind in COLUMNS.items():
        op.add_column("run", sa.Column(name, kind))
    op.add_column("model", sa.Column("framework_version", sa.Text()))
    op.create_index(op.f("ix_outcome_key"), "outcome", ["key"])
    _fill(op.get_bind())
    op.execute(f"CREATE VIEW model_card AS{MODEL_CARD}")


def _fill(connection: sa.Connection) -> None:
    run = sa.table("run", *map(sa.column, ("run_id", *COLUMNS)))
    model = sa.table(
        "model", *map(sa.column, ("run_id", "framework", "status", "framework_version"))
    )
    stored = sa.text(
        "SELECT run_id, declaration, CAST(library_versions AS TEXT) FROM run"
        " WHERE declaration IS NOT NULL OR library_versions IS NOT NULL"
    )
    for run_id, declaration, versions in connection.execute(stored).all():
        libraries = json.loads(versions) if versions else {}
        known = _known(json.loads(declaration) if declaration else {}, libraries)
        connection.execute(run.update().where(run.c.run_id == run_id).values(**known))
        for framework, packages in FRAMEWORKS.items():
            version = next((libraries[one] for one in packages if one in libraries), None)
            fitted = (model.c.framework == framework) & (model.c.status == "fitted")
            if version is not None:
                connection.execute(
                    model.update()
                    .where(model.c.run_id == run_id, fitted)
                    .values(framework_version=version)
                )


def _known(declared: dict[str, Any], libraries: dict[str, str]) -> dict[str, Any]:
    cells = declared.get("ann", {}).get("hidden", ())
    return {
        "target": declared.get("target"),
        "features": ", ".join(declared.get("features") or ()) or None,
        "hidden_layers": ", ".join(map(str, cells)) or None,
        "interval_level": declared.get("interval"),
        "nightfit_version": libraries.get("nightfit"),
        "numpy_version": libraries.get("numpy"),
    }
