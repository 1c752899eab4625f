"""A text file that was cut off within its last value looks whole, but for its size."""

import pytest
from helpers.sources import shop, written

from data.sources.read import read

ROW = "{:07},{:07}\n"


def text(size: int) -> str:
    """Return so many bytes of a file, as a disk keeps them that has no room for the others."""
    return ("id,y\n" + "".join(ROW.format(i, i) for i in range(1000)))[:size]


def warnings(content, folder):
    return read(shop(written(folder, content)), folder=folder / "home").warnings


def test_a_file_that_ends_within_a_value_where_programs_stop_writing_is_warned_of(tmp_path):
    (warning,) = warnings(text(8_192), tmp_path)
    assert "ends without a line break, after 8,192 bytes" in warning
    assert "within its last value" in warning


def test_so_is_one_in_another_encoding(tmp_path):
    content = text(2_047).encode("utf-16")
    (warning,) = [w for w in warnings(content, tmp_path) if "line break" in w]
    assert "after 4,096 bytes" in warning


@pytest.mark.parametrize(
    "content",
    [
        text(8_191),
        text(8_193),
        text(4_085) + "1234567,12\n",
        text(4_085) + '77,"123456"',
        "id,y\n1,2",
    ],
)
def test_other_files_without_a_line_break_at_the_end_are_not(content, tmp_path):
    assert warnings(content, tmp_path) == ()
