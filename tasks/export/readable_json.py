"""JSON for people: what holds only plain values stands on one line."""

import json
from typing import Any

WIDE = 100
"""A list or an object of this many characters still stands on one line, whatever it holds."""


def readable(value: Any, indent: str = "") -> str:
    """Return a value as JSON, indented by a blank per level; NaN is an error."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list) or not value:
        return flat
    if len(flat) <= WIDE or not any(isinstance(each, dict | list) for each in inside):
        return flat
    more = indent + " "
    if isinstance(value, dict):
        lines = (
            f"{json.dumps(k, ensure_ascii=False)}: {readable(v, more)}" for k, v in value.items()
        )
        return "{\n" + ",\n".join(more + line for line in lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(more + readable(each, more) for each in value) + f"\n{indent}]"
