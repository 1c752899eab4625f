"""Rows with names of their own become columns, whichever names each of them has."""

import random

from data.sources import records as module
from data.sources.records import Records, in_blocks


def test_columns_are_those_of_the_rows_one_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)
    rng = random.Random(3)
    for number in range(60):
        rows: list[dict[str, int | None]] = []
        while len(rows) < rng.choice([1, 5, 7, 8, 30]):
            names = rng.sample("abcd", rng.randint(0, 4))
            again = rng.choice([1, 1, 4])
            rows += [{name: rng.choice([1, None, 2**40]) for name in names} for _ in range(again)]
        folder = tmp_path / str(number)
        folder.mkdir()
        made = Records(folder)
        in_blocks(((tuple(row), row.values()) for row in rows), made, lambda _: None)
        columns = made.columns()
        assert columns.file_rows == len(rows)
        assert columns.column_names == list(dict.fromkeys(name for row in rows for name in row))
        for name in columns.column_names:
            assert columns.column(name).to_pylist() == [row.get(name) for row in rows]
