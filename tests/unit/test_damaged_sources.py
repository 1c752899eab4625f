"""Damaged files and odd values: whatever a source holds, it is read or refused in a sentence."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import shop

from data.checks.check import check
from data.errors import UserError
from data.sources.read import read
from data.sources.snapshot import load, readings_of
from tasks.run.rows import SnapshotRows

N = 30
INTEGERS = (0, 1, -1, 2**31, 10**12, 2**53 + 1, 10**16, 2**62, -(2**62), 2**63 - 1, -(2**63))
ZONES = (None, None, "UTC", "Europe/Berlin", "-14:00", "+99:99", "Nowhere/City")
TEXTS = (
    "a",
    "",
    "NA",
    "12,5",
    "1e400",
    "9" * 400,
    "2024-02-30",
    "0000-01-01",
    "\x1b[31m",
    "{0}",
    "é",
)
TYPES = (
    pa.int64(),
    pa.float64(),
    *(pa.timestamp(unit, zone) for unit in ("ms", "us", "ns") for zone in ZONES),
    *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.time64(unit) for unit in ("us", "ns")),
    pa.date64(),
)
ROLES = ("", "time", "weight", "key", "target")


def numbers(draw):
    return [draw.choice([None, *INTEGERS]) for _ in range(N)]


def odd_column(draw):
    kind = draw.randrange(6)
    if kind == 0:
        return pa.array([draw.choice(TEXTS) for _ in range(N)])
    if kind == 1:
        return pa.array([draw.choice(TEXTS) for _ in range(N)]).dictionary_encode()
    if kind == 2:
        days = [
            draw.choice([0, 19_000, 2_932_897, -719_163, 2**31 - 1, -(2**31)]) for _ in range(N)
        ]
        return pa.array(days, pa.int32()).view(pa.date32())
    if kind == 3:
        nested = draw.choice([[[1], None], [{"a": 1}, None], [b"\xff", None]])
        return pa.array(nested * (N // 2))
    if kind == 4:
        return pa.array([n and n % 2**64 for n in numbers(draw)], pa.uint64())
    return pa.array(numbers(draw), pa.int64()).view(draw.choice(TYPES))


def outcome(path, folder, draw):
    """Read, check and arrange a source as a night does, and return how that ended."""
    role = draw.choice(ROLES)
    roles = {role: "c"} if role else {}
    declaration = shop(path, unparsable=draw.choice(["missing", "quarantine"]), **roles)
    try:
        snapshot = read(declaration, folder=folder)
        checked = check(declaration, load(snapshot.path), readings_of(snapshot.path))
        if checked.passed:
            SnapshotRows(declaration, snapshot, checked.kept, checked.features)
    except UserError as error:
        sentence, ending = str(error), type(error).__name__
    else:
        sentence, ending = checked.reason or "", "passed" if checked.passed else "rejected"
    assert len(sentence) < 2_000
    return ending


def table(draw):
    target = [draw.gauss(0, 1) for _ in range(N)]
    return pa.table({"id": range(N), "y": target, "x": target[::-1], "c": odd_column(draw)})


@pytest.mark.parametrize("seed", range(2))
def test_odd_values_of_any_type_in_any_role_end_in_a_sentence(seed, tmp_path):
    draw, outcomes = random.Random(seed), set()
    for _ in range(25):
        pq.write_table(table(draw), tmp_path / "rows.parquet")
        outcomes.add(outcome(tmp_path / "rows.parquet", tmp_path / "home", draw))
    assert {"passed", "rejected"} <= outcomes


def damaged(content, draw):
    """Return bytes of which some were flipped, replaced, deleted, inserted, doubled or cut off."""
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 3, 10])):
        at = draw.randrange(len(changed))
        if draw.random() < 0.4:  # where Parquet has its footer
            at = len(changed) - 1 - draw.randrange(min(len(changed), 1_500))
        end = at + draw.choice([1, 1, 4, 50])
        changed[at:end] = draw.choice(
            [
                bytes([changed[at] ^ 1 << draw.randrange(8)]),
                bytes([draw.randrange(256)]),
                b"",
                changed[at:end] * 2,
                draw.choice([b"\0", b"\xff\xff\xff\xff", b'"', b"\n", b","]) + changed[at:end],
            ]
        )
        changed = changed[:at] if draw.random() < 0.03 and at else changed
    return bytes(changed) or b"\0"


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
@pytest.mark.parametrize("seed", range(2))
def test_damaged_bytes_end_in_a_sentence_or_leave_other_rows(name, seed, tmp_path):
    draw, path, outcomes = random.Random(seed), tmp_path / name, set()
    rows = table(draw)
    if name == "rows.csv":
        lines = [",".join(map(str, row.values())) for row in rows.drop_columns("c").to_pylist()]
        path.write_text("\n".join(["id,y,x,c", *(f"{line},q" for line in lines)]))
    else:
        pq.write_table(rows, path)
    whole = path.read_bytes()
    for _ in range(40):
        path.write_bytes(damaged(whole, draw))
        outcomes.add(outcome(path, tmp_path / "home", draw))
    assert {"SourceError", "SourceLate"} & outcomes
