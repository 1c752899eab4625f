"""Settings that Prefect refuses are reported in one sentence, and can be left behind."""

import json
import os
import re
import subprocess
import sys

import pytest

from data.settings import ROOT

PROFILES = {
    "bad": b'active = "x\n[profiles',
    "types": b'active = "x"\nprofiles = [1, 2]\n',
    "value": b'active = "x"\n[profiles.x]\nPREFECT_API_REQUEST_TIMEOUT = "soon"\n',
    # the last one, since Prefect is imported then
    "unknown": b'active = "nobody"\n[profiles.x]\nPREFECT_LOGGING_LEVEL = "INFO"\n',
}

TRIES = """
import json, os, sys
from pathlib import Path
from data.errors import NoServer
from flows.command.prefect_settings import forget_users_prefect, import_prefect, prepare_own_server
home, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
sentences = {}
for name, variables in changes.items():
    forget_users_prefect(home)
    os.environ.update(variables, PREFECT_HOME=str(home / "prefect"))
    try:
        import_prefect()
        sentences[name] = ""
    except NoServer as error:
        sentences[name] = str(error)
forget_users_prefect(home)
import_prefect()
from prefect.settings import get_current_settings
sentences["own"] = str(get_current_settings().api.url)
(home / "prefect" / "nights.db").write_bytes(b"garbage" * 1000)
from prefect.settings import PREFECT_HOME, temporary_settings
with temporary_settings({PREFECT_HOME: home / "prefect"}):
    prepare_own_server("nights.db")
sentences["files"] = " ".join(sorted(path.name for path in (home / "prefect").iterdir()))
print(json.dumps(sentences))
"""


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said about each of several broken settings, in one process that outlives them all."""
    home = tmp_path_factory.mktemp("home")
    (home / "prefect").mkdir()
    changes = {"variable": {"PREFECT_LOGGING_LEVEL": "LOUD" * 100}}
    for name, content in PROFILES.items():
        (home / f"{name}.toml").write_bytes(content)
        changes[name] = {"PREFECT_PROFILES_PATH": str(home / f"{name}.toml")}
    arguments = [sys.executable, "-c", TRIES, str(home), json.dumps(changes)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, check=False, cwd=home
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert "nights.db is damaged" in done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("variable", "PREFECT_LOGGING_LEVEL: Input should be 'DEBUG'"),
        ("bad", "Illegal character"),
        ("types", "has no attribute 'items'"),
        ("unknown", "Active profile 'nobody' set in the profiles file not found."),
        ("value", "PREFECT_API_REQUEST_TIMEOUT: Input should be a valid number"),
    ],
)
def test_a_setting_that_prefect_refuses_is_named_in_one_sentence(sentences, name, words):
    sentence = sentences[name]
    assert sentence.startswith("Prefect cannot use its settings: ")
    assert words in sentence
    assert "NIGHTFIT_PREFECT=auto" in sentence
    assert "\n" not in sentence
    assert "LOUD" * 50 not in sentence
    if name != "variable":
        assert f"{name}.toml" in sentence


def test_broken_settings_can_be_left_behind(sentences):
    assert sentences["own"] == "None"


def test_a_damaged_database_of_prefects_own_server_is_moved_aside(sentences):
    assert re.fullmatch(r"nights\.db\.damaged-\d{8}-\d{6}", sentences["files"])
