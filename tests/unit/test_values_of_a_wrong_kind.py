"""Whatever stands behind a key of a declaration, the message names keys, never the code's types."""

import datetime
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.errors import CallError

GOOD = {"source": {"path": "rows.csv"}, "key": "id", "target": "y"}
VALUES = [
    *("text", 5, -1, 1.5, True, None, datetime.date(2012, 1, 1), "", "postgresql://me:s3cret@h/x"),
    *([], ["a", "b"], [1], [{"a": 1}], {}, {"x": 1}, {"x": {"y": 1}}),
]


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def keys_of(model: type[BaseModel], owner: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        here = (*owner, field.alias or name)
        yield here
        for inner in models_in(field.annotation):
            yield from keys_of(inner, here)


@pytest.mark.parametrize("keys", sorted({*keys_of(Declaration)}), ids=".".join)
def test_a_value_of_a_wrong_kind_is_refused_in_the_words_of_the_declaration(keys, tmp_path):
    for value in VALUES:
        document: Any = yaml.safe_load(yaml.safe_dump(GOOD))
        owner = document
        for key in keys[:-1]:
            owner = owner.setdefault(key, {})
        owner[keys[-1]] = value
        (tmp_path / "shop.yaml").write_text(yaml.safe_dump(document))
        told = ""
        try:
            load_dataset("shop", tmp_path)
        except CallError as error:
            told = str(error)
        for ours in ("function-", "constrained", "PathSource", "SqlSource", ".str", ".int"):
            assert ours not in told, (value, told)
        assert "s3cret" not in told, told
