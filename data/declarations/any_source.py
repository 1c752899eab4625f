"""Where the rows of a dataset are: in files, or in a database, told by the keys of the mapping."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from data.declarations.source import PathSource
from data.declarations.sql_source import SqlSource
from data.errors import DeclarationMistake, quoted

KEYS = {PathSource: "path", SqlSource: "url"}
"""The key that only one kind of source has, and cannot do without."""


def _of_its_kind(value: Any, info: ValidationInfo) -> Any:
    """Return the source that a mapping declares; its mistakes are those of its own kind."""
    if isinstance(value, PathSource | SqlSource):
        return value
    if not isinstance(value, dict):
        raise DeclarationMistake("it should be a mapping", _as_mapping(value))
    if all(key in value for key in KEYS.values()):
        raise DeclarationMistake(
            "it has both 'path' and 'url'",
            "Write 'path' for a file, or 'url' for a database.",
        )
    is_database = "url" in value or ("path" not in value and ({"table", "query"} & {*value}))
    model, other = (SqlSource, PathSource) if is_database else (PathSource, SqlSource)
    for name in value:
        if name in other.model_fields and name not in model.model_fields:
            here = "a database" if is_database else "a file"
            there = "files" if is_database else "databases"
            raise DeclarationMistake(
                f"{quoted(name)} is for {there}, and this source is {here}", "Leave it out."
            )
    return model.model_validate(value, context=info.context)


def _as_mapping(value: Any) -> str:
    """Return how to write what is no mapping, without an address, which may have a secret in it."""
    if isinstance(value, str) and value.strip() and "://" not in value:
        return f"Write {{path: {quoted(value)}}}."
    return "Write {path: FILE} for a file or its address, or {url: DATABASE, table: NAME}."


Source = Annotated[PathSource | SqlSource, BeforeValidator(_of_its_kind)]
