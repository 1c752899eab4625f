"""Checksums of what is stored, and the checks of the whole database."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from data.store.column_types import JsonValue, UtcTime
from data.store.tables.base import metadata
from data.store.tables.runs import run

checksum = Table(
    "checksum",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("table_name", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "table_name"),
    comment=(
        "One table's rows of one run as they were stored: how many, and their SHA-256. A table of"
        " which rows were pruned has none."
    ),
)

# No foreign keys, for the reason given at `prediction`.
prediction_checksum = Table(
    "prediction_checksum",
    metadata,
    Column("model_id", Integer, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    PrimaryKeyConstraint("model_id", "run_id"),
    comment="One model's predictions of the rows of one run: how many, and their SHA-256.",
)

database_check = Table(
    "database_check",
    metadata,
    Column("check_id", Integer, primary_key=True),
    Column("checked_at", UtcTime, nullable=False),
    Column("findings", JsonValue, nullable=False),
    comment="One check of the whole database, and what it found wrong.",
    sqlite_autoincrement=True,
)
