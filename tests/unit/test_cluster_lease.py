"""When a worker of a cluster takes the driver of a night for gone."""

import asyncio
import time
from types import SimpleNamespace

from tasks.cluster import plugin
from tasks.cluster.plugin import NightPlugin
from tasks.cluster.token_file import Token
from tasks.cluster.worker_night import Limits


def test_a_worker_that_was_frozen_longer_than_a_lease_does_not_end_the_night_of_all(monkeypatch):
    monkeypatch.setattr(plugin, "LOOK_SECONDS", 0.02)
    ended = []

    async def unregister_worker_plugin(name):
        ended.append(name)

    async def frozen_and_back():
        night = NightPlugin("a night", {}, Limits(60, None), Token("", ""))
        scheduler = SimpleNamespace(unregister_worker_plugin=unregister_worker_plugin)
        lease = asyncio.create_task(night._end_if_abandoned(SimpleNamespace(scheduler=scheduler)))
        await asyncio.sleep(0)
        time.sleep(2 * plugin.LOOKS * plugin.LOOK_SECONDS)  # no look meanwhile
        for _ in range(plugin.LOOKS // 2):  # of which each is one look at most
            await asyncio.sleep(0)
        assert ended == []
        night.heard()
        await lease  # nothing more is heard

    asyncio.run(frozen_and_back())
    assert ended == ["a night"]
