"""The deployments of `nightfit serve`: those of `prefect.yaml`, whose forms offer what is declared.

What a person changes on Prefect's page is kept where Prefect can tell it from the file: schedules
that he adds or pauses. The rest is set back to the file at each start.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from data.declarations.file import declared_datasets
from data.errors import CallError, UserError, library_message, shortened
from flows.command.prefect_server import POOL, server_client

if TYPE_CHECKING:
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse

ENTRYPOINTS = ("flows.nightly.nightly", "flows.retrain.retrain")
"""The flows whose forms offer the declared datasets."""

LOOK_SECONDS = 2.0
"""How often the folder of declarations is looked at."""

MAX_QUOTED = 200
"""Characters of names and of what a library says."""

Schema = dict[str, Any]
Report = Callable[[str], object]


class Deployments:
    """The deployments of one file on the server that Prefect's clients in this process use."""

    def __init__(self, file: Path, declarations: Path) -> None:
        self.file = file
        self.declared = deployments_in(file)
        self._declarations = declarations
        self._offered: tuple[str, ...] | None = None
        self._looked = 0.0

    def deploy(self, prefect: Callable[..., None]) -> None:
        """Register the deployments by `prefect deploy`; `prefect` runs it with its arguments."""
        command = f"prefect deploy --all --prefect-file {self.file}"
        before = self._on_server()
        for deployment in before:
            _name_schedules(deployment, self._schedules(deployment.name))
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "prefect.yaml"
            copy.write_text(yaml.safe_dump(self._with_slugs(), sort_keys=False))
            try:
                prefect("deploy", "--all", "--prefect-file", str(copy))
            except UserError as error:
                raise UserError(error.what, where=command) from None
        untouched = {(each.id, each.updated) for each in before}
        touched = {e.name for e in self._on_server() if (e.id, e.updated) not in untouched}
        if skipped := [name for name in self.declared if name not in touched]:
            raise UserError(  # to Prefect, skipping what it does not understand is no failure
                f"Prefect did not register {shortened(', '.join(skipped), MAX_QUOTED)}.",
                where=str(self.file),
                next_step=f"Each deployment needs `work_pool: {{name: {POOL}}}`; what else is"
                f" wrong, `{command}` says.",
            )
        self._offer(declared_datasets(self._declarations))

    def strangers(self) -> list[str]:
        """Return sentences about deployments and schedules that the file does not have."""
        found = self._on_server()
        sentences = []
        if others := sorted(each.name for each in found if each.name not in self.declared):
            sentences.append(
                f"The work pool '{POOL}' also runs deployments that {self.file.name} does not name:"
                f" {shortened(', '.join(others), MAX_QUOTED)}. Delete those that you do not know."
            )
        for deployment in found:
            slugs = {each["slug"] for each in self._schedules(deployment.name)}
            added = [each for each in deployment.schedules if each.slug not in slugs]
            if added and deployment.name in self.declared:
                listed = shortened("; ".join(map(_in_words, added)), MAX_QUOTED)
                sentences.append(
                    f"The deployment {deployment.name} also has schedules that {self.file.name}"
                    f" does not have: {listed}. Delete those that you do not want on the page."
                )
        return sentences

    def follow(self, report: Report) -> None:
        """Offer what is declared now, if that has changed; `report` gets what cannot be done.

        Call it often: the folder is looked at every `LOOK_SECONDS`.
        """
        from httpx import HTTPStatusError, TransportError

        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            names = declared_datasets(self._declarations)
        except CallError:  # the folder is gone for now; a run that is started reports it
            return
        if names == self._offered:
            return
        try:
            self._offer(names)
        except (HTTPStatusError, TransportError) as error:
            self._looked = now + 10 * LOOK_SECONDS
            why = shortened(library_message(str(error)), MAX_QUOTED)
            report(f"The page does not offer the changed datasets yet, and is asked again: {why}")

    def _offer(self, names: tuple[str, ...]) -> None:
        """Have the forms offer these datasets, and Prefect's server refuse others."""
        from prefect.client.schemas.actions import DeploymentUpdate

        with server_client() as client:
            for deployment in self._on_server():
                if deployment.entrypoint in ENTRYPOINTS:
                    schema = offering(
                        deployment.parameter_openapi_schema or {}, names, deployment.parameters
                    )
                    client.update_deployment(
                        deployment.id, DeploymentUpdate(parameter_openapi_schema=schema)
                    )
        self._offered = names

    def _on_server(self) -> "list[DeploymentResponse]":
        """Return the deployments of our work pool that the server has."""
        from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName

        ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
        with server_client() as client:
            return client.read_deployments(work_pool_filter=ours)

    def _schedules(self, name: str) -> list[dict[str, Any]]:
        return with_slugs(self.declared.get(name, {}).get("schedules"))

    def _with_slugs(self) -> dict[str, Any]:
        content = yaml.safe_load(self.file.read_text())
        for deployment in content["deployments"]:
            if deployment.get("schedules"):
                deployment["schedules"] = with_slugs(deployment["schedules"])
        return content  # type: ignore[no-any-return]


def deployments_in(file: Path) -> dict[str, dict[str, Any]]:
    """Return the deployments of a file, by name; one that nobody could deploy is a CallError."""
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise _unusable(file, f"The file of the deployments cannot be read: {why}.") from None
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())
        raise _unusable(file, f"It is not YAML: {shortened(why, MAX_QUOTED)}.") from None
    listed = content.get("deployments") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        raise _unusable(file, "It has no list `deployments`.")
    for deployment in listed:
        if not isinstance(deployment, dict) or not isinstance(deployment.get("name"), str):
            raise _unusable(file, "A deployment in it has no name.")
        schedules = deployment.get("schedules") or []
        if not isinstance(schedules, list) or not all(isinstance(s, dict) for s in schedules):
            raise _unusable(file, f"The schedules of {deployment['name']} are not a list.")
    return {deployment["name"]: deployment for deployment in listed}


def with_slugs(schedules: Iterable[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Return schedules that all have a slug: those that name none are counted.

    A slug is what Prefect knows a schedule by when it is deployed again. Without it, whatever a
    person has paused or added is replaced.
    """
    return [
        {**each, "slug": each.get("slug") or f"schedule-{number}"}
        for number, each in enumerate(schedules or (), start=1)
    ]


def offering(schema: Schema, names: Iterable[str], parameters: Mapping[str, Any]) -> Schema:
    """Return the schema of a deployment's parameters, whose form offers these datasets.

    `parameters` are those that the deployment sets: what they name is offered, too, since a schema
    that refused it would be refused itself. A parameter that is none is refused, too: a run of it
    would only crash.
    """
    choices = sorted({*names, *_named(parameters)})
    properties = dict(schema.get("properties", {}))
    if one := properties.get("dataset"):  # not `const`, which the form would show as JSON
        properties["dataset"] = {**one, "enum": choices}
    if several := properties.get("datasets"):
        properties["datasets"] = {**several, "items": {"type": "string", "enum": choices}}
    unknown = parameters.keys() - properties.keys()  # of a deployment that its owner has to mend
    return {**schema, "properties": properties, "additionalProperties": bool(unknown)}


def _named(parameters: Mapping[str, Any]) -> list[str]:
    several = parameters.get("datasets")
    values = [parameters.get("dataset"), *(several if isinstance(several, list) else ())]
    return [value for value in values if isinstance(value, str)]


def _name_schedules(deployment: "DeploymentResponse", ours: list[dict[str, Any]]) -> None:
    """Give a slug to the schedules of a deployment that have none, so that they all are kept.

    One at the same time as a schedule of the file is that one, from before it had a slug.
    """
    taken = {each.slug for each in deployment.schedules}
    free = [each for each in ours if each["slug"] not in taken]
    with server_client() as client:
        for schedule in deployment.schedules:
            if schedule.slug is not None:
                continue
            same = next((each for each in free if _is_same(schedule, each)), None)
            if same is not None:
                free.remove(same)
            slug = same["slug"] if same is not None else f"page-{str(schedule.id)[:8]}"
            client.update_deployment_schedule(
                deployment.id,
                schedule.id,
                slug=slug,
                parameters=schedule.parameters,  # what is left out of them, the server forgets
            )


def _is_same(schedule: "DeploymentSchedule", declared: Mapping[str, Any]) -> bool:
    cron = getattr(schedule.schedule, "cron", None)
    return cron is not None and cron == declared.get("cron")


def _in_words(schedule: "DeploymentSchedule") -> str:
    """Return when a schedule is due, as it was entered."""
    kind = schedule.schedule
    for name in ("cron", "interval", "rrule"):
        if (value := getattr(kind, name, None)) is not None:
            return f"{name} {value}" + ("" if schedule.active else " (paused)")
    return str(kind)


def _unusable(file: Path, what: str) -> CallError:
    return CallError(
        what,
        where=str(file),
        next_step="Correct it, or name another file in NIGHTFIT_PREFECT_FILE; the `prefect.yaml`"
        " that nightfit comes with is an example.",
    )
