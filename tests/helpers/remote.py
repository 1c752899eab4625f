"""Files at addresses for tests: what reading them gives, and how they are refused."""

import pytest
from helpers.sources import shop

from data.errors import SourceError
from data.sources.read import read
from data.sources.snapshot import load

CSV = b"id,y\n" + b"".join(b"k%d,%d.5\n" % (i, i) for i in range(1_000))
SECRET = "hidden-token"


def refusal(address, folder, **more):
    """Return the message of a source that is refused; nothing is stored, and no secret shown."""
    with pytest.raises(SourceError) as caught:
        read(shop(address, **more), folder=folder / "home")
    assert not (folder / "home").exists()
    message = str(caught.value)
    assert SECRET not in message and str(folder) not in message and "/tmp/" not in message
    return message


def rows(address, folder):
    return load(read(shop(address), folder=folder / "home").path)
