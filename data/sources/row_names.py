"""A first column without a name: R and pandas write the names of the rows like that."""

from collections.abc import Sequence

from data.declarations.model import Declaration
from data.sources.undeclared import needed_names

ROW_NAME = "row_name"
"""What a declaration calls a first column without a name."""

NAMED_ROWS = f"Column 1 has no name, as the names of rows have none, and is called {ROW_NAME!r}."


def with_row_names(names: Sequence[str], declaration: Declaration) -> list[str]:
    """Return the names of columns, `ROW_NAME` for the first one if it alone has none.

    It has that name only where the declaration uses it, or there is none yet.
    """
    first, *others = names or [""]
    is_open = not needed_names(declaration) or ROW_NAME in declaration.named_columns()
    if first or not others or not others[0] or ROW_NAME in others or not is_open:
        return list(names)
    return [ROW_NAME, *others]
