"""What this process has of mapped files in memory, as Linux reports it."""

from pathlib import Path

import pytest

SMAPS = Path("/proc/self/smaps")

only_linux = pytest.mark.skipif(not SMAPS.exists(), reason="only Linux says what is resident")


def resident(address: int) -> int:
    """Return the KiB in memory of the mapping that an address is in."""
    lines = iter(SMAPS.read_text().splitlines())
    for line in lines:
        ends = line.split()[0].split("-")
        if len(ends) == 2 and int(ends[0], 16) <= address < int(ends[1], 16):
            return next(int(each.split()[1]) for each in lines if each.startswith("Rss:"))
    raise LookupError("no mapping has this address")
