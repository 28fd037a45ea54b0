"""Buildbot: a master starts, builds what it is told to by a worker of its own, and stops."""

import asyncio
import tempfile
from typing import Any

from tests.apps import host


async def main() -> None:
    from buildbot.config.master import MasterConfig
    from buildbot.interfaces import IConfigLoader
    from buildbot.master import BuildMaster
    from buildbot.plugins import schedulers, steps, util, worker
    from twisted.internet import reactor
    from zope.interface import implementer

    import triloop

    factory = util.BuildFactory([steps.ShellCommand(command=["echo", "hello"])])
    config = {
        "buildbotNetUsageData": None,
        "db_url": "sqlite://",
        "protocols": {"null": {}},
        "workers": [worker.LocalWorker("here")],
        "builders": [util.BuilderConfig(name="b", workernames=["here"], factory=factory)],
        "schedulers": [schedulers.ForceScheduler(name="force", builderNames=["b"])],
    }

    @implementer(IConfigLoader)
    class Loader:
        def loadConfig(self) -> Any:
            return MasterConfig.loadFromDict(config, "master.cfg")

    with tempfile.TemporaryDirectory(prefix="buildbot") as name:
        master = BuildMaster(name, reactor=reactor, config_loader=Loader())
        master.config.db.db_url = config["db_url"]
        await triloop.wait(master.db.setup(check_version=False))
        await triloop.wait(master.db.model.upgrade())
        master.db.setup = lambda: None  # a database in memory was set up for good
        await triloop.wait(master.startService())
        assert master.running
        builders = await triloop.wait(triloop.as_deferred(master.data.get(("builders",))))
        assert [one["name"] for one in builders] == ["b"], builders
        await triloop.wait(
            master.data.control(
                "force", {"owner": "the test", "builderid": 1}, ("forceschedulers", "force")
            )
        )
        builds: Any = []
        while not (builds and builds[0]["complete"]):
            await asyncio.sleep(0.05)
            builds = await triloop.wait(triloop.as_deferred(master.data.get(("builds",))))
        assert builds[0]["state_string"] == "build successful", builds
        await triloop.wait(master.stopService())
        await triloop.wait(master.db.pool.stop())


host.run(main)
