"""Who may read what nightfit writes: its user alone, except for files that he names himself."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from data import private_files
from data.private_files import close_database, close_home, make_private, unsafe_places
from data.store.views import TEXT
from flows.command.output_formats import write_rows


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Yield the umask of a user who lets everybody read his files; restore that of the tests."""
    monkeypatch.setattr(private_files, "_umask_of_user", [])
    before = os.umask(0o022)
    yield 0o022
    os.umask(before)


@pytest.fixture
def open_home(tmp_path: Path, umask: int) -> Path:
    """Return a home as an older version left it."""
    home = tmp_path / "home"
    (home / "snapshots" / "sales").mkdir(parents=True)
    (home / "snapshots" / "sales" / "rows.parquet").write_text("rows")
    (home / "logs").mkdir()
    return home


def test_what_is_made_after_the_start_is_private_and_what_the_user_names_is_his(tmp_path, umask):
    make_private()
    make_private()  # a flow does it again
    (tmp_path / "log").write_text("")
    (tmp_path / "folder").mkdir()
    write_rows([[("a",)]], {"key": TEXT}, "csv", tmp_path / "rows.csv")
    assert mode(tmp_path / "log") == 0o600
    assert mode(tmp_path / "folder") == 0o700
    assert mode(tmp_path / "rows.csv") == 0o666 & ~umask


def test_an_output_file_that_is_replaced_keeps_its_permissions(tmp_path, umask):
    path = tmp_path / "rows.csv"
    path.touch(mode=0o600)
    write_rows([[("a",)]], {"key": TEXT}, "csv", path)
    assert mode(path) == 0o600
    assert path.read_text() == "key\na\n"


def test_an_output_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path, umask):
    link, path = tmp_path / "link.csv", tmp_path / "rows.csv"
    link.symlink_to(path)
    write_rows([[("a",)]], {"key": TEXT}, "csv", link)
    assert link.is_symlink()
    assert path.read_text() == "key\na\n"


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    write_rows([[("a",)]], {"key": TEXT}, "csv", Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_nothing_follows_a_link_that_another_user_has_put_in_the_folder(tmp_path, umask):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".rows.csv.{os.getpid()}.part").symlink_to(victim)
    write_rows([[("a",)]], {"key": TEXT}, "csv", tmp_path / "rows.csv")
    assert victim.read_text() == "precious"


def test_an_open_home_is_closed_with_everything_in_it(open_home):
    (report,) = close_home(open_home)
    assert "its mode was 0755" in report
    paths = [open_home, *open_home.rglob("*")]
    assert len(paths) == 5
    assert [mode(path) & 0o077 for path in paths] == [0] * 5
    assert close_home(open_home) == []


def test_a_folder_with_anything_else_in_it_stays_open_and_so_does_that(open_home):
    (open_home / "page.html").write_text("for everybody")
    assert "snapshots" in str(sorted(open_home.iterdir()))
    close_home(open_home)
    assert mode(open_home) == 0o755
    assert mode(open_home / "page.html") == 0o644
    assert mode(open_home / "snapshots") == mode(open_home / "logs") == 0o700


def test_a_database_in_the_home_belongs_to_it(open_home):
    database = open_home / "nightfit.db"
    database.write_text("")
    close_home(open_home, database)
    assert mode(open_home) == 0o700


def test_links_in_a_home_are_not_followed(open_home, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (open_home / "theano-1").symlink_to(shared)
    (open_home / "snapshots" / "link").symlink_to(shared)
    close_home(open_home)
    assert mode(shared) == 0o755


def test_a_home_that_is_a_link_is_closed_where_it_is(open_home, tmp_path):
    (tmp_path / "link").symlink_to(open_home)
    close_home(tmp_path / "link")
    assert mode(open_home) == 0o700


def test_a_database_is_closed_with_the_files_beside_it(tmp_path, umask):
    files = [tmp_path / f"a[1].db{end}" for end in ("", "-wal", "-shm", ".sales.lock")]
    for file in (*files, tmp_path / "a1.db.sales.lock"):
        file.touch()
    (report,) = close_database(files[0])
    assert "its mode was 0644" in report
    assert [mode(file) for file in files] == [0o600] * 4
    assert mode(tmp_path / "a1.db.sales.lock") == 0o644
    assert close_database(files[0]) == []


def test_a_folder_that_anybody_may_change_is_reported(tmp_path):
    home = tmp_path / "everyone" / "home"
    home.mkdir(parents=True)
    assert list(unsafe_places(home, None)) == []
    home.parent.chmod(0o777)
    (report,) = unsafe_places(home, home / "store.db")
    assert report.startswith(f"{home}: every user of this machine may change the folder")
    assert len([*unsafe_places(home, home.parent / "store.db")]) == 2
    assert len([*unsafe_places(tmp_path / "home", home / "store.db")]) == 1
    home.parent.chmod(0o1777)  # like /tmp: only the owner of a file may replace it
    assert list(unsafe_places(home, home.parent / "store.db")) == []
    home.chmod(0o1777)  # but anybody may add to the home itself
    assert list(unsafe_places(home, None))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")
def test_a_folder_of_another_user_is_reported(tmp_path):
    home = tmp_path / "theirs" / "home"
    home.mkdir(parents=True)
    os.chown(home.parent, 65534, 65534)
    (report,) = unsafe_places(home, None)
    assert "belongs to another user" in report
