"""The files in `deploy/` fit each other, and what the project and Prefect expect of them."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from distributed.cli.dask_scheduler import main as dask_scheduler
from distributed.cli.dask_worker import main as dask_worker
from helpers.workspace import ROOT
from prefect.settings import Settings as PrefectSettings

from data.cluster_address import cluster_address
from data.settings import Settings

DEPLOY = ROOT / "deploy"
COMMANDS = {"scheduler": dask_scheduler, "worker": dask_worker}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
INSTRUCTIONS = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text()).splitlines()
CLUSTER = yaml.safe_load((DEPLOY / "compose.cluster.yaml").read_text())["services"]
REFERENCE = re.compile(r"\$\{(\w+)(:[?-][^}]*)?\}")


def test_containers_set_only_what_nightfit_and_prefect_read():
    ours = {f"NIGHTFIT_{name.upper()}" for name in Settings.model_fields}
    prefects = {name.upper() for name in variables(PrefectSettings)}
    for service in ("nightfit", "prefect"):
        names = set(SERVICES[service]["environment"]) - {"DO_NOT_TRACK"}
        assert names <= ours | prefects


def test_parts_of_the_composition_find_each_other():
    nightfit, prefect = (SERVICES[name]["environment"] for name in ("nightfit", "prefect"))
    assert nightfit["PREFECT_API_URL"] == "http://prefect:4200/api"
    assert nightfit["PREFECT_API_AUTH_STRING"] == "${PREFECT_LOGIN}"
    assert prefect["PREFECT_SERVER_API_AUTH_STRING"] == "${PREFECT_LOGIN:?}"
    user = SERVICES["database"]["environment"]["POSTGRES_USER"]
    database = f"{user}:${{DATABASE_PASSWORD}}@database"
    assert nightfit["NIGHTFIT_DATABASE_URL"] == f"postgresql://{database}/nightfit"
    url = prefect["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    assert url == f"postgresql+asyncpg://{database}/prefect"
    assert "CREATE DATABASE prefect;" in (DEPLOY / "databases.sql").read_text()
    assert SERVICES["database"]["environment"]["POSTGRES_DB"] == "nightfit"


def test_every_service_starts_after_what_it_needs_and_again_after_an_end():
    assert all(service["restart"] == "unless-stopped" for service in SERVICES.values())
    for service in SERVICES.values():
        for needed, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[needed]


def test_parts_of_the_cluster_find_each_other_and_have_one_image():
    address = CLUSTER["nightfit"]["environment"]["NIGHTFIT_CLUSTER"]
    where = cluster_address(address)
    assert CLUSTER["scheduler"]["entrypoint"][2:] == [
        "--host",
        where.host,
        "--port",
        str(where.port),
    ]
    assert CLUSTER["worker"]["entrypoint"][:3] == ["dask", "worker", address]
    assert CLUSTER["worker"]["deploy"] == {"replicas": 2}
    images = {CLUSTER[name]["image"] for name in ("scheduler", "worker")}
    assert images == {SERVICES["nightfit"]["image"]}
    for service in ("worker", "nightfit"):
        assert CLUSTER[service]["depends_on"] == {"scheduler": {"condition": "service_healthy"}}
    assert "healthcheck" in CLUSTER["scheduler"]
    assert not any("ports" in service for service in CLUSTER.values())  # whoever may connect rules


def test_dask_takes_the_options_of_the_cluster():
    for service in ("scheduler", "worker"):
        command = CLUSTER[service]["entrypoint"]
        options = {option for option in command if option.startswith("--")}
        known = {
            name
            for parameter in COMMANDS[command[1]].params
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        assert options <= known


def test_operator_of_kubernetes_finds_the_ports_that_it_asks_for_by_name():
    page = (ROOT / "docs" / "scale.md").read_text()
    (text,) = re.findall(r"```yaml\n(apiVersion: kubernetes.dask.org/v1.*?)```", page, re.DOTALL)
    spec = yaml.safe_load(text)["spec"]
    (scheduler,) = spec["scheduler"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in scheduler["ports"]}
    assert ports == {"tcp-comm": 8786, "http-dashboard": 8787}
    service = {port["name"]: port["port"] for port in spec["scheduler"]["service"]["ports"]}
    assert service == ports
    (worker,) = spec["worker"]["spec"]["containers"]
    assert worker["command"][:2] == ["dask", "worker"]
    dask_worker.make_context("worker", worker["command"][2:])


def test_workers_of_the_cluster_see_the_rows_where_nightfit_writes_them():
    home = SERVICES["nightfit"]["environment"]["NIGHTFIT_HOME"]
    assert f"home:{home}" in SERVICES["nightfit"]["volumes"]
    assert CLUSTER["worker"]["volumes"] == [f"home:{home}"]
    stores = [
        c["environment"]["NIGHTFIT_DATABASE_URL"] for c in (SERVICES["nightfit"], CLUSTER["worker"])
    ]
    assert stores[0] == stores[1]  # so that they can write predictions
    assert 'RUN pip install --editable ".[cluster]"' in INSTRUCTIONS


def test_nothing_listens_for_other_machines():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_volumes_and_mounted_files_are_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), volume


def test_example_names_every_variable_and_git_ignores_the_copy():
    used = {match[1] for match in REFERENCE.finditer((DEPLOY / "compose.yaml").read_text())}
    example = (DEPLOY / "compose.env.example").read_text()
    assert set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.M)) == used
    assert "deploy/compose.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_prefects_image_has_the_pinned_version():
    (pinned,) = re.findall(r"^prefect==(.+)$", (ROOT / "constraints.txt").read_text(), re.M)
    assert SERVICES["prefect"]["image"] == f"prefecthq/prefect:{pinned}-python3.11"


def test_image_has_the_python_and_the_packages_of_the_project():
    assert "FROM python:3.11-slim-bookworm" in INSTRUCTIONS
    assert PROJECT["project"]["requires-python"] == "==3.11.*"
    packages = {
        name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    assert packages <= copied()
    assert any("PIP_CONSTRAINT=/opt/nightfit/constraints.txt" in line for line in INSTRUCTIONS)


def test_image_is_built_of_files_that_are_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in copied():
        assert (ROOT / name).exists()
        assert any(name == kept[1:] or name.startswith(f"{kept[1:]}/") for kept in ignored[1:])


def test_image_has_what_the_command_reads_beside_the_packages():
    beside = set(re.findall(r'ROOT / "([\w.]+)"(?: / "([\w.-]+)")?', sources()))
    read = {"/".join(filter(None, parts)) for parts in beside}
    assert read, "no file is read: the pattern no longer fits the code"
    assert all(
        any(name == kept or name.startswith(f"{kept}/") for kept in copied()) for name in read
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path):
    text = (DEPLOY / "nightfit.service").read_text()
    assert "Restart=always" in text
    here = tmp_path / "nightfit.service"
    here.write_text(text.replace("/opt/nightfit/.venv/bin/nightfit", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "nightfit" in line]
    assert complaints == []


def copied() -> set[str]:
    """Return what the image gets of the project, by its path there."""
    lines = [line.split()[1:-1] for line in INSTRUCTIONS if line.startswith("COPY ")]
    return {name for line in lines for name in line}


def sources() -> str:
    folders = ("flows", "tasks", "regressors", "data")
    return "\n".join(
        file.read_text() for folder in folders for file in (ROOT / folder).rglob("*.py")
    )


def variables(model, prefix="PREFECT"):
    for name, field in model.model_fields.items():
        path = f"{prefix}_{name}"
        if hasattr(field.annotation, "model_fields"):
            yield from variables(field.annotation, path)
        else:
            yield path
