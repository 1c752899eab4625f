"""JSON schemas in a declaration: only words that look at a value, and fetch or run nothing."""

from collections.abc import Mapping
from typing import Any

from data.declarations.mistakes import nearest
from data.errors import DeclarationMistake, quoted

OF_VALUES = (
    *("$comment", "$schema", "const", "default", "dependentRequired", "description", "enum"),
    *("examples", "exclusiveMaximum", "exclusiveMinimum", "maxContains", "maxItems", "maxLength"),
    *("maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties"),
    *("minimum", "multipleOf", "required", "title", "type"),
)
OF_SCHEMA = ("additionalProperties", "contains", "else", "if", "items", "not", "then")
OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
OF_NAMED = ("properties",)


def refuse_wrong_schema(schema: Any) -> None:
    """Raise `DeclarationMistake` for a schema with other words, such as $ref or pattern."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise DeclarationMistake("should be a JSON schema, which is a mapping")
    for word, value in schema.items():
        if word in OF_SCHEMA:
            refuse_wrong_schema(value)
        elif word in OF_SCHEMAS:
            _require(isinstance(value, list | tuple), word, "a list")
            for part in value:
                refuse_wrong_schema(part)
        elif word in OF_NAMED:
            _require(isinstance(value, Mapping), word, "a mapping")
            for part in value.values():
                refuse_wrong_schema(part)
        elif word not in OF_VALUES:
            known = (*OF_VALUES, *OF_SCHEMA, *OF_SCHEMAS, *OF_NAMED)
            raise DeclarationMistake(
                f"has the word {quoted(word)}, which cannot be used",
                nearest(word, known) + "Use words that compare a value, and no $ref or pattern.",
            )


def _require(holds: bool, word: str, form: str) -> None:
    if not holds:
        raise DeclarationMistake(f"has {word!r}, which should be {form}")
