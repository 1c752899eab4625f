"""Compressed files are read like what is in them; damaged and hostile ones are refused."""

import bz2
import gzip
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pytest
from helpers.sources import refusal, rows, written

CONTENT = b"id,y\n" + b"".join(b"k%d,%d\n" % (i, i * 7919 % 1000) for i in range(2_000))


def zstd(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


@pytest.mark.parametrize("ending", PACK)
def test_a_packed_file_gives_the_rows_that_are_in_it(ending, tmp_path):
    plain = rows(written(tmp_path, CONTENT), tmp_path)
    packed = written(tmp_path, PACK[ending](CONTENT), f"rows.csv{ending}")
    assert rows(packed, tmp_path).equals(plain)


def test_a_zip_with_one_file_is_read_whatever_its_name_and_beside_marks_of_macos(tmp_path):
    plain = rows(written(tmp_path, CONTENT), tmp_path)
    path = zipped(tmp_path / "all.zip", rows__csv=CONTENT)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._rows.csv", b"x")
    assert rows(path, tmp_path).equals(plain)


def test_a_zip_of_two_files_is_refused_with_their_names(tmp_path):
    path = zipped(tmp_path / "all.zip", a__csv=CONTENT, b__csv=CONTENT)
    message = refusal(path, tmp_path)
    assert "The zip file holds 2 files, but one is needed: a.csv, b.csv. Unpack it" in message
    path = zipped(tmp_path / "none.zip")
    assert "The zip file holds 0 files" in refusal(path, tmp_path)
    path = zipped(tmp_path / "odd.zip", a__exe=CONTENT)
    assert "The zip file holds 'a.exe', which cannot be read." in refusal(path, tmp_path)


def test_a_zip_with_a_password_is_refused(tmp_path):
    path = zipped(tmp_path / "all.zip", rows__csv=CONTENT)
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + at] |= 1
    assert "The zip file has a password." in refusal(
        written(tmp_path, bytes(content), "all.zip"), tmp_path
    )


@pytest.mark.parametrize("ending", PACK)
def test_a_packed_file_that_is_cut_off_or_damaged_is_refused(ending, tmp_path):
    packed = PACK[ending](CONTENT)
    for content in (packed[: len(packed) // 2], packed[:-3], b"garbage" + packed):
        path = written(tmp_path, content, f"rows.csv{ending}")
        assert f"This is not a complete {ending} file" in refusal(path, tmp_path)


def test_a_damaged_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "all.zip", rows__csv=CONTENT)
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 16
    for each in (content[:-40], bytes(damaged)):
        message = refusal(written(tmp_path, each, "all.zip"), tmp_path)
        assert "This is not a complete .zip file" in message


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.zip"])
def test_a_file_that_holds_far_more_than_its_size_suggests_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr("data.sources.unpacked.MIN_UNPACKED", 100_000)
    bomb = b"id,y\n" + b"1,1\n" * 500_000
    if name.endswith(".zip"):
        path = zipped(tmp_path / name, rows__csv=bomb)
    else:
        path = written(tmp_path, gzip.compress(bomb), name)
    assert "far more than a file of its size should" in refusal(path, tmp_path)


def test_a_packed_file_without_a_name_of_its_own_or_without_bytes_is_refused(tmp_path):
    path = written(tmp_path, gzip.compress(CONTENT), "rows.gz")
    assert "Files that end in '.gz' cannot be read." in refusal(path, tmp_path)
    path = written(tmp_path, gzip.compress(b""), "rows.csv.gz")
    assert "The file that is packed in it is empty" in refusal(path, tmp_path)
