"""Files at addresses: read like those of this machine, and every failure of a server has its words.

The servers are real: one of S3 by moto, and a web server that fails as it is told.
"""

from importlib.util import find_spec

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.remote import CSV, SECRET, refusal, rows
from helpers.sources import shop
from helpers.web_server import cut, moved_to, running, slow, status, unknown_certificate

from data.connections import file_systems
from data.sources.read import read

pytestmark = pytest.mark.usefixtures("short_pauses")


# Several files


def test_files_of_a_pattern_are_one_table_and_a_new_one_belongs_to_it(tmp_path, objects):
    bucket = objects.bucket()
    objects.put(bucket, "out/sales-1.csv", b"id,y\na,1\n")
    objects.put(bucket, "out/other.csv", b"x\n1\n")
    address = f"s3://{bucket}/out/sales-*.csv"
    assert rows(address, tmp_path)["id"].to_pylist() == ["a"]
    objects.put(bucket, "out/sales-2.csv", b"id,y\nb,2\n")
    assert rows(address, tmp_path)["id"].to_pylist() == ["a", "b"]


def test_a_folder_has_the_columns_of_its_partitions_and_no_hidden_files(tmp_path, memory):
    for year in (2023, 2024):
        content = pa.BufferOutputStream()
        pq.write_table(pa.table({"id": [f"k{year}"], "y": [1.5]}), content)
        memory.pipe_file(f"/t/year={year}/part.parquet", content.getvalue().to_pybytes())
    for name in ("_SUCCESS", ".part.parquet", "_tmp/part.parquet", "note.doc"):
        memory.pipe_file(f"/t/{name}", b"x")
    for address in ("memory://t", "memory://t/"):
        assert rows(address, tmp_path)["year"].to_pylist() == [2023, 2024]


def test_files_whose_columns_differ_are_named_by_their_addresses(tmp_path, memory):
    memory.pipe_file("/p/a.csv", b"id,y\na,1\n")
    memory.pipe_file("/p/b.csv", b"id,z\na,1\n")
    message = refusal("memory://p/*.csv", tmp_path)
    assert message.startswith("memory://p/b.csv: Its columns are not those of 'a.csv'")
    memory.pipe_file("/p/b.csv", b"")
    assert refusal("memory://p/*.csv", tmp_path).startswith("memory://p/b.csv: The file is empty")
    memory.pipe_file("/p/b.parquet", b"x")
    assert "'b.csv' and 'b.parquet' are of different formats" in refusal("memory://p/*", tmp_path)
    assert "No file has a name of this pattern" in refusal("memory://p/*.json", tmp_path)


def test_a_web_server_has_no_patterns(tmp_path, web):
    message = refusal(f"{web.url}/sales-*.csv", tmp_path)
    assert "A web server does not list its files, so there can be no pattern." in message


# What is missing


def test_what_is_missing_is_named_with_the_most_similar_name(tmp_path, objects):
    bucket = objects.bucket()
    objects.put(bucket, "out/sales.csv", CSV)
    missing = f"s3://{bucket}/out/sale.csv"
    assert refusal(missing, tmp_path) == (
        f"{missing}: There is no such file. Did you mean 'sales.csv'? Correct 'source' in the"
        " declaration."
    )
    message = refusal(f"s3://{bucket}/oud/sales.csv", tmp_path)
    assert "There is no folder 'oud'. Did you mean 'out'?" in message
    message = refusal(f"s3://{bucket}x/out/sales.csv", tmp_path)
    assert f"There is no bucket or folder '{bucket}x'. Did you mean '{bucket}'?" in message


def test_an_empty_file_and_a_file_of_another_format_are_refused(tmp_path, web):
    assert "The file is empty (0 bytes)" in refusal(web.put("empty.csv", b""), tmp_path)
    address, web.types["/rows.exe"] = web.put("rows.exe", CSV), "application/octet-stream"
    message = refusal(f"{address}?token={SECRET}", tmp_path)
    assert message.startswith(f"{address}?***: Files that end in '.exe' cannot be read.")


# What a web server answers


def test_a_file_of_no_ending_is_what_the_server_calls_it(tmp_path, web):
    address = web.put("export", CSV)
    web.types["/export"] = "text/csv; charset=utf-8"
    assert rows(f"{address}?format=csv", tmp_path).num_rows == 1_000


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (401, "It may not be read: the server answers 401 (Unauthorized). Check the user"),
        (403, "It may not be read: the server answers 403 (Forbidden). Check the user"),
        (404, "There is no such file: the server answers 404 (Not Found). Correct 'source'"),
        (418, "The server answers 418 (I'm a Teapot). Correct 'source' in the declaration"),
    ],
)
def test_an_answer_that_stays_is_a_refusal_at_once(number, message, tmp_path, web):
    address = web.put(f"{number}.csv", CSV, *[status(number)] * 9)
    web.asked.clear()
    shown = refusal(f"{address}?token={SECRET}", tmp_path)
    assert shown.startswith(f"{address}?***: {message}")
    assert web.asked == [f"HEAD /{number}.csv?token={SECRET}", f"GET /{number}.csv?token={SECRET}"]


def test_an_answer_that_passes_is_waited_for_and_told(tmp_path, web, caplog):
    address = web.put("late.csv", CSV, *[status(500)] * 4)  # HEAD and GET, twice
    snapshot = read(shop(f"{address}?token={SECRET}"), folder=tmp_path / "home")
    away = f"{address}?***: The server answers 500 (Internal Server Error)."
    assert (snapshot.rows, snapshot.warnings) == (1_000, (f"{away} It was tried again 2 times.",))
    assert [record.getMessage() for record in caplog.records] == [f"{away} It is tried again."] * 2


def test_a_server_that_stays_away_is_tried_four_times(tmp_path, web):
    address = web.put("away.csv", CSV, *[status(503)] * 99)
    assert refusal(address, tmp_path) == (
        f"{address}: The server answers 503 (Service Unavailable). It was tried 4 times. Check that"
        " it works, and run again."
    )


def test_a_file_that_is_cut_short_is_fetched_again_or_refused(tmp_path, web):
    address = web.put("cut.csv", CSV, cut)
    snapshot = read(shop(address), folder=tmp_path / "home")
    assert snapshot.rows == 1_000
    broke = "The connection broke before all of the file had come. It was tried"
    assert snapshot.warnings == (f"{address}: {broke} again.",)
    address = web.put("always.csv", CSV, *[cut] * 9)
    assert f"{broke} 4 times." in refusal(address, tmp_path / "other")


def test_a_server_that_stops_sending_is_not_waited_for(tmp_path, web, monkeypatch):
    monkeypatch.setattr(file_systems, "READ_SECONDS", 0.1)
    snapshot = read(shop(web.put("slow.csv", CSV, slow)), folder=tmp_path / "home")
    (warning,) = snapshot.warnings
    assert "The server has not answered in time. It was tried again." in warning
    assert snapshot.rows == 1_000


def test_a_file_that_has_moved_is_followed_and_a_circle_is_refused(tmp_path, web):
    web.put("new.csv", CSV)
    address = web.put("old.csv", CSV, *[moved_to("/new.csv")] * 9)
    assert rows(address, tmp_path).num_rows == 1_000
    address = web.put("circle.csv", CSV, *[moved_to("/circle.csv")] * 99)
    assert "leads from one address to another" in refusal(address, tmp_path / "other")


@pytest.mark.parametrize("name", ["page.csv", "page.parquet", "page.xlsx", "page"])
def test_a_web_page_in_place_of_the_file_is_called_one(name, tmp_path, web):
    page = b"\n<!DOCTYPE html>\n<html><head><title> Sign in </title></head></html>"
    address = web.put(name, page)
    web.types["/page"] = "text/csv"
    message = refusal(address, tmp_path)
    assert "The server sent a web page ('Sign in') instead of the file. Open the" in message


def test_a_user_and_a_password_go_to_the_server_and_nowhere_else(tmp_path, web, caplog):
    address = web.put("private.csv", CSV).replace("://", f"://bob:{SECRET}@")
    snapshot = read(shop(address), folder=tmp_path / "home")
    assert snapshot.rows == 1_000
    assert web.authorized[-1].startswith("Basic ")
    content = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*.parquet"))
    assert SECRET.encode() not in content and SECRET not in caplog.text


def test_a_secret_is_filled_in_from_the_environment(tmp_path, web, monkeypatch):
    address = web.put("filled.csv", CSV)
    monkeypatch.setenv("SALES_URL", f"{address}?token={SECRET}")
    assert rows("${SALES_URL}", tmp_path).num_rows == 1_000
    assert web.asked[-1] == f"HEAD /filled.csv?token={SECRET}"
    monkeypatch.setenv("SALES_URL", f"/{SECRET}.csv")
    message = refusal("${SALES_URL}", tmp_path / "other")
    assert message.startswith("${SALES_URL}: What is filled in is not an address")
    monkeypatch.setenv("SALES_URL", f"{address}/{SECRET}/x.csv")
    assert "There is no such file" in refusal("${SALES_URL}", tmp_path / "other")


# What does not answer at all


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:9/x.csv", "Nothing answers at its host"),
        ("https://no-such-host.invalid/x.csv", "No address of its host can be found"),
        ("ftp://127.0.0.1:9/x.csv", "Nothing answers at its host"),
    ],
)
def test_a_host_that_is_not_there_is_named(address, message, tmp_path):
    assert refusal(address, tmp_path).startswith(f"{address}: {message}")


def test_a_server_without_a_known_certificate_is_refused_at_once(tmp_path, web):
    with running(unknown_certificate(tmp_path)) as unknown:
        message = refusal(unknown.put("tls.csv", CSV), tmp_path)
    assert "does not speak TLS: self-signed certificate. Correct" in message
    assert "SSL_CERT_FILE" in message and "tried" not in message
    address = web.put("tls.csv", CSV).replace("http://", "https://")
    assert "The server cannot be trusted, or does not speak TLS." in refusal(address, tmp_path)


def test_an_object_store_tells_its_own_failures(tmp_path, web, objects, monkeypatch):
    web.put("b/forbidden.csv", CSV, *[status(403)] * 9)
    web.put("b/broken.csv", CSV, *[status(500)] * 99)
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url)
    message = refusal("s3://b/forbidden.csv", tmp_path)
    assert "the server answers 403 (Forbidden). Set AWS_ACCESS_KEY_ID and" in message
    message = refusal("s3://b/broken.csv", tmp_path)
    assert "The server answers 500 (Internal Server Error). It was tried 4 times." in message
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "Nothing answers at its host" in refusal("s3://b/x.csv", tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    message = refusal("s3://b/x.csv", tmp_path)
    assert "There are no credentials for it. Set AWS_ACCESS_KEY_ID" in message


@pytest.mark.skipif(find_spec("gcsfs") is not None, reason="its driver is installed")
def test_the_package_of_a_missing_driver_is_named(tmp_path):
    message = refusal("gs://bucket/x.csv", tmp_path)
    assert "The driver of gs:// cannot be loaded: No module named 'gcsfs'." in message
    assert "(pip install gcsfs)" in message
