"""The parts of a declaration that say where its results go: in the store, and elsewhere."""

import warnings
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from data.connections.table_name import table_name
from data.declarations.sections import Section
from data.declarations.sql_source import DatabaseUrl, SqlSource
from data.errors import DeclarationMistake, OutputError, quoted

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of `schema`, a method that pydantic no longer wants used

    class Results(Section):
        """The table of a dataset's results in the store."""

        table: Name | None = Field(
            default=None,
            description="The name of the table with the champion's predictions. If it is not set,"
            " `predicted_` and the dataset's name, in small letters and with `_` for `-`.",
        )
        schema: Name | None = Field(  # type: ignore[assignment]
            default=None,
            description="The schema of PostgreSQL that the table is in, made if it is not there. If"
            " it is not set, that of the store; SQLite has no schemas, and leaves it out.",
        )

        @field_validator("table", "schema")
        @classmethod
        def _is_a_name(cls, name: str | None) -> str | None:
            if name is not None and (not name.isprintable() or name != name.strip()):
                raise DeclarationMistake(
                    f"{quoted(name)} begins or ends with a blank, or has a character that cannot be"
                    " printed"
                )
            return name


class Output(Section):
    """A table of another database that gets the same rows after each run."""

    url: DatabaseUrl = Field(
        description="The database, written as the `url` of a source, secrets included: for example"
        " `postgresql://night:${PASSWORD}@host/name`."
    )
    table: Annotated[str, Field(min_length=1)] = Field(
        description="The table, `name` or `schema.name`: made if it is not there, and else with the"
        " same columns. All its rows are replaced."
    )

    @field_validator("url")
    @classmethod
    def _is_understood(cls, url: DatabaseUrl, info: ValidationInfo) -> DatabaseUrl:
        return SqlSource.understood(url, info)

    @field_validator("table")
    @classmethod
    def _is_a_table(cls, name: str) -> str:
        try:
            table_name(name, "")
        except OutputError as error:
            raise DeclarationMistake(error.what.rstrip("."), error.next_step) from None
        return name

    @property
    def shown(self) -> str:
        """Return the words by which messages name the table, without any secret."""
        return f"table {quoted(self.table)} of {self.url.shown}"
