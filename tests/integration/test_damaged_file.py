"""An SQLite file with damaged pages: a right answer or one sentence, whatever the command."""

import random
import shutil
from pathlib import Path

import pytest
from helpers.store_nights import NEW, by_hand, kept, promoted, serving, write
from sqlalchemy import make_url, text
from typer.testing import CliRunner

from data.errors import UserError
from data.store.session import Store
from flows.command.cli import app

PAGE = 4096
COMMANDS = (
    ("query", "current_prediction", "--format", "csv"),
    ("query", "champion_history", "--format", "json"),
    ("history", "wages", "--format", "csv"),
    ("status", "--format", "json"),
    ("rollback", "wages", "--to", "1"),
    ("prune", "--dry-run"),
    ("db", "check"),
)
sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def whole(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of a few nights, and an environment in which commands use a copy of it."""
    rows = {f"k{number}": float(number) for number in range(400)} | {"new": NEW}
    write(store, promoted(1, rows))
    first = serving(store).model_id
    write(store, promoted(2, rows, name="torch/least_squares"))
    write(store, kept(3, serving(store).model_id, rows))
    by_hand(store, "rolled_back", first)
    with store.writing() as connection:
        connection.execute(text("SELECT 1"))
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", f"sqlite:///{tmp_path / 'damaged.db'}")
    monkeypatch.setenv("NIGHTFIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTFIT_DATASETS", str(tmp_path))
    return Path(str(make_url(store.url).database))


def damaged(content: bytes, seed: int) -> bytes:
    """Return a file with a page of noise or of zeros, with noise all over, or cut short."""
    rng, changed = random.Random(seed), bytearray(content)
    at = rng.randrange(len(content) // PAGE) * PAGE
    if seed % 4 == 0:
        changed[at : at + PAGE] = rng.randbytes(PAGE)
    elif seed % 4 == 1:
        changed[at : at + PAGE] = bytes(PAGE)
    elif seed % 4 == 2:
        for _ in range(100):
            changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    else:
        del changed[rng.randrange(len(content)) :]
    return bytes(changed)


def answer(arguments: tuple[str, ...], content: bytes, file: Path) -> tuple[int, str, str]:
    """Return the exit code, the output and the error of a command on a file of this content."""
    for leftover in file.parent.glob("damaged.db*"):
        leftover.unlink()
    file.write_bytes(content)
    done = CliRunner().invoke(app, list(arguments))
    error = done.exception
    if error is None or isinstance(error, SystemExit):
        return done.exit_code, done.stdout, ""
    assert isinstance(error, UserError), f"{arguments}: {error!r}"
    return error.exit_code, done.stdout, str(error)


@sqlite_only
def test_no_command_ends_in_a_traceback_or_finds_a_damaged_file_in_order(
    whole: Path, tmp_path: Path
):
    content, file = whole.read_bytes(), tmp_path / "damaged.db"
    for seed in range(24):
        changed = damaged(content, seed)
        answers = {arguments: answer(arguments, changed, file) for arguments in COMMANDS}
        assert answers["db", "check"][0] == 1, seed
        for arguments, (_, _, error) in answers.items():
            if "damaged" in error and arguments != ("db", "check"):
                assert "nightfit db check" in error or "nightfit retrain" in error, error


@sqlite_only
def test_a_file_that_is_no_database_is_named_with_the_way_on(whole: Path, tmp_path: Path):
    file = tmp_path / "damaged.db"
    noise = random.Random(1).randbytes(4 * PAGE)
    for arguments in COMMANDS[:-1]:
        assert answer(arguments, noise, file) == (
            1,
            "",
            f"{file}: the file is not an SQLite database. Run 'nightfit db check' to see what is"
            " damaged, and restore a backup.",
        )
    code, output, error = answer(("db", "check"), noise, file)
    assert (code, error) == (1, "")
    assert "the file is not an SQLite database. Restore a backup" in output


@sqlite_only
def test_a_sound_database_is_found_in_order(whole: Path, tmp_path: Path):
    shutil.copyfile(whole, tmp_path / "damaged.db")
    code, output, _ = answer(("db", "check"), whole.read_bytes(), tmp_path / "damaged.db")
    assert "cannot be loaded" in output  # the models of these nights are no models
    assert code == 1
