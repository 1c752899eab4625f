"""The part of a declaration that says where the rows are: a file, several files, or a folder."""

import codecs
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_serializer, field_validator
from pydantic_core import PydanticCustomError

from data.declarations.address import Address, address_of, is_address
from data.declarations.sections import ReadBy, Section, WholeNumber
from data.errors import DeclarationMistake, quoted

PACKED = (".gz", ".zst", ".bz2", ".zip")
"""The endings of compressed files; what is in them is named by the ending before, or in the zip."""

TEXT_FILES = (".csv", ".tsv", ".tab", ".txt")
JSON_FILES = (".jsonl", ".ndjson", ".json")
ARROW_FILES = (".arrow", ".feather")
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
ENDINGS = (*TEXT_FILES, ".parquet", *ARROW_FILES, *JSON_FILES, *SPREADSHEETS)
"""The endings of all files that can be read, compressed or not."""

OF_TEXT = ("separator", "quote", "decimal", "thousands", "encoding")
OF_OPTION = {
    **dict.fromkeys(OF_TEXT, TEXT_FILES),
    "skip": (*TEXT_FILES, *SPREADSHEETS),
    "sheet": SPREADSHEETS,
}
"""The endings of the files that an option is for."""

OPTIONS = tuple(OF_OPTION)
MAX_SKIPPED = 10_000
Thousands = Literal[",", ".", "'", " ", ""]
Sign = Annotated[str, Field(max_length=1)]


def ending_of(path: PurePath | Address) -> str:
    """Return the ending that says what a file holds, "" if its name does not: a.csv.gz is CSV."""
    path = path.file if isinstance(path, Address) else path
    inner = path.with_suffix("") if is_packed(path) else path
    return inner.suffix.lower()


def is_packed(path: PurePath) -> bool:
    """Return whether a file is compressed, by its name."""
    return path.suffix.lower() in PACKED


class PathSource(Section):
    """A file, all files of a pattern, or a folder of files; their ending decides how they are read.

    What a text file is like (separator, encoding and so on) is told apart by looking, as far as it
    is not declared.
    """

    path: Path | Address = Field(
        description="The file to read, in a format that its ending names, such as `.csv` or"
        " `.parquet`; or a pattern such as `sales-*.csv`, or a folder, whose files are one table. A"
        " relative path starts at the folder of the declaration. It may be an address, such as"
        " `s3://bucket/sales.csv` or `https://host/sales.csv`, with `${NAME}` for what the"
        " environment or a Prefect Secret block has."
    )
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = Field(
        default=None,
        description="The character between the values of a text file. If it is not set, a comma,"
        " semicolon, tab or vertical bar, whichever gives the declared columns.",
    )
    quote: Sign | None = Field(
        default=None,
        description="The character around text of a text file, `''` for none. If it is not set,"
        " a double quote, or a single one if the header has those.",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description="What stands before the decimals of a text file. If it is not set, a point, or"
        " a comma in columns whose numbers can mean nothing else.",
    )
    thousands: Thousands | None = Field(
        default=None,
        description="What stands between the thousands of a text file: `,`, `.`, `'`, a space, or"
        " `''` for nothing. If it is not set, what the numbers of a column cannot do without.",
    )
    encoding: str | None = Field(
        default=None,
        description="The encoding of a text file, by a name that Python knows. If it is not set,"
        " UTF-8, UTF-16 or UTF-32, or latin-1 or windows-1252 where the text looks like it.",
    )
    skip: Annotated[WholeNumber, Field(ge=0, le=MAX_SKIPPED)] | None = Field(
        default=None,
        description="How many lines of a text file, or rows of a sheet, stand before the header."
        " If it is not set, those before the first one that has the declared columns.",
    )
    sheet: Annotated[str, Field(min_length=1)] | WholeNumber | None = Field(
        default=None,
        description="The sheet of a spreadsheet, by its name, or its number from 1. It must be"
        " set where there are several.",
    )
    read: ReadBy = "here"

    @field_validator("path", mode="plain")
    @classmethod
    def _absolute_path_or_address(cls, value: object, info: ValidationInfo) -> Path | Address:
        if isinstance(value, str) and is_address(value):
            value = address_of(value)
        if isinstance(value, Address):
            return value
        if not isinstance(value, str | Path):
            raise PydanticCustomError("path_type", "It should be a path")
        path = Path(value)
        folder = (info.context or {}).get("folder", Path())
        try:
            resolved: Path = (folder / path.expanduser()).resolve()
        except (RuntimeError, OSError) as error:
            raise DeclarationMistake(
                f"{quoted(str(path))} leads nowhere, because {_reason(error, path)}",
                "Name a file.",
            ) from None
        return resolved

    @field_serializer("path")
    def _without_secrets(self, path: Path | Address) -> str:
        return str(path)

    @field_validator(*OPTIONS)
    @classmethod
    def _refuse_where_it_means_nothing(cls, value: Any, info: ValidationInfo) -> Any:
        path, endings = info.data.get("path"), OF_OPTION[str(info.field_name)]
        if value is None or path is None:
            return value
        ending = ending_of(path)
        if ending in ENDINGS and ending not in endings:
            raise DeclarationMistake(
                f"it is for files that end in {', '.join(endings[:-1])} or {endings[-1]}, but this"
                f" one ends in {ending}",
                "Leave it out.",
            )
        return value

    @field_validator("encoding")
    @classmethod
    def _refuse_unknown_encoding(cls, encoding: str | None) -> str | None:
        try:
            known = encoding is None or codecs.lookup(encoding)._is_text_encoding
        except (LookupError, ValueError):
            known = False
        if not known:
            raise DeclarationMistake(
                f"{quoted(encoding)} is not an encoding that Python knows",
                "Write for example utf-8, latin-1, windows-1252 or utf-16.",
            )
        return encoding

    @field_validator("quote", "thousands")
    @classmethod
    def _refuse_a_sign_with_two_meanings(
        cls, value: str | None, info: ValidationInfo
    ) -> str | None:
        other = {"quote": "separator", "thousands": "decimal"}[str(info.field_name)]
        if value and value == info.data.get(other):
            raise DeclarationMistake(
                f"{quoted(value)} is declared as '{other}', too", "Declare another character."
            )
        return value

    @field_validator("separator", "quote")
    @classmethod
    def _refuse_characters_of_several_bytes(cls, value: str | None) -> str | None:
        if value and (not value.isascii() or value in "\r\n\0"):
            raise DeclarationMistake(f"{quoted(value)} cannot be used", "Use a character of ASCII.")
        return value

    @field_validator("sheet", mode="before")
    @classmethod
    def _refuse_what_names_no_sheet(cls, sheet: Any) -> Any:
        if isinstance(sheet, bool) or sheet == "" or not isinstance(sheet, str | int | None):
            raise DeclarationMistake(
                "it should be the name of a sheet, or its number", "Put a name in quotes."
            )
        if isinstance(sheet, int) and sheet < 1:
            raise DeclarationMistake("sheets are counted from 1", "Write 1 for the first one.")
        return sheet

    @property
    def shown(self) -> str:
        """Return the words by which messages name the source."""
        return str(self.path)

    def at(self, path: Path | Address | str) -> Self:
        """Return a source elsewhere: what is declared holds there, as far as it is for such a file.

        A text may be an address. Raises pydantic's error for a path that leads nowhere.
        """
        if isinstance(path, str):
            ending = ending_of(Address(path) if is_address(path) else Path(path))
        else:
            ending = ending_of(path)
        options = {
            name: getattr(self, name)
            for name, endings in OF_OPTION.items()
            if ending in endings and getattr(self, name) is not None
        }
        return type(self).model_validate({"path": path, **options})


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    if str(path).startswith("~"):
        return "there is no such user"
    return "a link leads back to itself"
