"""Databases as earlier versions made them, and what their views then show."""

from typing import Any

from alembic import command
from sqlalchemy import inspect, text

from data.store.database.engine import engine_on
from data.store.database.upgrades import alembic_config
from data.store.views import VIEWS

NIGHTS = """
INSERT INTO run (run_id, dataset, status, started_at, finished_at, rows_labelled, verdict, warnings)
VALUES
  (1, 'wages', 'succeeded', '2026-01-01 02:00:00', '2026-01-01 02:01:00', 2, 'yay', '["few rows"]'),
  (2, 'wages', 'rejected', '2026-01-02 02:00:00', '2026-01-02 02:01:00', NULL, NULL, '[]'),
  (3, 'sales', 'succeeded', '2026-01-02 03:00:00', '2026-01-02 03:01:00', 1, 'nay', '[]'),
  (4, 'wages', 'succeeded', '2026-01-03 02:00:00', '2026-01-03 02:01:00', 3, 'undecided', '[]');
INSERT INTO model (model_id, run_id, framework, kind, status, reason, rank, chosen, details)
VALUES
  (1, 1, 'torch', 'least_squares', 'fitted', 'the best', 1, TRUE, '{"rank": 2}'),
  (2, 3, 'theano', 'gradient_descent', 'fitted', 'the best', 1, TRUE, '{}'),
  (3, 4, 'torch', 'least_squares', 'fitted', 'the best', 1, TRUE, '{"r2": 0.30000000000000004}'),
  (4, 4, 'theano', 'ann', 'failed', 'time is up', NULL, FALSE, '{}');
INSERT INTO score (run_id, model_id, rows, rmse, mae, n)
VALUES
  (1, 1, 'validation', 0.1, 0.3, 2), (1, 1, 'test', 0.30000000000000004, 0.1, 2),
  (4, 3, 'validation', 1e-300, 0.3, 3), (4, 3, 'test', 2.5, 0.1, 3), (4, 1, 'test', 2.6, 0.1, 3);
INSERT INTO coefficient (model_id, position, term, estimate, standard_error, t, p, low, high)
VALUES
  (1, 1, 'intercept', 0.1, 2.5, 0.04, 0.97, -5.0, 5.2),
  (2, 1, 'price', -0.30000000000000004, NULL, NULL, NULL, NULL, NULL),
  (3, 1, 'intercept', 0.7, 0.1, 7.0, 1e-12, 0.5, 0.9),
  (3, 2, 'age', 0.30000000000000004, NULL, NULL, NULL, NULL, NULL);
INSERT INTO prediction (model_id, key, run_id, dataset, actual, predicted, lower, upper, role)
VALUES
  (1, 'a', 1, 'wages', 1.5, 1.25, 1.0, 2.0, 'train'),
  (1, 'b', 1, 'wages', NULL, 2.0, NULL, NULL, 'new'),
  (2, 'x', 3, 'sales', NULL, 0.30000000000000004, 0.0, 1.0, 'new'),
  (1, 'b', 4, 'wages', 2.25, 2.125, 2.0, 3.0, 'train');
INSERT INTO outcome (dataset, key, run_id, model_id, predicted, predicted_at, actual, realised_at,
  realised_run_id)
VALUES ('wages', 'b', 1, 1, 2.0, '2026-01-01 02:01:00', 2.25, '2026-01-03 02:01:00', 4);
INSERT INTO promotion (run_id, dataset, decided_at, decision, model_id, incumbent_model_id,
  challenger_model_id, gain, reason)
VALUES
  (1, 'wages', '2026-01-01 02:01:00', 'promoted', 1, NULL, NULL, NULL, 'the first'),
  (3, 'sales', '2026-01-02 03:01:00', 'promoted', 2, NULL, NULL, NULL, 'the first'),
  (4, 'wages', '2026-01-03 02:01:00', 'kept', 1, 1, 3, -0.1, 'the challenger is worse');
"""


def make(address: str, *, version: str, content: str) -> None:
    """Make a database as that version did, and write rows into it."""
    with engine_on(address, read_only=False) as engine, engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        for statement in filter(str.strip, content.split(";\n")):
            connection.execute(text(statement))


def answers(address: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every view that is there, each as column to value.

    Views without an order of their own have one here.
    """
    found = {}
    with engine_on(address, read_only=True) as engine, engine.connect() as connection:
        for name in sorted(set(inspect(connection).get_view_names()) & set(VIEWS)):
            order = "" if "ORDER BY" in VIEWS[name].select else " ORDER BY dataset, key"
            rows = connection.execute(text(f"SELECT * FROM {name}{order}"))
            found[name] = [dict(row) for row in rows.mappings()]
    return found
