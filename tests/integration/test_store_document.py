"""What `docs/database.md` says of the views is so, and what it shows works."""

import re

from documents import code, section
from sqlalchemy import Engine, text
from store_nights import NEW, candidate, kept, promoted, write

from data.store.records import PromotionRecord
from data.store.views import VIEWS


def documented() -> dict[str, tuple[str, dict[str, str]]]:
    """What the document says of each view, in its order: the grain, and each column's meaning."""
    sections = re.split(r"^### `(\w+)`$", section("Views"), flags=re.MULTILINE)
    return {
        name: (
            " ".join(body.partition("\n|")[0].split()),
            dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", body, flags=re.MULTILINE)),
        )
        for name, body in zip(sections[1::2], sections[2::2], strict=True)
    }


def test_documented_columns_are_those_of_the_database(store: Engine):
    with store.connect() as connection:
        answered = {
            name: list(connection.execute(text(f"SELECT * FROM {name}")).keys()) for name in VIEWS
        }
    assert {name: list(meanings) for name, (_, meanings) in documented().items()} == answered


def test_documented_meanings_are_those_of_the_code():
    assert list(documented()) == list(VIEWS)
    for name, (grain, meanings) in documented().items():
        assert grain == VIEWS[name].grain, name
        assert meanings == VIEWS[name].meanings, name


def test_documented_queries_answer_on_a_store_with_two_nights(store: Engine):
    linear = {"candidates": [candidate("torch/least_squares")], "dataset": "age_income"}
    write(store, promoted(1, {"a": 1.0, "c": NEW}, name="torch/least_squares", **linear))
    lost = PromotionRecord(decision="kept", model=1, reason="the challenger is worse")
    write(store, kept(2, 1, {"c": 3.0, "d": NEW}, promotions=[lost], **linear))
    with store.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE worker (worker TEXT, name TEXT)"))
        connection.execute(text("INSERT INTO worker VALUES ('a', 'Ada')"))
        answers = [
            connection.execute(text(example)).all() for example in code(section("Examples"), "sql")
        ]
    assert len(answers) >= 6
    assert all(answers), [
        query
        for query, rows in zip(code(section("Examples"), "sql"), answers, strict=True)
        if not rows
    ]
