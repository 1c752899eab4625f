import sqlite3
from pathlib import Path

import pytest

from data.declarations.source import PathSource
from data.errors import CallError
from flows.command.init import run_init
from flows.command.init_source import name_of


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("häuser.csv", "hauser"),
        ("Ventes été 2024.csv.gz", "Ventes_ete_2024"),
        ("a--b (1).parquet", "a_b_1"),
        ("价格.csv", "dataset"),
    ],
)
def test_a_dataset_has_the_name_of_its_file_in_plain_letters(tmp_path: Path, file: str, name: str):
    assert name_of(PathSource(path=tmp_path / file)) == name


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ((), "It has no tables that this user may see."),
        (("Order Items",), "Its table is 'Order Items'. Name one with --table"),
        (("b", "a"), "Its tables are 'a', 'b'. Name one with --table"),
    ],
)
def test_a_database_of_which_no_table_is_named_says_which_there_are(
    tmp_path: Path, tables: tuple[str, ...], sentence: str
):
    file = tmp_path / "shop.db"
    database = sqlite3.connect(file)
    for name in tables:
        database.execute(f'CREATE TABLE "{name}" (x)')
    database.close()
    file.touch()
    with pytest.raises(CallError) as refused:
        run_init(
            str(file),
            target="x",
            name=None,
            out=None,
            table=None,
            query=None,
            sheet=None,
            yes=False,
        )
    assert sentence in str(refused.value.next_step)
