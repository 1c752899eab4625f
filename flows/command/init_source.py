"""The source of `nightfit init`: what a dataset is called after, and how it is declared."""

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

from data.connections.secrets import PLACEHOLDER
from data.declarations.address import Address
from data.declarations.model import MAX_NAME_LENGTH
from data.declarations.source import OPTIONS, PACKED, PathSource
from data.declarations.sql_source import USER
from data.declarations.text_file import shown
from data.errors import CallError
from data.sources.made_keys import CONTENT, ROW
from data.sources.source_files import WILD


def with_sheet(source: Any, sheet: str | None) -> Any:
    """Return a source with the sheet that an option names, by its name or number."""
    if sheet is None:
        return source
    if not isinstance(source, PathSource):
        raise CallError("--sheet is for spreadsheets.", next_step="Leave it out.")
    number = int(sheet) if sheet.isascii() and sheet.isdigit() and len(sheet) < 5 else sheet
    return source.model_copy(update={"sheet": number})


def name_of(source: Any) -> str:
    """Return a name for a dataset, from that of its file, folder, table or database."""
    if isinstance(source, PathSource):
        path = source.path.file if isinstance(source.path, Address) else source.path
        text = path.name if _is_folder(source) else _stem(path)
    else:
        text = source.table or _stem(Path(str(source.url).partition("?")[0]))
    plain = "".join(
        sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)
    )
    name = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:MAX_NAME_LENGTH]
    return name or "dataset"


def _is_folder(source: PathSource) -> bool:
    return isinstance(source.path, Path) and source.path.is_dir()


def _stem(path: PurePath) -> str:
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.stem


def keys_made_for(source: Any) -> tuple[str, ...]:
    """Return the keys that can be made for a source without one, the better one first.

    Rows of a database have no order, so that they cannot be numbered, and those of several files
    may have another one the next night.
    """
    if not isinstance(source, PathSource):
        return (CONTENT,)
    are_several = any(sign in str(source.path) for sign in WILD) or _is_folder(source)
    return (CONTENT, ROW) if are_several else (ROW, CONTENT)


def source_fields(source: Any, told: Mapping[str, Any], folder: Path, name: str) -> dict[str, Any]:
    """Return the keys of `source` in a file of a folder: what was given, and what was told."""
    if isinstance(source, PathSource):
        given = {name: getattr(source, name) for name in OPTIONS}
        options = {name: value for name, value in given.items() if value is not None}
        return {"path": _place(source.path, folder), **told, **options}
    database = {"table": source.table} if source.table is not None else {"query": source.query}
    return {"url": _without_password(source.url, name), **database}


def _without_password(url: Any, name: str) -> str:
    """Return the URL of a database with the name of a secret for its password.

    The secret is set in this process, so that a first night has it.
    """
    if not url.has_password:
        return str(url.text)
    found = USER.search(url.text)
    if found is None or PLACEHOLDER.search(found[2]):
        raise _secret(str(url), "SHOP_URL")
    variable = password_of(name)
    os.environ.setdefault(variable, unquote(found[2]))
    return f"{url.text[: found.start(2)]}${{{variable}}}{url.text[found.end(2) :]}"


def password_of(name: str) -> str:
    """Return the environment variable for the password of a dataset's database."""
    return f"{re.sub(r'[^A-Za-z0-9]', '_', name)}_password".upper()


def _secret(where: str, example: str) -> CallError:
    return CallError(
        "The address has a secret in it, which a declaration must not have.",
        where=where,
        next_step=f"Set an environment variable, and write ${{{example}}} in its place.",
    )


def _place(path: Path | Address, folder: Path) -> str:
    """Return the path of a file, from the folder on if it is in it, or its address."""
    if isinstance(path, Address):
        if "***" in path.shown and not PLACEHOLDER.search(path.text):
            raise _secret(path.shown, "TOKEN")
        return path.text
    text = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
    if not text.isprintable():
        raise CallError(
            "The name of the file has characters that a declaration cannot have.",
            where=shown(path),
            next_step="Rename it.",
        )
    return text
