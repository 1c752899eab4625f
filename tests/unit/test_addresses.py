"""The address of a file elsewhere: kept as it was written, and never shown with a secret."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from data.declarations.address import Address, is_address
from data.declarations.source import PathSource, ending_of

SHOWN = {
    "s3://bucket/a/b.csv.gz": "s3://bucket/a/b.csv.gz",
    "S3://Bucket//x.csv": "s3://Bucket//x.csv",
    "s3://bucket/x?.csv": "s3://bucket/x?.csv",
    "s3://bucket/x.csv?versionId=hidden": "s3://bucket/x.csv?***",
    "https://host:8443/x.csv?token=hidden#hidden": "https://host:8443/x.csv?***",
    "https://bob:hidden@host/x.csv": "https://***@host/x.csv",
    "https://hidden@host/x.csv": "https://***@host/x.csv",
    "https://host?key=hidden": "https://host?***",
    "ftp://bob:hid/den@host/x.csv": "ftp://***",
    "sftp://bob@host/x.csv": "sftp://bob@host/x.csv",
    "https://[::1]:80/x.csv": "https://[::1]:80/x.csv",
    "s3://bucket/a::b.csv": "s3://bucket/a::b.csv",
    "s3://${BUCKET}/x*.csv": "s3://${BUCKET}/x*.csv",
    "${SALES_URL}": "${SALES_URL}",
    "${HOST}/x.csv?token=hidden": "${HOST}/x.csv?***",
    "${USER}:hidden@host/x.csv": "${USER}***",
}


@pytest.mark.parametrize("text", SHOWN)
def test_an_address_is_kept_as_it_is_and_shown_and_stored_without_secrets(text):
    source = PathSource(path=text)
    assert isinstance(source.path, Address)
    assert source.path.text == text
    assert source.shown == str(source.path) == SHOWN[text]
    assert json.loads(source.model_dump_json())["path"] == SHOWN[text]
    assert PathSource.model_validate_json(source.model_dump_json()).shown == SHOWN[text]
    assert "hidden" not in f"{source!r} {source} {source.path!r}"


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("https://host/x.CSV?file=y.parquet", ".csv"),
        ("https://host/x.csv.gz#y", ".csv"),
        ("https://host/m%C3%A4rz.parquet", ".parquet"),
        ("memory://x.csv", ".csv"),
        ("s3://bucket/x.csv?versionId=3", ".csv"),
        ("s3://bucket/folder", ""),
    ],
)
def test_the_ending_is_that_of_the_path(text, ending):
    assert ending_of(Address(text)) == ending


def test_a_file_of_this_machine_is_a_path():
    assert PathSource(path="file:///data/a%20b.csv").path == Path("/data/a b.csv")
    assert PathSource(path="local:///data/a.csv").path == Path("/data/a.csv")
    assert not is_address("C/x.csv") and not is_address("./s3:/x.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ss3://bucket/x.csv", "cannot begin with 'ss3://'"),
        ("postgresql://bob:hidden@host/shop", "cannot begin with 'postgresql://'"),
        ("zip://a.csv::s3://bucket/x.zip", "cannot lead through another one"),
        ("simplecache::s3://bucket/x.csv", "cannot lead through another one"),
        ("s3://", "names no file"),
        ("https://host/x.csv\nhidden", "cannot be printed"),
    ],
)
def test_what_is_no_address_is_refused_without_its_secrets(text, message):
    with pytest.raises(ValidationError) as caught:
        PathSource(path=text)
    (details,) = caught.value.errors()
    assert message in details["msg"]
    mistake = details["ctx"]["error"]
    assert "hidden" not in mistake.what + mistake.next_step


def test_options_are_for_the_files_whose_ending_the_address_has():
    assert PathSource(path="s3://bucket/x.csv.gz", separator=";").separator == ";"
    with pytest.raises(ValidationError, match=r"this one ends in \.parquet"):
        PathSource(path="https://host/x.parquet?y=.csv", separator=";")


def test_options_go_along_to_another_address():
    declared = PathSource(path="s3://bucket/x.csv", separator=";", skip=2)
    other = declared.at("https://host/y.csv?token=hidden")
    assert (other.shown, other.separator, other.skip) == ("https://host/y.csv?***", ";", 2)
    assert declared.at(Path("/x.parquet")).separator is None
