"""The views' meanings as PostgreSQL's comments, so that any tool shows them beside the data."""

from sqlalchemy import Connection, text

from data.store.views import VIEWS

STORED_COMMENTS = """
SELECT class.relname, attribute.attname, description.description
FROM pg_description AS description
JOIN pg_class AS class ON class.oid = description.objoid
LEFT JOIN pg_attribute AS attribute
  ON attribute.attrelid = class.oid AND attribute.attnum = nullif(description.objsubid, 0)
WHERE description.classoid = 'pg_class'::regclass AND class.relkind = 'v'
  AND pg_table_is_visible(class.oid)
"""


def write_comments(connection: Connection) -> None:
    """Write the comments that differ from the code's on PostgreSQL; elsewhere do nothing."""
    if connection.dialect.name != "postgresql":
        return
    stored = {
        (view, column): words for view, column, words in connection.execute(text(STORED_COMMENTS))
    }
    wanted: dict[tuple[str, str | None], str] = {}
    for name, view in VIEWS.items():
        wanted[name, None] = view.grain
        wanted |= {(name, column): meaning for column, meaning in view.meanings.items()}
    statements = [
        f"COMMENT ON {_object(view, column)} IS {_literal(words)}"
        for (view, column), words in wanted.items()
        if stored.get((view, column)) != words
    ]
    if statements:
        verbatim = {"no_parameters": True}  # otherwise the driver takes a % for a parameter
        connection.exec_driver_sql("; ".join(statements), execution_options=verbatim)


def _object(view: str, column: str | None) -> str:
    return f"VIEW {view}" if column is None else f'COLUMN {view}."{column}"'


def _literal(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
