"""A service with asyncio in it: twistd --reactor=triloop --nodaemon --python=clock.tac."""

import asyncio

from twisted.application import service
from twisted.internet.defer import CancelledError, Deferred

import triloop


class Clock(service.Service):
    def startService(self) -> None:
        super().startService()
        self.work = triloop.as_deferred(self.tick())

    async def tick(self) -> None:
        try:
            while True:
                print("tick", flush=True)
                await asyncio.sleep(1)
        finally:
            await asyncio.sleep(0.1)
            print("the clock has stopped", flush=True)

    def stopService(self) -> Deferred[object]:
        super().stopService()
        self.work.cancel()
        return self.work.addErrback(lambda failure: failure.trap(CancelledError))


application = service.Application("clock")
Clock().setServiceParent(application)
