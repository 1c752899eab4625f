"""`nightfit init`: from a file that nobody has declared to a first night."""

import os
import pty
import subprocess
import sys

import pytest
from helpers.workspace import ROOT


@pytest.fixture(scope="module")
def shop(new_workspace):
    """A workspace with a German export: semicolons, decimal commas, a title, a column too good."""
    workspace = new_workspace()
    rows = [
        f"A{i};{1 + i % 9},5;{'rot' if i % 3 else 'grün'};{3 * (1 + i % 9) + i % 4};"
        f"{100 * (3 * (1 + i % 9) + i % 4)}"
        for i in range(90)
    ]
    text = "Auszug\n\nBestell-Nr;Menge;Farbe;Preis;Cent\n" + "\n".join([*rows, "A90;4,5;rot;;"])
    (workspace.folder / "export.csv").write_bytes(text.encode("latin-1"))
    return workspace


def test_a_file_becomes_a_dataset_with_a_first_night_in_one_command(shop):
    done = shop.run(
        "init", str(shop.folder / "export.csv"), "--name", "shop", "--target", "Preis", "--yes"
    )
    assert done.returncode == 0, done.stderr
    file = shop.folder / "datasets" / "shop.yaml"
    text = file.read_text()
    assert 'separator: ";"' in text
    assert "encoding: latin-1" in text
    assert "skip: 2" in text
    assert 'key: "Bestell-Nr"' in text or "key: Bestell-Nr" in text
    assert "target: Preis    # 1 row has none: it is new" in text
    assert "#   Cent: it is missing wherever the target is" in text
    ((new,),) = shop.sql("SELECT count(*) FROM current_prediction WHERE role = 'new'")
    assert new == 1
    again = shop.run("init", str(shop.folder / "export.csv"), "--name", "shop", "--target", "Preis")
    assert again.returncode == 2
    assert "There is a dataset 'shop' already" in again.stderr
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "Which column is to be predicted? Those of numbers are: Preis, "),
        (["--target", "Pries"], "There is no column 'Pries'. Did you mean 'Preis'?"),
        (["--target", "Farbe"], "Column 'Farbe' holds categories, not numbers"),
        (["--target", "Preis", "--name", "a b"], "'a b' cannot name a dataset"),
        (["--target", "Preis", "--table", "x"], "--table is for databases"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_writes_nothing(shop, options, expected):
    before = sorted((shop.folder / "datasets").iterdir())
    done = shop.run("init", str(shop.folder / "export.csv"), *options)
    assert done.returncode == 2
    assert expected in done.stderr
    assert sorted((shop.folder / "datasets").iterdir()) == before


def test_a_terminal_is_asked_for_the_target_the_likely_one_first(shop):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "flows.command.start", "init", "export.csv"]
    process = subprocess.Popen(
        command,
        cwd=shop.folder,
        env={**shop.environment, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, b"\n")
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    assert process.wait(60) == 0, shown.decode()
    assert "1  Preis" in shown.decode()
    assert "target: Preis" in (shop.folder / "datasets" / "export.yaml").read_text()
