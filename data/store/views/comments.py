"""The views' meanings as PostgreSQL's comments, so that any tool shows them beside the data."""

from sqlalchemy import Connection, text

from data.store.views import VIEWS

STANDING = """
SELECT class.relname, attribute.attname, description.description
FROM pg_description AS description
JOIN pg_class AS class ON class.oid = description.objoid
LEFT JOIN pg_attribute AS attribute
  ON attribute.attrelid = class.oid AND attribute.attnum = nullif(description.objsubid, 0)
WHERE description.classoid = 'pg_class'::regclass AND class.relkind = 'v'
  AND pg_table_is_visible(class.oid)
"""


def write_comments(connection: Connection) -> None:
    """Write on PostgreSQL the comments that are not as the code has them; elsewhere do nothing."""
    if connection.dialect.name != "postgresql":
        return
    standing = {(view, column): said for view, column, said in connection.execute(text(STANDING))}
    wanted: dict[tuple[str, str | None], str] = {}
    for name, view in VIEWS.items():
        wanted[name, None] = view.grain
        wanted |= {(name, column): meaning for column, meaning in view.meanings.items()}
    statements = [
        f"COMMENT ON {_object(view, column)} IS {_literal(said)}"
        for (view, column), said in wanted.items()
        if standing.get((view, column)) != said
    ]
    if statements:
        as_it_is = {"no_parameters": True}  # or the driver would look for parameters after a %
        connection.exec_driver_sql("; ".join(statements), execution_options=as_it_is)


def _object(view: str, column: str | None) -> str:
    return f"VIEW {view}" if column is None else f'COLUMN {view}."{column}"'


def _literal(said: str) -> str:
    return "'" + said.replace("'", "''") + "'"
