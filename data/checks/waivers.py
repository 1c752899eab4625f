"""Which changes of a source are meant, because its declaration was changed with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data.checks.contract import Contract
from data.declarations.model import Declaration, Kind

ABOUT_EVERY_COLUMN = ("key", "target", "time", "weight", "missing", "unparsable")
"""Keys of a declaration after whose change every column may look different."""


@dataclass(frozen=True)
class Waiver:
    """What of a declaration has changed since the contract: keys about all columns, or about one.

    `columns` maps a column to the key that was changed for it.
    """

    keys: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    def reason(self, column: str | None) -> str:
        """Return the changed keys that explain a change of a column (of the rows: None), or ""."""
        own = self.columns.get(column) if column is not None else None
        keys = [*self.keys, *([own] if own else [])]
        return " and ".join(f"'{key}'" for key in keys)


def waiver(declaration: Declaration, then: Mapping[str, Any]) -> Waiver:
    """Return what has changed in a declaration since it was `then`, in JSON.

    A key that the stored declaration does not have is of a later version, and has not changed.
    """
    now = json.loads(declaration.model_dump_json())
    keys = [key for key in ABOUT_EVERY_COLUMN if key in then and then[key] != now[key]]
    if "split" in then and then["split"].get("group") != declaration.split.group:
        keys.append("split.group")
    columns = _changed_types(then, now)
    features = then.get("features", now["features"])
    if (features is None) != (declaration.features is None):
        keys.append("features")
    else:
        columns |= dict.fromkeys({*(features or ())} ^ {*(declaration.features or ())}, "features")
    return Waiver(tuple(keys), columns)


def remembered_kinds(declaration: Declaration, contract: Contract | None) -> dict[str, Kind]:
    """Return the kinds to read a source with: those of columns declared as they were."""
    if contract is None:
        return {}
    changed = _changed_types(contract.declaration, json.loads(declaration.model_dump_json()))
    return {name: kind for name, kind in contract.kinds.items() if name not in changed}


def _changed_types(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns whose kind or format is declared otherwise, each with the key for it."""
    if "types" not in then:
        return {}
    changed = {
        name: key
        for key in ("formats", "types")
        for name, _ in then.get(key, {}).items() ^ now[key].items()
    }
    return changed
