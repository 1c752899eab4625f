"""`nightfit plan` and the night that follows decide the same, for the same reason."""

import datetime as dt
import logging
import random
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from data.checks.waivers import remembered_kinds
from data.declarations.file import load_dataset
from data.errors import CallError, RunFailed
from data.store.retention import Removed, remove_old_data
from data.store.session import Store
from data.store.write.run import write_run
from tasks.check import check
from tasks.read import read
from tasks.run import changes, provenance, record
from tasks.run.acceptance import accept
from tasks.run.night import contract, refuse_rejected, skip_if_unchanged
from tasks.run.outlook import Outlook, Place, outlook
from tasks.run.record import run_record
from tasks.split import split
from tasks.store import new_attempt, store_failure

NIGHTS = 7
KEEP_RUNS = 2
EVENTS = (
    *("nothing", "nothing", "add", "remove", "edit", "word", "few"),
    *("key", "broken", "setting", "code", "library", "accept"),
)


@dataclass
class World:
    """A dataset `shop` that changes from night to night, and what it is compared with."""

    folder: Path
    rng: random.Random
    rows: list[list[str]] = field(default_factory=list)
    declared: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.store = Store(f"sqlite:///{self.folder / 'store.db'}")
        self.store.ensure_ready()
        self.rows = [[str(i), str(i % 13), str(3 * (i % 13) + i % 2)] for i in range(60)]
        self.declared = {"source": {"path": "shop.csv"}, "key": "id", "target": "y"}
        self.place = Place(self.folder, self.home, self.store, KEEP_RUNS)
        self.write()

    def write(self) -> None:
        lines = ["id,x,y", *(",".join(row) for row in self.rows)]
        (self.folder / "shop.csv").write_text("\n".join(lines) + "\n")
        (self.folder / "shop.yaml").write_text(yaml.safe_dump(self.declared))

    def change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Change one thing, or nothing."""
        row = self.rng.choice(self.rows)
        what = self.rng.choice(EVENTS)
        self.declared.pop("tagret", None)
        if what == "add":
            self.rows.append([str(1000 + len(self.rows) + self.rng.randrange(10**6)), "5", "16"])
        elif what == "remove":
            self.rows.remove(row)
        elif what == "edit":
            row[2] = str(self.rng.random())
        elif what == "word":
            row[1] = "many"
        elif what == "few":
            self.rows[:] = self.rows[: self.rng.choice([10, 25, 55])]
        elif what == "key":
            row[0] = self.rows[0][0]
        elif what == "broken":
            self.declared["tagret"] = 1
        elif what == "setting":
            self.declared["interval"] = self.rng.choice([0.8, 0.9, 0.95])
        elif what == "code":
            digest = f"{self.rng.randrange(3)}" * 64
            monkeypatch.setattr(provenance, "code_fingerprint", lambda: digest)
        elif what == "library":
            versions = provenance.library_versions() | {"numpy": f"{self.rng.randrange(3)}.0"}
            monkeypatch.setattr(provenance, "library_versions", lambda: versions)
            for module in (changes, record):
                monkeypatch.setattr(module, "library_versions", lambda: versions)
        elif what == "accept":
            with suppress(CallError):  # there may be nothing to accept
                accept(self.store, "shop", reason=None)
        self.write()

    def night(self) -> tuple[str, str | None, Removed]:
        """Take the steps of a night without the fits; return status, reason and what was removed.

        A night that trains has its reason in the log alone.
        """
        status, reason = self._run()
        removed = remove_old_data(
            self.store,
            "shop",
            home=self.home,
            keep_runs=KEEP_RUNS,
            wait=False,
            on_wait=lambda: None,
        )
        return status, reason, removed

    def _run(self) -> tuple[str, str | None]:
        try:
            declaration = load_dataset("shop", self.folder)
        except CallError as error:
            store_failure("shop", error, self.store)
            return "failed", str(error)
        run = None
        try:
            with new_attempt(
                declaration, self.store, home=self.home, as_of=None, dry_run=False
            ) as run:
                expected = contract(self.store, declaration, as_of=None)
                kinds = remembered_kinds(declaration, expected)
                run.snapshot = read.fn(declaration, self.home / "snapshots", kinds=kinds)
                skip_if_unchanged(run, run.snapshot, expected, self.store, force=False)
                run.checked = check.fn(declaration, run.snapshot, expected, run.night)
                refuse_rejected(run.checked)
                run.prepared = split.fn(declaration, run.snapshot, run.checked)
                stored = run_record(run, home=self.home)
                run.run_id = self.store.write(lambda connection: write_run(connection, stored))
        except RunFailed as failure:
            return failure.status, run.reason
        return run.status, run.reason


def foretold(seen: Outlook) -> tuple[str, str | None]:
    """Return the status and the reason that a run would be stored with."""
    if seen.ending == "trained":
        return "succeeded", None
    if seen.ending == "skipped":
        return "skipped", f"{seen.changes.reason}. Use --force to run anyway."
    return seen.ending, seen.problem


@pytest.mark.parametrize("seed", range(4))
def test_night_ends_as_planned_for_the_reason_that_was_planned(tmp_path, caplog, monkeypatch, seed):
    monkeypatch.setattr("tasks.run.outlook.QUIET_SECONDS", 0.0)
    world = World(tmp_path, random.Random(seed))
    endings = []
    for _ in range(NIGHTS):
        before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        stored = (tmp_path / "store.db").read_bytes()
        seen = outlook("shop", world.place)
        assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before
        assert (tmp_path / "store.db").read_bytes() == stored
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="nightfit"):
            status, reason, removed = world.night()
        assert foretold(seen) == (status, reason)
        assert seen.removed == removed
        trains = [line for line in caplog.messages if line.startswith("shop: trains (")]
        said = [] if seen.ending in ("skipped", "failed") else [seen.changes.reason]
        assert trains == [f"shop: trains ({each})" for each in said]
        endings.append(seen.ending)
        world.change(monkeypatch)
    assert endings[0] == "trained"


def test_the_nights_that_are_compared_end_in_every_way(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.run.outlook.QUIET_SECONDS", 0.0)
    world = World(tmp_path, random.Random(0))
    assert [outlook("shop", world.place).ending, world.night()[0]] == ["trained", "succeeded"]
    assert [outlook("shop", world.place).ending, world.night()[0]] == ["skipped", "skipped"]
    world.rows[0][0] = world.rows[1][0]
    world.write()
    assert [outlook("shop", world.place).ending, world.night()[0]] == ["rejected", "rejected"]
    (tmp_path / "shop.csv").unlink()
    assert [outlook("shop", world.place).ending, world.night()[0]] == ["failed", "failed"]


def test_rows_that_differ_from_the_last_good_run_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.run.outlook.QUIET_SECONDS", 0.0)
    world = World(tmp_path, random.Random(0))
    world.night()
    world.rows[5][2] = "0.5"
    world.rows[6:8] = [["90", "1", "1"]]
    world.write()
    assert str(outlook("shop", world.place).rows) == "1 added, 2 removed, 1 changed"
    for snapshot in (tmp_path / "home" / "snapshots").rglob("*.parquet"):
        snapshot.write_bytes(b"damaged")
    assert "snapshot of run 1 is damaged" in str(outlook("shop", world.place).rows)
    snapshot.unlink()
    assert "snapshot of run 1 is gone" in str(outlook("shop", world.place).rows)


def test_too_few_groups_to_split_are_foretold(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.run.outlook.QUIET_SECONDS", 0.0)
    world = World(tmp_path, random.Random(0))
    world.declared["split"] = {"group": "x", "test": 0.01}
    world.write()
    seen = outlook("shop", world.place)
    assert (seen.ending, seen.exit_code) == ("rejected", 1)
    assert seen.problem == world.night()[1]


def test_past_night_is_planned_with_the_rows_up_to_then(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.run.outlook.QUIET_SECONDS", 0.0)
    world = World(tmp_path, random.Random(0))
    day = dt.date(2024, 1, 1)
    for number, row in enumerate(world.rows):
        row[1] = (day + dt.timedelta(days=number)).isoformat()
    world.declared["time"] = "x"
    world.write()
    seen = outlook("shop", world.place, as_of="2024-02-10")
    assert (seen.ending, seen.snapshot.rows) == ("trained", 41)
    assert outlook("shop", world.place, as_of="2024-01-05").ending == "rejected"
