"""Mutated command lines end in a sentence and a true exit code, never in a traceback."""

import random
import sys
from pathlib import Path

import pytest

from data.errors import MAX_REPEATED
from data.settings import settings
from data.store.session import Store
from flows.command import cli

LINES = (
    "query champion --dataset sales --limit 5",
    "query current_prediction --key 42 --columns key,predicted --format csv --spreadsheet",
    "history sales --format json",
    "status --format json",
    "unpin sales --reason audit",
    "rollback sales --to 12 --pin",
    "promote sales 12 torch/ann --reason audit",
    "predict sales --source new.csv --out new.parquet",
    "prune sales --dry-run",
    "db upgrade",
)
ODD = (
    *("", " ", "-1", "0", "1_000", "0x10", "٣", "1e400", "nan", str(2**63), "9" * 5_000),
    *("x" * 5_000, "x y" * 2_000, "../..", "a/b", ".", "a\nb", "\x1b[31m", "\u202e", "\udcff"),
    *("--", "--=", "'", '"', "%s", "{}", "$(id)", "'; DROP TABLE run; --", "🦊", "[red]", "-"),
)
SEEDS = 100


def mutated(seed: int) -> list[str]:
    """Return the arguments of a command line in which a few things are wrong."""
    draw = random.Random(seed)
    arguments = draw.choice(LINES).split()
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(arguments) + 1)
        match draw.randrange(4):
            case 0:
                arguments.insert(place, draw.choice(ODD))
            case 1:
                arguments[place : place + 1] = [draw.choice(ODD)]
            case 2:
                del arguments[place : place + 1]
            case _:
                arguments[place : place + 1] = [
                    f"{''.join(arguments[place:][:1])}{draw.choice(ODD)}"
                ]
    return arguments


@pytest.fixture
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A store without a run, and a folder without a declaration."""
    for name, value in {
        "HOME": tmp_path / "home",
        "DATASETS": tmp_path,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}",
    }.items():
        monkeypatch.setenv(f"NIGHTFIT_{name}", str(value))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "make_private", lambda: None)  # the umask of the tests stays
    Store(settings().database_url).ensure_ready()


def test_mutated_command_lines_end_in_a_sentence(empty_store, monkeypatch, capsys):
    for seed in range(SEEDS):
        arguments = mutated(seed)
        monkeypatch.setattr(sys, "argv", ["nightfit", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        assert end.value.code in (0, 1, 2), (seed, arguments)
        assert not set("\x1b\u202e") & set(printed.err), (seed, arguments)
        assert "x" * MAX_REPEATED not in printed.err, (seed, arguments)
        assert "x yx y" * (MAX_REPEATED // 6) not in printed.err, (seed, arguments)
        if end.value.code == 1:
            assert printed.err.startswith("nightfit: "), (seed, arguments)
