"""The folder of declarations: one YAML file per dataset, each parsed strictly."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from data.declarations.mistakes import explain, nearest
from data.declarations.model import MAX_NAME_LENGTH, NAME_PATTERN, Declaration
from data.declarations.text_file import shown, text_of
from data.declarations.yaml_nodes import MistakeInLine, root_of
from data.declarations.yaml_values import value_of
from data.errors import CallError, quoted

MAX_LISTED = 20
"""Names of datasets that a message lists."""


def declared_datasets(folder: Path) -> tuple[str, ...]:
    """Return the names of the datasets that are declared in `folder`, sorted.

    A declaration with a mistake has a name, too: that of its file, if it declares none.
    """
    return tuple(sorted(_files(folder)))


def declared_since(folder: Path) -> dict[str, datetime]:
    """Return the names of the declared datasets, with when the file of each was last written."""
    return {name: _written_at(files[0]) for name, files in sorted(_files(folder).items())}


def _written_at(file: Path) -> datetime:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:  # it has just been removed
        return datetime.now(UTC)


def load_dataset(name: str, folder: Path) -> Declaration:
    """Return the declaration of the dataset `name`; every mistake in it is a `CallError`.

    Mistakes in other declarations do not matter.
    """
    files = _files(folder)
    if name not in files:
        raise CallError(
            f"There is no dataset {quoted(name)} in {shown(folder)}.",
            next_step=nearest(name, files) + _listed(sorted(files)),
        )
    file, *others = files[name]
    if others:
        raise CallError(
            f"{len(others) + 1} declarations have the name {name!r}.",
            where=" and ".join(shown(each) for each in (file, others[0])),
            next_step="Give each another 'name', or rename or remove a file.",
        )
    node, content = _parse(file)
    if "name" not in content and not is_name(file.stem):
        raise CallError(
            f"The name of the file, {quoted(file.stem)}, cannot name a dataset: it should be made"
            f" of at most {MAX_NAME_LENGTH} letters, digits, _ and -, and not begin with -.",
            where=f"{shown(file)}, line 1",
            next_step="Rename the file, or declare a 'name'.",
        )
    content.setdefault("name", file.stem)
    try:
        return Declaration.model_validate(content, context={"folder": file.parent})
    except ValidationError as error:
        raise explain(error, Declaration, node, shown(file)) from None


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "No dataset is declared there."
    more = f" and {len(names) - MAX_LISTED:,} more" if len(names) > MAX_LISTED else ""
    return f"The declared datasets are: {', '.join(names[:MAX_LISTED])}{more}."


def _files(folder: Path) -> dict[str, list[Path]]:
    """Map the name of each dataset to its file, or to several if they have the same name."""
    try:
        listed = sorted(folder.absolute().iterdir())
    except FileNotFoundError:
        what, step = "There is no folder", "Create it, or set"
    except NotADirectoryError:
        what, step = "This is a file, not a folder:", "Move it into a folder, or set"
    except OSError as error:
        what, step = f"{error.strerror}: the folder", "Allow nightfit's user to read it, or set"
    else:
        files: dict[str, list[Path]] = {}
        for file in listed:
            if file.suffix in (".yaml", ".yml") and not file.name.startswith("."):
                files.setdefault(_name(file), []).append(file)
        return files
    raise CallError(
        f"{what} {shown(folder)} with declarations.",
        next_step=f"{step} NIGHTFIT_DATASETS to another folder.",
    )


def _name(file: Path) -> str:
    """Return the name that a file declares; where that is not a valid name, the file's own.

    Characters that no name can have are `_`.
    """
    declared = ""
    with suppress(CallError, MistakeInLine):  # `load_dataset` reports the mistake
        if re.search(r"name|\\", text_of(file)):  # no other text can declare one
            declared = _parse(file)[1].get("name", "")
    if isinstance(declared, str) and is_name(declared):
        return declared
    return re.sub(r"[^A-Za-z0-9_-]|^-", "_", file.stem)[:MAX_NAME_LENGTH]


def is_name(text: str) -> bool:
    """Return whether a text can name a dataset."""
    return len(text) <= MAX_NAME_LENGTH and re.fullmatch(NAME_PATTERN, text) is not None


def _parse(file: Path) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """Return the file's YAML both as nodes, which know their lines, and as plain values."""
    try:
        node = root_of(text_of(file))
        return node, value_of(node)
    except MistakeInLine as mistake:
        raise CallError(
            mistake.what, where=f"{shown(file)}, line {mistake.line}", next_step=mistake.next_step
        ) from None
