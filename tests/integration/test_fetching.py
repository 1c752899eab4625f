"""A file from elsewhere comes whole or not at all, and nothing of it is left on the way."""

import gzip
import os
from types import SimpleNamespace

import pytest
from helpers.remote import CSV, SECRET, refusal, rows
from helpers.sources import shop, written
from helpers.web_server import moved_to, running

from data.sources import remote_files
from data.sources.read import READERS, read

pytestmark = pytest.mark.usefixtures("short_pauses")


def test_a_file_that_changes_while_it_is_read_is_fetched_again(tmp_path, web, monkeypatch):
    address, reader = web.put("changing.csv", CSV), READERS[".csv"]
    times: list[bytes] = []

    def read_and_change(path, *others):
        if not times:
            web.put("changing.csv", CSV + b"new,1\n")
        times.append(path.read_bytes())
        return reader(path, *others)

    monkeypatch.setitem(READERS, ".csv", read_and_change)
    snapshot = read(shop(address), folder=tmp_path / "home", quiet_seconds=0.01)
    assert snapshot.rows == 1_001
    assert snapshot.warnings == (
        f"{address}: The file was changed while it was read, so it was read again.",
    )
    assert times == [CSV, CSV + b"new,1\n"]


def test_a_file_that_grows_while_it_is_fetched_is_not_taken_for_a_cut_one(tmp_path, web):
    def grow(handler, _content):
        web.files["/growing.csv"] = CSV + b"new,1\n"
        handler.whole(web.files["/growing.csv"])

    snapshot = read(
        shop(web.put("growing.csv", CSV, grow)), folder=tmp_path / "home", quiet_seconds=0.01
    )
    assert snapshot.rows == 1_001
    assert "The file was changed while it was read" in snapshot.warnings[0]


def test_a_file_is_fetched_in_blocks_and_that_is_reported(tmp_path, memory, monkeypatch):
    memory.pipe_file("/rows.csv", CSV)
    monkeypatch.setattr(remote_files, "BLOCK", 5_000)
    reports = []
    read(
        shop("memory://rows.csv"),
        folder=tmp_path / "home",
        report=lambda share, done: reports.append((share, done)),
    )
    fetched = [(share, done) for share, done in reports if "fetched" in done]
    assert len(fetched) == -(-len(CSV) // 5_000)
    assert fetched == sorted(fetched)
    assert fetched[-1][1] == f"{len(CSV) / 1e6:,.1f} of {len(CSV) / 1e6:,.1f} MB fetched"


def test_fetching_goes_on_where_the_connection_broke(tmp_path, memory, monkeypatch):
    memory.pipe_file("/rows.csv", CSV)
    monkeypatch.setattr(remote_files, "BLOCK", 5_000)
    opened = type(memory)._open
    begins: list[int] = []

    def breaking(self, path, *others, **more):
        file = opened(self, path, *others, **more)
        read_block = file.read
        blocks: list[int] = []

        def read_some(size):
            if len(begins) == 1 and len(blocks) == 1:
                raise ConnectionResetError(104, "Connection reset by peer")
            begins.append(file.tell()) if not blocks else None
            blocks.append(size)
            return read_block(size)

        file.read = read_some
        file.close = lambda: None
        return file

    monkeypatch.setattr(type(memory), "_open", breaking)
    snapshot = read(shop("memory://rows.csv"), folder=tmp_path / "home")
    assert snapshot.rows == 1_000
    assert begins == [0, 5_000]
    assert "The connection to its host failed. It was tried again." in snapshot.warnings[0]


def test_no_more_than_one_file_of_text_is_kept_at_once(tmp_path, memory, monkeypatch):
    for number in range(3):
        memory.pipe_file(f"/p/{number}.csv", b"id,y\n%d,1\n" % number)
    reader = READERS[".csv"]
    kept: list[int] = []

    def read_and_look(path, *others):
        kept.append(len([*path.parent.parent.rglob("fetched*")]))
        return reader(path, *others)

    monkeypatch.setitem(READERS, ".csv", read_and_look)
    assert rows("memory://p", tmp_path).num_rows == 3
    assert kept == [1, 1, 1]


def test_what_was_fetched_is_gone_when_it_has_been_read(tmp_path, memory, monkeypatch):
    memory.pipe_file("/rows.csv", CSV)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    read(shop("memory://rows.csv"), folder=tmp_path / "home")
    assert [entry.name for entry in tmp_path.iterdir()] == ["home"]


def test_a_disk_that_fails_for_a_moment_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    declaration = shop(path)
    os.symlink("/proc/self/mem", path)  # a real file whose first byte is a real EIO

    def mend(_seconds):
        path.unlink(missing_ok=True)
        written(tmp_path, CSV)

    monkeypatch.setattr(
        "data.connections.retry.time", SimpleNamespace(sleep=mend, monotonic=lambda: 0)
    )
    snapshot = read(declaration, folder=tmp_path / "home")
    assert snapshot.rows == 1_000
    assert snapshot.warnings == (
        f"{path}: The file cannot be read: Input/output error. It was tried again.",
    )


# Odd servers


def without_a_length(handler, content):
    """Send a file in chunks, as a program that makes it on the way does."""
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.send_header("Content-Type", "text/csv")
    handler.end_headers()
    if handler.command == "GET":
        for start in range(0, len(content), 1_000):
            piece = content[start : start + 1_000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")
    handler.close_connection = True


def without_head(handler, content):
    """Refuse HEAD, as a signed address does that was made for GET."""
    if handler.command == "HEAD":
        handler.send_error(403)
    else:
        handler.whole(content)


for each in (without_a_length, without_head):
    each.of_head = True  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", [without_a_length, without_head])
def test_a_server_need_not_tell_a_length_or_answer_head(how, tmp_path, web):
    assert rows(web.put("odd.csv", CSV, *[how] * 9), tmp_path).num_rows == 1_000


def test_a_packed_file_that_a_server_calls_encoded_stays_packed(tmp_path, web):
    def encoded(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(content)

    encoded.of_head = True  # type: ignore[attr-defined]
    address = web.put("rows.csv.gz", gzip.compress(CSV), *[encoded] * 9)
    assert rows(address, tmp_path).num_rows == 1_000


def test_an_address_may_have_blanks_and_letters_of_any_language(tmp_path, web):
    web.put("m%C3%A4rz%202024.csv", CSV)
    for name in ("märz 2024.csv", "m%C3%A4rz%202024.csv"):
        assert rows(f"{web.url}/{name}", tmp_path).num_rows == 1_000


def test_a_signed_query_reaches_the_server_as_it_was_written(tmp_path, web):
    signed = "?X-Credential=a%2Fb%2Bc&Expires=1&sig=x%3D%3D"
    rows(web.put("signed.csv", CSV) + signed, tmp_path)
    assert web.asked[-1] == f"HEAD /signed.csv{signed}"


def test_a_password_does_not_follow_to_another_server(tmp_path, web):
    with running() as other:
        target = other.put("moved.csv", CSV)
        address = web.put("moved.csv", CSV, *[moved_to(target)] * 9)
        assert rows(address.replace("://", f"://bob:{SECRET}@"), tmp_path).num_rows == 1_000
        assert set(other.authorized) == {None}


def test_an_incomplete_file_of_an_object_store_is_not_read(tmp_path, memory, monkeypatch):
    memory.pipe_file("/rows.csv", CSV)
    info = type(memory).info
    monkeypatch.setattr(
        type(memory), "info", lambda self, *path: {**info(self, *path), "size": len(CSV) + 5}
    )
    message = refusal("memory://rows.csv", tmp_path)
    assert f"Only {len(CSV):,} of its {len(CSV) + 5:,} bytes have come. It was tried" in message
