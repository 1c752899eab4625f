"""What a run may bring to the process that runs it: nothing but its parameters."""

import asyncio

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.workers.process import ProcessJobConfiguration

from flows.command.prefect_server import jobs


@pytest.mark.parametrize(
    "variables",
    [
        {"command": "touch mark"},
        {"env": {"PYTHONPATH": "/tmp/theirs"}},
        {"env.PYTHONPATH": "/tmp/theirs"},
        {"working_dir": "/tmp/theirs"},
        {"image": "theirs", "name": "theirs", "labels": {"a": "b"}, "stream_output": False},
    ],
)
def test_worker_takes_nothing_from_the_variables_of_a_run(variables):
    async def configured(values):
        async with PrefectClient("http://127.0.0.1:1/api") as client:
            return await ProcessJobConfiguration.from_template_and_values(
                base_job_template=jobs(), values=values, client=client
            )

    ours = ProcessJobConfiguration(command="python3 -m prefect.engine")
    assert asyncio.run(configured(variables)) == ours
