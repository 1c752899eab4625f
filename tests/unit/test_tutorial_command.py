"""What `nightfit tutorial` refuses before it begins."""

import pytest

from data.errors import CallError
from flows.command.tutorial import run_tutorial


def test_folder_that_is_not_there_is_refused_and_not_made(tmp_path):
    with pytest.raises(CallError, match=f"There is no folder {tmp_path / 'missing'}."):
        run_tutorial(tmp_path / "missing" / "page.html", opened=False)
    assert not (tmp_path / "missing").exists()
