"""What `docs/database.md` says about the views is true, and its examples work."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.documents import code, section
from helpers.store_nights import NEW, candidate, kept, kind_of, predictions, promoted, read, write
from sqlalchemy import text

from data.store.read.champions import champion_model
from data.store.records import PromotionRecord
from data.store.session import Store
from data.store.views import VIEWS


def documented() -> dict[str, list[str]]:
    """Return the columns of each view in the document's order."""
    sections = re.split(r"^### `(\w+)`$", section("Views"), flags=re.MULTILINE)
    return {
        name: re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE)
        for name, body in zip(sections[1::2], sections[2::2], strict=True)
    }


def test_documented_columns_are_those_of_the_database(store: Store):
    with store.reading() as connection:
        answered = {
            name: list(connection.execute(text(f"SELECT * FROM {name}")).keys()) for name in VIEWS
        }
    assert documented() == answered


DAYS = {'["Ann\\"s","9"]': 9.0, '["Zoë, 2","10"]': NEW}
KEY = [("shop", "text"), ("day", "whole number")]
OWN = (
    "CREATE TABLE worker (worker INTEGER, name TEXT)",
    "INSERT INTO worker VALUES (7, 'Ada'), (8, 'Bob')",
    "CREATE TABLE sale (shop TEXT, day INTEGER, revenue DOUBLE PRECISION)",
    "INSERT INTO sale VALUES ('Ann\"s', 9, 1.5), ('Zoë, 2', 10, 2.5), ('Zoë, 2', 11, 3.5)",
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nights(request: pytest.FixtureRequest, new_database) -> Store:
    """A store with a few nights in it, and a user's own tables beside them."""
    store = Store(new_database(request.param))
    wages = {"dataset": "age_income", "features": "age"}
    network, line = candidate("torch/ann"), candidate("torch/least_squares", chosen=True, rank=1)
    first = promoted(1, {"7": 1.0, "9": NEW}, candidates=[network, line], **wages)
    write(store, first)
    serving = read(store, champion_model, "age_income").model_id
    write(store, kept(2, serving, {"9": 19.0, "12": NEW}, candidates=[line], **REFUSED, **wages))
    third = {
        "promotions": [*REFUSED["promotions"], REFRESH],
        "predictions": [predictions(line.name, {"7": 1.0, "9": 19.0, "12": NEW})],
    }
    write(store, kept(3, serving, {}, candidates=[line], **third, **wages))
    write(store, promoted(3, DAYS, dataset="shop_days", key_columns=KEY))
    with store.writing() as connection:
        for statement in OWN:
            connection.execute(text(statement))
    return store


REFUSED: dict[str, Any] = {
    "promotions": [
        PromotionRecord(
            decision="kept",
            model=1,
            incumbent=1,
            challenger="torch/least_squares",
            incumbent_rmse=2.6,
            challenger_rmse=2.7,
            reason="the challenger is worse",
        )
    ]
}
REFRESH = PromotionRecord(
    decision="promoted",
    model="torch/least_squares",
    incumbent=1,
    challenger="torch/least_squares",
    incumbent_rmse=2.6,
    challenger_rmse=2.4,
    reason="newer data",
)


def answers(nights: Store) -> list[list[dict[str, Any]]]:
    """The rows that each documented query returns, in the order of the document."""
    with nights.reading() as connection:
        return [
            [dict(row) for row in connection.execute(text(example)).mappings()]
            for example in code(section("Examples"), "sql", kind=kind_of(nights))
        ]


def test_every_documented_query_answers(nights: Store):
    results = answers(nights)
    assert len(results) == 15
    assert all(results), [number for number, rows in enumerate(results) if not rows]


def test_documented_queries_give_the_documented_answers(nights: Store):
    results = answers(nights)
    assert {row["key"] for row in results[2]} == {"7", "9"}
    (ada,) = results[3]
    assert (ada["name"], ada["predicted"]) == ("Ada", 0.5)
    residuals = [abs(row["residual"]) for row in results[4]]
    assert residuals == sorted(residuals, reverse=True)
    assert [row["term"] for row in results[5]] == ["intercept", "age"]
    assert [(row["decision"], row["rmse"]) for row in results[6]] == [
        ("promoted", 2.4),
        ("kept", 2.6),
        ("promoted", None),
    ]
    assert [(row["key"], row["actual"]) for row in results[7]] == [("9", 19.0)]
    beside = {(row["shop"], row["day"]): row["predicted"] for row in results[-3]}
    days = [(row["shop"], row["day"]) for row in results[-2]]
    assert days == [('Ann"s', 9), ("Zoë, 2", 10)]
    joined = {(row["shop"], row["day"]): row["predicted"] for row in results[-1]}
    assert beside == joined == {('Ann"s', 9): 8.5, ("Zoë, 2", 10): 10.0}


def test_documented_python_answers(nights: Store):
    address = nights.url
    names: dict[str, Any] = {}
    for block in code(section("From other tools"), "python"):
        assert "nightfit.db" in block or "database" in names
        exec(block.replace("sqlite:///nightfit.db", address), names)
    names["database"].dispose()
    assert names["predictions"].predicted_at.dt.tz is not None
    assert names["worst"].key.tolist()
    assert sorted(names["days"]["shop"]) == ['Ann"s', "Zoë, 2"]
    assert sorted(names["days"]["day"]) == ["10", "9"]


def test_the_documented_r_query_is_valid_sql(nights: Store):
    (block,) = code(section("From other tools"), "r")
    (query,) = re.findall(r'"(SELECT .*?)"', block)
    with nights.reading() as connection:
        assert connection.execute(text(query)).all()


def test_documented_command_writes_a_file(nights: Store, tmp_path: Path):
    (line,) = code(section("From other tools"), "sh")
    address = nights.url
    subprocess.run(
        line.replace("nightfit", str(Path(sys.executable).with_name("nightfit"))),
        shell=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "NIGHTFIT_DATABASE_URL": address},
    )
    header, *rows = (tmp_path / "predictions.csv").read_text().splitlines()
    assert header.startswith("dataset,key,actual,predicted")
    assert {row.split(",")[1] for row in rows} == {"7", "9", "12"}
