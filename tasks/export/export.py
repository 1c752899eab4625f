"""Export the model of a dataset: write it, run what was written, and compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data.connections.table_name import TableName, table_name
from data.declarations.model import Declaration
from data.errors import CallError, listed
from data.sources.made_keys import CONTENT, ROW
from data.store.read.champions import ServingModel
from regressors.description import weights_of
from regressors.predicted import Predicted
from tasks.export.engines import in_duckdb, in_onnx_runtime, in_sqlite
from tasks.export.graph.builder import MissingExtra, require_onnx
from tasks.export.graph.model import onnx_model
from tasks.export.proof import LINEAR, NETWORK, Proof, proved
from tasks.export.proof_rows import ProofRows, proof_rows
from tasks.export.readable_json import readable
from tasks.export.routed import (
    Segments,
    models_in,
    routed_description,
    types_in,
    weights_in,
)
from tasks.export.sql.dialects import DUCKDB, FUNCTIONS, POSTGRESQL, SQLITE, Dialect
from tasks.export.sql.query import MAX_WEIGHTS, Query, query
from tasks.run.loading import declared
from tasks.run.routed_model import RoutedModel

Format = Literal["onnx", "sql", "json"]
MAX_PRODUCTS = 20_000_000
"""Of weights and rows in a proof by SQL; more would take longer than some seconds."""


@dataclass(frozen=True)
class Exported:
    """What was exported, and sentences on how it was proved and what it needs."""

    content: bytes
    notes: tuple[str, ...]


class Export:
    """A stored model, ready to be written in other forms; `home` has the snapshot of its run.

    `segments` are models that serve single segments in its place.
    """

    def __init__(self, serving: ServingModel, home: Path, segments: Segments = ()) -> None:
        self.serving, self.home = serving, home
        self.routed = RoutedModel.of(serving, segments)
        self.models = (self.routed.model, *(route.model for route in self.routed.routes))
        self.declaration: Declaration = declared(serving)
        self.description = routed_description(self.routed, segments)
        self.types = types_in(self.description)
        is_weighted = any(model.mean_weight is not None for model in self.models)
        self.weight = self.declaration.weight if is_weighted else None
        self._rows: ProofRows | None = None

    @property
    def facts(self) -> dict[str, str]:
        """Return which model this is."""
        return {
            "dataset": self.serving.dataset,
            "target": self.declaration.target,
            "model": self.serving.name,
            "run_id": str(self.serving.run_id),
            "model_id": str(self.serving.model_id),
        }

    @property
    def carried(self) -> tuple[str, ...]:
        """Return the columns that stand beside the predictions: the key, or the inputs."""
        return tuple(self.types) if self.key_is_made else tuple(self.declaration.key)

    @property
    def key_is_made(self) -> bool:
        """Return whether nightfit made the key, so that no table has it."""
        return self.declaration.key in ((ROW,), (CONTENT,))

    @property
    def rows(self) -> ProofRows:
        """Return the rows on which what is exported is tried."""
        if self._rows is None:
            self._rows = proof_rows(
                self.models, self.description, self.serving, self.declaration, self.home
            )
        return self._rows

    def ours(self, rows: ProofRows) -> Predicted:
        """Return what nightfit predicts for rows."""
        weight = None if self.weight is None else rows.weight
        return self.routed.predicted(rows.columns, weight)[0]

    @property
    def notes(self) -> list[str]:
        """Return a sentence on what serves segments in place of the champion, if anything does."""
        routes = self.description.get("routes", ())
        if not routes:
            return []
        served = ", ".join(f"{len(route['segments']):,} by {route['model']}" for route in routes)
        return [
            f"Segments ({listed(self.routed.segment)}) predicted by models of their own: {served};"
            " all other rows, those of unknown segments included, are predicted by the champion,"
            f" {self.serving.name}."
        ]

    # ONNX

    def as_onnx(self) -> Exported:
        """Return the model as an ONNX file that ONNX Runtime has run."""
        require_onnx()
        content = onnx_model(self.description, self.facts, self.weight)
        theirs = in_onnx_runtime(content, self.description, self.rows, self.weight)
        proof = proved("ONNX Runtime", self.ours(self.rows), theirs, self.rows, NETWORK)
        return Exported(content, (str(proof), *self.notes))

    # SQL

    def query_of(
        self, dialect: Dialect, table: TableName, carried: Sequence[str], weight: str | None
    ) -> Query:
        """Return the query of the model over a table."""
        return query(self.description, dialect, table, carried, weight)

    def as_sql(self, dialect: Dialect, table: str | None) -> Exported:
        """Return the model as a query that its database has run, if it can be run here."""
        name = table_name(table or self.serving.dataset, "--table")
        made = self.query_of(dialect, name, self.carried, self.weight)
        notes = self.proved_in_sql(dialect)
        text = f"{self._header(dialect, made)}{made.text};\n"
        return Exported(text.encode(), (*notes, *self.notes, *self._needs(dialect, made)))

    def proved_in_sql(self, dialect: Dialect) -> list[str]:
        """Run the query of a dialect, or what comes nearest to it, and return sentences on it."""
        rows = self.proof_rows_in_sql()
        ours = self.ours(rows)
        if dialect is DUCKDB and _has_duckdb():
            theirs = in_duckdb(self._make, self.types, rows, self.weight)
            return [str(self.compared("DuckDB", ours, theirs, rows))]
        theirs, lacking = in_sqlite(self._make, self.types, rows, self.weight)
        notes = [str(self.compared("SQLite", ours, theirs, rows))]
        if lacking:
            notes.append(
                f"Python's SQLite lacks the functions {' and '.join(lacking)}: they were lent to it"
                " for this. The SQLite that runs the query needs them"
                " (SQLITE_ENABLE_MATH_FUNCTIONS)."
            )
        if dialect is not SQLITE:
            how = (
                "'--install URL' proves it on your server"
                if dialect is POSTGRESQL
                else "with 'pip install \"nightfit[duckdb]\"' it is proved in DuckDB"
            )
            notes.append(
                f"That was the query in SQLite's words; {dialect.shown}'s own was not run: {how}."
            )
        return notes

    def proof_rows_in_sql(self) -> ProofRows:
        """Return so many rows that SQL predicts them in some seconds."""
        weights = weights_in(self.description)
        return self.rows.thinned(MAX_PRODUCTS // weights) if weights else self.rows

    def compared(self, engine: str, ours: Predicted, theirs: Any, rows: ProofRows) -> Proof:
        """Return the proof that a database predicts what nightfit does."""
        are_lines = all(model["kind"] != "ann" for model in models_in(self.description))
        allowed = LINEAR if are_lines else NETWORK
        return proved(engine, ours, theirs, rows, allowed)

    def _make(self, dialect: Dialect, table: str, carried: Sequence[str]) -> Query:
        return self.query_of(dialect, TableName(table), carried, self.weight)

    @property
    def make(self) -> Any:
        """Return the function that makes the query over the table of a proof."""
        return self._make

    def _header(self, dialect: Dialect, made: Query) -> str:
        facts = self.facts
        lines = [
            f"{facts['target']} of {facts['dataset']}, predicted by {facts['model']} of run"
            f" {facts['run_id']} (model {facts['model_id']}), for {dialect.shown}.",
            *self.notes,
            f"Columns: {', '.join(made.columns)}.",
        ]
        return "".join(f"-- {' '.join(line.split())}\n" for line in lines)

    def _needs(self, dialect: Dialect, made: Query) -> list[str]:
        if dialect is not SQLITE:
            return []
        needs = []
        if any(f"{name}(" in made.text for name in FUNCTIONS):
            needs.append(
                "The query needs SQLite 3.35 or later with its math functions"
                " (SQLITE_ENABLE_MATH_FUNCTIONS), which most builds have."
            )
        if "json_each(" in made.text:
            needs.append(
                "The query needs SQLite's JSON functions, which all builds have since 3.38."
            )
        return needs

    # JSON

    def as_json(self) -> Exported:
        """Return the description of the model as JSON, proved by what is written from it."""
        content = {**self.facts_in_json(), **self.description}
        notes = (*self._proved_in_json(), *self.notes)
        return Exported(f"{readable(content)}\n".encode(), notes)

    def _proved_in_json(self) -> Sequence[str]:
        if all(weights_of(model) <= MAX_WEIGHTS for model in models_in(self.description)):
            return [*self.proved_in_sql(SQLITE)[:1], "That was the description as a query."]
        try:
            return [*self.as_onnx().notes[:1], "That was the description as an ONNX file."]
        except (MissingExtra, CallError) as error:
            return [f"The description was not run, because {error}"]

    def facts_in_json(self) -> Mapping[str, Any]:
        """Return which model this is, with numbers as numbers."""
        return {
            **self.facts,
            "run_id": self.serving.run_id,
            "model_id": self.serving.model_id,
            "key": list(self.declaration.key),
            "weight": self.weight,
        }


def _has_duckdb() -> bool:
    try:
        import duckdb  # noqa: F401
    except ImportError:
        return False
    return True
