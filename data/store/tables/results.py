"""Where the results of each dataset are: a table of its own in the store, and one elsewhere."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from data.store.column_types import JsonValue, UtcTime
from data.store.tables.base import metadata

result_table = Table(
    "result_table",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("schema_name", Text),
    Column("table_name", Text, nullable=False),
    Column("key_columns", JsonValue, nullable=False),
    Column("model_id", Integer, nullable=False),
    Column("run_id", Integer),
    Column("written_at", UtcTime, nullable=False),
    comment=(
        "One table that nightfit has made for the results of a dataset, and may therefore replace:"
        " its name, the columns of its key as [name, type], and the decision that it shows."
        " schema_name: NULL for that of the store."
    ),
)

output_delivery = Table(
    "output_delivery",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("place", Text, nullable=False),
    Column("promotion_id", Integer),
    Column("rows", BigInteger),
    Column("delivered_at", UtcTime),
    Column("failed_at", UtcTime),
    Column("reason", Text),
    comment=(
        "One table of another database that gets the results of a dataset: after which decision it"
        " was given them last, and if that is not the latest one, when and why it could not be"
        " given. place: its name without any secret."
    ),
)
