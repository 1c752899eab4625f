"""The folder of declarations: one YAML file per dataset, each parsed strictly."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from data.declarations.mistakes import explain, nearest
from data.declarations.model import MAX_NAME_LENGTH, NAME_PATTERN, Declaration
from data.declarations.parts import with_quoted_parts
from data.errors import CallError

NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
"""What cannot be stored everywhere: a NUL character, and half of a surrogate pair."""


def declared_datasets(folder: Path) -> tuple[str, ...]:
    """Return the names of the datasets that are declared in `folder`, sorted."""
    return tuple(sorted(_files(folder)))


def load_dataset(name: str, folder: Path) -> Declaration:
    """Return the declaration of the dataset `name`; every mistake in it is a `CallError`."""
    files = _files(folder)
    if name not in files:
        names = (
            f"The declared datasets are: {', '.join(sorted(files))}."
            if files
            else "No dataset is declared there."
        )
        raise CallError(
            f"There is no dataset {name!r} in {folder.absolute()}.",
            next_step=nearest(name, files) + names,
        )
    file = files[name]
    node, content = _parse(file)
    content.setdefault("name", file.stem)
    try:
        return Declaration.model_validate(content, context={"folder": file.parent})
    except ValidationError as error:
        raise explain(error, Declaration, node, file) from None


def _files(folder: Path) -> dict[str, Path]:
    """Map the name of each dataset to its file: the declared name, or else the file's own."""
    if not folder.is_dir():
        raise CallError(
            f"There is no folder {folder.absolute()} with declarations.",
            next_step="Create it, or set NIGHTFIT_DATASETS to another folder.",
        )
    files: dict[str, Path] = {}
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        name = _name(file)
        if name in files:
            raise CallError(
                f"Two declarations have the name {name!r}.",
                where=f"{files[name].absolute()} and {file.absolute()}",
                next_step="Give one of them another 'name'.",
            )
        files[name] = file.absolute()
    return files


def _name(file: Path) -> str:
    """Return the name that a file declares; where that is not a valid name, the file's own."""
    try:
        declared = str(_parse(file)[1].get("name", ""))
    except CallError:
        return file.stem
    valid = len(declared) <= MAX_NAME_LENGTH and re.fullmatch(NAME_PATTERN, declared)
    return declared if valid else file.stem


class _Loader(yaml.SafeLoader):
    """YAML 1.1, except that 1e-3 is a number, as in YAML 1.2 and everywhere else."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _parse(file: Path) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """Return the file's YAML both as nodes, which know their lines, and as plain values."""
    try:
        loader, node = _read_nodes(file.read_text(encoding="utf-8-sig"))
        content = loader.construct_document(node) if node is not None else {}
    except UnicodeDecodeError as error:
        raise CallError(
            f"The file is not UTF-8: byte {error.start} cannot be read.",
            where=str(file.absolute()),
            next_step="Save it as UTF-8.",
        ) from None
    except OSError as error:
        raise CallError(
            f"The file cannot be read: {error.strerror}.",
            where=str(file.absolute()),
            next_step="Allow the user who runs nightfit to read it.",
        ) from None
    except (ValueError, OverflowError) as error:  # such as 2024-02-30, which YAML takes for a date
        line, text = _unmade_value(node)
        raise CallError(
            f"{text!r} cannot be read: {error}.",
            where=f"{file.absolute()}, line {line}",
            next_step="Correct it, or write it in quotes if it is text.",
        ) from None
    except yaml.YAMLError as error:
        raise CallError(
            f"This is not YAML: {getattr(error, 'problem', None) or error}.",
            where=f"{file.absolute()}{_line(error)}",
            next_step="Check the colons, quotes, brackets and indentation.",
        ) from None
    if not isinstance(node, yaml.MappingNode):
        raise CallError(
            "A declaration is a mapping of keys to values, but this is not a mapping.",
            where=str(file.absolute()),
            next_step="It needs at least 'source', 'key' and 'target', each on its own line.",
        )
    for line, text in _texts(node):
        if NOT_STORABLE.search(text):
            raise CallError(
                "A NUL character or half of a surrogate pair cannot be stored.",
                where=f"{file.absolute()}, line {line}",
                next_step="Remove it.",
            )
    for line, name in _repeated_keys(node):
        raise CallError(
            f"{name!r} appears twice.",
            where=f"{file.absolute()}, line {line}",
            next_step="Keep one of the two.",
        )
    return node, content


def _read_nodes(text: str) -> tuple[_Loader, yaml.Node | None]:
    """Return the node of a text, and what makes values of it.

    In a list in brackets, YAML wants `date[weekday]` in quotes; here it needs none.
    """
    try:
        loader = _Loader(text)
        return loader, loader.get_single_node()
    except yaml.YAMLError:
        quoted = with_quoted_parts(text)
        if quoted == text:
            raise
        loader = _Loader(quoted)
        return loader, loader.get_single_node()


def _unmade_value(node: yaml.Node | None) -> tuple[int, str]:
    """Return the line and the text of the first value that YAML cannot make anything of."""
    for line, text in _texts(node) if node else ():
        try:
            yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a safe loader
        except (ValueError, OverflowError):
            return line, text
        except yaml.YAMLError:
            continue
    return 1, ""


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _texts(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Yield each text of a declaration, names of mappings included, with its line."""
    if isinstance(node, yaml.ScalarNode):
        yield node.start_mark.line + 1, node.value
        return
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            yield from _texts(part)


def _repeated_keys(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Yield the keys that occur twice in one mapping; YAML itself would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for name, value in node.value:
            if name.value in seen:
                yield name.start_mark.line + 1, name.value
            seen.add(name.value)
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item)
