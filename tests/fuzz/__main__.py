"""`make fuzz`: try damaged files, wrong declarations and hostile commands, and kill nights.

    PYTHONPATH=tests python -m fuzz                       # everything
    PYTHONPATH=tests python -m fuzz --only yaml csv --count 200
    PYTHONPATH=tests python -m fuzz --only yaml --seed 123    # one again, with what it prints

Every trial is made from its kind and its seed alone. The files of a trial that found a fault are
kept, with its command and what was wrong. The exit code is 1 if there is any.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fuzz import command_lines, csv_files, declarations, kills, other_files, parquet_files
from fuzz.harness import in_parallel, tried, warm_up
from fuzz.report import Row, table
from fuzz.stores import databases
from fuzz.trial import Generator

ROOT = Path(__file__).parents[2]
GENERATORS: dict[str, tuple[Generator, int]] = {
    "csv": (csv_files.generate, 3_500),
    "parquet": (parquet_files.generate, 2_500),
    "others": (other_files.generate, 2_500),
    "yaml": (declarations.generate, 2_500),
    "commands": (command_lines.generate, 1_500),
}
"""What makes the trials of a kind, and how many of them are run."""

WAITING = 4
"""Trials of files side by side for each core: a command waits a second for a file just written."""


def main() -> int:
    """Run the trials that the command line asks for; return the exit code."""
    arguments = _arguments()
    # Not a TemporaryDirectory: each fork would remove it when it ends.
    folder = Path(tempfile.mkdtemp(prefix="nightfit-fuzz-"))
    try:
        if arguments.seed is not None:
            return _repeat(arguments.only, arguments.seed, folder)
        return _run_all(arguments, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.split("\n")[0])
    kinds = [*GENERATORS, *kills.KINDS]
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds, metavar="KIND")
    parser.add_argument("--count", type=int, help="trials of each kind, instead of 12,600 in all")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="repeat the trial of this seed, and show it")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--save", type=Path, default=ROOT / ".nightfit" / "fuzz")
    arguments = parser.parse_args()
    if arguments.seed is not None and len(arguments.only) != 1:
        parser.error("--seed needs one kind: --only KIND")
    return arguments


def _repeat(only: list[str], seed: int, folder: Path) -> int:
    (kind,) = only
    if kind in kills.KINDS:
        faults = kills.repeated(kind, seed, folder)
    else:
        warm_up()
        stored = folder / "stores"
        stored.mkdir()
        with databases(stored, postgresql=True) as urls:
            generate, _ = GENERATORS[kind]
            trial, outcome, faults = tried(generate, kind, seed, folder / "trial", urls)
        print("nightfit", *map(ascii, trial.command), dict(trial.settings))
        print(outcome.output, outcome.messages, sep="\n")
        print(f"exit code {outcome.exit_code}, {outcome.megabytes} MB")
    for name, sentence in faults.items():
        print(f"{name}: {sentence}")
    return int(bool(faults))


def _run_all(arguments: argparse.Namespace, folder: Path) -> int:
    rows = []
    generated = [kind for kind in arguments.only if kind in GENERATORS]
    if generated:
        warm_up()
        stored = folder / "stores"
        stored.mkdir()
        with databases(stored, postgresql="commands" in generated) as urls:
            rows = [_row(kind, arguments, folder, urls) for kind in generated]
    for kind in arguments.only:
        if kind in kills.KINDS:
            rows.append(kills.run(kind, arguments, folder))
    print(table(rows))
    if any(row.faults for row in rows):
        print(f"The files of the trials with faults are in {arguments.save}.")
        return 1
    return 0


def _row(kind: str, arguments: argparse.Namespace, folder: Path, urls: dict[str, str]) -> Row:
    """Run the trials of a kind, and print each fault as it is found."""
    generate, number = GENERATORS[kind]
    count = arguments.count or number
    seeds = range(arguments.first, arguments.first + count)
    found: Counter[str] = Counter()
    start = time.monotonic()
    for seed, faults in in_parallel(
        generate, kind, seeds, folder, arguments.save, urls, workers=WAITING * arguments.workers
    ):
        found.update(faults.keys())
        for name, sentence in faults.items():
            print(f"{kind} {seed}: {name}: {sentence!a}", flush=True)
    return Row(kind, count, found, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
