"""The part of a declaration that says where the rows are in a database: a table, or a query."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, GetCoreSchemaHandler, ValidationInfo, field_validator, model_validator
from pydantic_core import CoreSchema, core_schema

from data.connections.secrets import HOW, PLACEHOLDER
from data.declarations.sections import ReadBy, Section
from data.errors import DeclarationMistake, quoted, shortened

EXAMPLES = "Write for example postgresql://shop@host/shop, sqlite:///shop.db or ${SHOP_URL}."
MASK = "***"

IN_A_FILE = ("sqlite", "duckdb")
"""The databases that are a file, whose path follows three slashes."""

OF_FILES = ("file", "s3", "gs", "gcs", "az", "abfs", "http", "https", "ftp", "sftp", "memory")
"""How addresses of files begin, which belong under `path`."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:[+.][A-Za-z0-9_]+)*://")
USER = re.compile(r"(://[^:/?@]*):(.*)@", re.S)
OPTION = re.compile(r"([?&][^=&]*=)([^&]*)")
SECRET_OPTION = re.compile(r"pass|pwd|secret|token|key|credential", re.I)
MAX_SHOWN = 60
"""Characters of a query that a message repeats."""


def scheme_of(url: str) -> str:
    """Return the kind of database or place that a URL begins with, "" if it does not."""
    found = SCHEME.match(url)
    return found[1].lower() if found else ""


class DatabaseUrl:
    """The URL of a database as it was declared; whoever prints or stores it sees no password.

    `text` has the password, if one was declared, and `${NAME}` where a secret belongs.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        """Return the URL without its password and the values of its options, but with secrets."""
        place, sign, options = self._without_password().partition("?")
        return place + OPTION.sub(lambda found: found[1] + _masked(found[2]), sign + options)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatabaseUrl) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def shown(self) -> str:
        """Return the URL without its password and its options, as messages name it."""
        return self._without_password().partition("?")[0]

    @property
    def has_password(self) -> bool:
        """Return whether a password stands in the URL itself."""
        found = USER.search(self.text)
        options = OPTION.finditer(self.text)
        values = [each[2] for each in options if SECRET_OPTION.search(each[1])]
        values += [found[2]] if found else []
        return any(_masked(value) != value for value in values)

    def _without_password(self) -> str:
        return USER.sub(lambda found: f"{found[1]}:{_masked(found[2])}@", self.text)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def made(value: Any, check: Callable[[Any], str]) -> DatabaseUrl:
            return value if isinstance(value, cls) else cls(check(value))

        return core_schema.no_info_wrap_validator_function(
            made,
            core_schema.str_schema(min_length=1),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def _masked(text: str) -> str:
    """Return a text of secrets or of nothing as it is, and of any other one only that it is one."""
    return MASK if PLACEHOLDER.sub("", text) else text


class SqlSource(Section):
    """A table or a view of a database, or the rows of a query."""

    url: DatabaseUrl = Field(
        description="The database, as an SQLAlchemy URL such as `postgresql://user@host/name` or"
        " `sqlite:///shop.db`. `${NAME}` stands for a secret: an environment variable, or a Secret"
        " block of Prefect. A relative path of a file starts at the folder of the declaration."
    )
    table: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="The table or view of the database, `name` or `schema.name`. It, or `query`,"
        " must be set.",
    )
    query: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="A query of the database, in its own SQL, that gives the rows. It runs in a"
        " transaction that cannot write.",
    )
    read: ReadBy = "here"

    @field_validator("url")
    @classmethod
    def understood(cls, url: DatabaseUrl, info: ValidationInfo) -> DatabaseUrl:
        """Return a URL, that of a file with its absolute path; refuse one with a mistake."""
        text = url.text
        if not text.isprintable():
            raise DeclarationMistake(
                "it has a character that cannot be printed, perhaps a line break", EXAMPLES
            )
        if "${" in PLACEHOLDER.sub("", text):
            raise DeclarationMistake(
                "the name of a secret is made of letters, digits, _ and -", HOW
            )
        if text.startswith("${"):
            return url
        scheme = scheme_of(text)
        if not scheme:
            raise DeclarationMistake("this is not the URL of a database", EXAMPLES)
        if scheme in OF_FILES:
            raise DeclarationMistake(
                f"{scheme}:// is the address of a file, not of a database",
                "Write it under 'path'.",
            )
        if text.partition("?")[0].count("@") > 1:
            raise DeclarationMistake(
                "it has more than one @", "Write an @ in a user or a password as %40."
            )
        folder = (info.context or {}).get("folder", Path())
        return _absolute(url, folder) if scheme in IN_A_FILE else url

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.table is not None and self.query is not None:
            raise DeclarationMistake("it has both 'table' and 'query'", "Leave one of them out.")
        if self.table is None and self.query is None:
            raise DeclarationMistake(
                "it names a database, but neither 'table' nor 'query'",
                "Name a table, or write a query such as SELECT * FROM sales.",
            )
        return self

    @property
    def shown(self) -> str:
        """Return the words by which messages name the source, without any secret."""
        if self.table is not None:
            return f"table {quoted(self.table)} of {self.url.shown}"
        query = shortened(" ".join((self.query or "").split()), MAX_SHOWN)
        return f"query {query!r} on {self.url.shown}"


def _absolute(url: DatabaseUrl, folder: Path) -> DatabaseUrl:
    """Return the URL of a database in a file with an absolute path."""
    before, slashes, file = url.text.partition(":///")
    path, sign, options = file.partition("?")
    if not slashes or not path or path.startswith(("/", ":", "$", "file:", "md:")):
        return url
    whole = (folder / Path(path).expanduser()).absolute()
    return DatabaseUrl(f"{before}:///{whole}{sign}{options}")
