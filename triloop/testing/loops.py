"""The loop of one test, and the runs of the reactor in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.adapters.winding import end_tasks
from triloop.private.cpython import current_loop

__all__ = ["Runs", "TestLoop"]

T = TypeVar("T")


class Runs:
    """The runs of the global reactor: in loops of tests, and without them.

    It is left by ``crash()`` after each, as trial does it: so it keeps its connections and delayed
    calls for the next run, which may be in another loop.

    Args:
        make_loop: Makes the loops of tests.
        reactor: The global reactor.
    """

    def __init__(self, make_loop: Callable[[], asyncio.AbstractEventLoop], reactor: Any) -> None:
        self.make_loop = make_loop
        self.reactor = reactor
        #: Where a reactor that needs a loop runs when there is no test.
        self.home = reactor.host_loop if isinstance(reactor, TornadoReactor) else None

    def at_home(self) -> None:
        """Run the reactor, in a loop that no other code has."""
        if self.home is not None:
            self.reactor.callWhenRunning(asyncio.set_event_loop, current_loop())
            asyncio.set_event_loop(self.home)
        self.reactor.run(installSignalHandlers=self.home is None)

    def end(self) -> None:
        """Shut the reactor down, after a last run of it."""
        self.reactor.callWhenRunning(self.reactor.stop)
        self.at_home()
        if self.home is not None:
            self.home.close()


class TestLoop:
    """A loop with the global reactor, which runs whenever the loop does.

    Args:
        runs: Those of the reactor.
    """

    __test__ = False  # its name begins as those of tests do

    def __init__(self, runs: Runs) -> None:
        self.loop = runs.make_loop()
        self._reactor = runs.reactor
        self._home = runs.home
        if self._home is not None:
            self._reactor.move(self.loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end.

        Raises:
            RuntimeError: It has stopped the reactor.
            BaseException: What it raises.
        """
        asyncio.set_event_loop(self.loop)  # a fixture may have set another one
        if self._home is None:
            return self.loop.run_until_complete(work)
        task = self.loop.create_task(self._when_running(work))
        task.add_done_callback(self._leave)
        try:
            self._reactor.run(installSignalHandlers=False)
        finally:
            task.remove_done_callback(self._leave)
            self._reactor.crash()
        if task.cancelled():
            raise RuntimeError("the reactor was stopped before the test has ended")
        return task.result()

    def _leave(self, task: asyncio.Task[Any]) -> None:
        self._reactor.crash()

    async def _when_running(self, work: Coroutine[Any, Any, T]) -> T:
        started = self.loop.create_future()
        self._reactor.callWhenRunning(started.set_result, None)
        await started
        return await work

    def close(self) -> None:
        """End what asyncio has in the loop, and close it."""
        try:
            self.run(end_tasks(self.loop))
            self.run(self.loop.shutdown_asyncgens())
            self.run(self.loop.shutdown_default_executor())
        finally:
            self.loop.close()
            asyncio.set_event_loop(None)
            if self._home is not None:
                self._reactor.move(self._home)
