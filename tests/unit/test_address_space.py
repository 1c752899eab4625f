"""Too little address space for the libraries is refused in a sentence, before any of them hangs."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("nightfit")
DECLARATION = "source: {path: line.csv}\nkey: row\ntarget: y\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to this limit")
def test_a_command_with_too_little_address_space_ends_in_a_sentence(tmp_path):
    (tmp_path / "line.yaml").write_text(DECLARATION)
    limit = 700 * 2**20
    done = subprocess.run(
        [COMMAND, "retrain", "line"],
        env={
            "NIGHTFIT_DATASETS": str(tmp_path),
            "NIGHTFIT_HOME": str(tmp_path / "home"),
            "NIGHTFIT_DATABASE_URL": f"sqlite:///{tmp_path}/store.db",
        },
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "nightfit: this process may use only 0.68 GiB of address space (`ulimit -v`), too little"
        " memory to read and fit data. Let it use 1 GiB or more.\n"
    )
