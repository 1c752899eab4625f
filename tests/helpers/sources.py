"""Source files for a dataset `shop`, and what reading them gives."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from data.declarations.model import Declaration
from data.errors import SourceError
from data.sources.read import read
from data.sources.snapshot import load

TABLE = pa.table(
    {
        "id": ["a", "b", "c", "d"],
        "y": [1.5, None, 3.0, 0.1],
        "n": pa.array([1, None, 3, 4], pa.int64()),
        "flag": [True, None, False, True],
        "level": ["x", None, "yy", "x"],
        "day": pa.array([dt.date(2024, 1, 1), None, dt.date(2024, 1, 3), dt.date(2024, 1, 4)]),
        "moment": pa.array([dt.datetime(2024, 1, 1, 12), None, None, None], pa.timestamp("us")),
    }
)


def shop(path: Path, **more: object) -> Declaration:
    given = {"name": "shop", "source": {"path": path}, "key": "id", "target": "y", **more}
    return Declaration.model_validate(given)


def written(folder: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path, folder: Path, **more: object) -> pa.Table:
    return load(read(shop(path, **more), folder=folder / "home").path)


def refusal(path: Path, folder: Path, **more: object) -> str:
    with pytest.raises(SourceError) as caught:
        read(shop(path, **more), folder=folder / "home")
    assert not (folder / "home").exists()
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)
