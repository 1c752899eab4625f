"""Secrets of a source that only Prefect has: every command asks the server that is configured."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from helpers.prefect_api import ask

DATASET = "{source: {url: '${SHOP_URL}', table: sales}, key: id, target: y}"


def make_secret(api, name, value):
    """Make a Secret block, as its page of Prefect's does."""
    (kind,) = ask(api, "block_types/filter", block_types={"slug": {"any_": ["secret"]}})
    schemas = ask(
        api, "block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind["id"]]}}
    )
    ask(
        api,
        "block_documents/",
        name=name,
        data={"value": value},
        block_type_id=kind["id"],
        block_schema_id=schemas[0]["id"],
    )


@pytest.fixture(scope="module")
def shop(new_workspace):
    workspace = new_workspace()
    place = workspace.folder / "shop.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, x REAL, y REAL)")
        rows = [(i, float(i % 97), 2.0 * (i % 97) + i % 3) for i in range(200)]
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
    (workspace.folder / "datasets" / "shop.yaml").write_text(DATASET)
    return workspace, f"sqlite:///{place}"


def test_commands_ask_the_server_that_is_configured_for_a_secret(shop):
    workspace, url = shop
    missing = workspace.run("check", "shop")
    assert missing.returncode == 1
    assert "Set the environment variable SHOP_URL, or make a Secret block 'shop-url'" in (
        missing.stderr
    )
    make_secret(workspace.api, "shop-url", url)
    checked = workspace.run("check", "shop")
    assert (checked.returncode, checked.stderr) == (0, "")
    planned = workspace.run("plan", "shop", "--format", "json")
    (facts,) = json.loads(planned.stdout)["datasets"]
    assert (facts["ending"], facts["rows"]) == ("trained", 200)
    made = workspace.run("init", "${SHOP_URL}", "--table", "sales", "--target", "y")
    assert made.returncode == 0, made.stderr
    assert '"${SHOP_URL}"' in (workspace.folder / "datasets" / "sales.yaml").read_text()
    for done in (checked, planned, made):
        assert url not in done.stdout + done.stderr


def test_where_no_server_is_configured_the_message_says_where_a_secret_may_be(shop):
    workspace, _ = shop
    alone = replace(workspace, api=None).run("check", "shop")
    assert alone.returncode == 1
    assert "has no value in the environment, and no server of Prefect is named." in alone.stderr
    assert "Set the environment variable SHOP_URL, or let PREFECT_API_URL" in alone.stderr
    away = workspace.run("check", "shop", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert away.returncode == 1
    assert "has no value in the environment, and Prefect cannot be asked: " in away.stderr
