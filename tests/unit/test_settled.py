"""A source that another process writes while it is read: read again, or refused, but never half."""

import subprocess
import sys
import time
from itertools import count

import pytest
from helpers.sources import shop, written

from data.errors import SourceError
from data.sources.read import READERS, read

WRITER = """
import sys, time
path, seconds, how = sys.argv[1], float(sys.argv[2]), sys.argv[3]
with open(path, "a" if how == "append" else "w") as file:
    print("begun", flush=True)
    if how == "overwrite":
        file.write("id,y\\n")
    for row in range(300):
        file.write(f"{row + 1000 * (how == 'append')},{row}\\n")
        file.flush()
        time.sleep(seconds / 300)
"""


@pytest.fixture
def source(tmp_path):
    return written(tmp_path, "id,y\n" + "".join(f"{row},{row}\n" for row in range(300)))


def read_while(source, folder, how, seconds):
    command = [sys.executable, "-c", WRITER, source, str(seconds), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        try:
            writer.stdout.readline()
            time.sleep(0.02)
            return read(shop(source), folder=folder / "home", quiet_seconds=0.3)
        finally:
            writer.kill()


@pytest.mark.parametrize(("how", "rows"), [("overwrite", 300), ("append", 600)])
def test_a_source_that_another_process_is_writing_is_read_when_it_is_complete(
    source, tmp_path, how, rows
):
    snapshot = read_while(source, tmp_path, how, 0.3)
    assert snapshot.rows == rows
    (warning,) = snapshot.warnings
    assert warning == f"{source}: The file was being written, so its end was waited for."


def test_a_source_that_is_written_for_too_long_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.setattr("data.sources.settled.MAX_WAIT_SECONDS", 0.4)
    with pytest.raises(SourceError, match=r"rows\.csv: The file is being written: .* renames it"):
        read_while(source, tmp_path, "overwrite", 5)
    assert not (tmp_path / "home").exists()


def test_a_source_at_rest_is_read_without_waiting_or_warning(source, tmp_path):
    time.sleep(0.6)
    began = time.monotonic()
    assert read(shop(source), folder=tmp_path / "home", quiet_seconds=0.5).warnings == ()
    assert time.monotonic() - began < 0.5


@pytest.fixture
def changed_while_read(source, monkeypatch):
    """Change the source by a function the first time, or so many times, that it is read."""

    def change(by, times=1):
        readings, reader = count(1), READERS[".csv"]

        def read_and_change(path, *others):
            columns = reader(path, *others)
            if next(readings) <= times:
                by(path)
            return columns

        monkeypatch.setitem(READERS, ".csv", read_and_change)

    return change


def cut(path):
    path.write_text("id,y\n1,2\n")


def replaced(path):
    other = written(path.parent, "id,y\n1,2\n", "other.csv")
    other.replace(path)


def of_the_same_size(path):
    path.write_text(path.read_text().replace("7", "8"))


@pytest.mark.parametrize("by", [cut, replaced, of_the_same_size])
def test_a_source_that_changes_while_it_is_read_is_read_again(
    source, tmp_path, changed_while_read, by
):
    changed_while_read(by)
    snapshot = read(shop(source), folder=tmp_path / "home", quiet_seconds=0.02)
    (warning,) = snapshot.warnings
    assert warning == f"{source}: The file was changed while it was read, so it was read again."
    again = read(shop(source), folder=tmp_path / "home")
    assert (again.fingerprint, again.warnings) == (snapshot.fingerprint, ())


def test_a_source_that_changes_at_every_reading_is_refused(source, tmp_path, changed_while_read):
    changed_while_read(of_the_same_size, times=3)
    with pytest.raises(SourceError, match="again and again"):
        read(shop(source), folder=tmp_path / "home", quiet_seconds=0.02)


def test_a_source_that_is_deleted_while_it_is_read_is_missing(source, tmp_path, changed_while_read):
    changed_while_read(lambda path: path.unlink())
    with pytest.raises(SourceError, match="no such file"):
        read(shop(source), folder=tmp_path / "home", quiet_seconds=0.02)
