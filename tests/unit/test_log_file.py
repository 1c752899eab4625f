"""Logs that are appended to for months: the newest output stays, and not more."""

import stat

from regressors.frameworks.log_file import end_of, shorten, size


def test_a_long_log_is_emptied_and_its_end_is_kept_once(tmp_path):
    log = tmp_path / "worker.log"
    older = tmp_path / "worker.log.1"
    with log.open("ab", buffering=0) as writer:
        for night in range(5):
            writer.write(b"%d" % night * 150)
            shorten(log, max_bytes=100)
            assert size(log) == 0
            assert older.read_bytes() == b"%d" % night * 100
        writer.write(b"after")
        assert log.read_bytes() == b"after"
    assert stat.S_IMODE(older.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == [log, older]


def test_a_short_log_and_one_that_is_missing_stay_as_they_are(tmp_path):
    log = tmp_path / "worker.log"
    shorten(log)
    log.write_text("short")
    shorten(log)
    assert [file.name for file in tmp_path.iterdir()] == ["worker.log"]
    assert end_of(log, since=2) == "ort"
    assert end_of(log, since=99) == "short"
    assert end_of(tmp_path / "missing", since=0) == ""
