from pathlib import Path

import pytest

from data.declarations.source import PathSource
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
