"""What Python and the libraries say to programs that are wrong; prints it as JSON."""

import asyncio
import gc
import json
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from functools import partial
from importlib import import_module
from typing import Any

import aiohttp
import anyio
import sniffio
import uvloop
from scrapy.utils.reactor import verify_installed_reactor
from tornado.ioloop import IOLoop
from tornado.netutil import Resolver
from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.error import AlreadyCancelled
from twisted.trial.util import DirtyReactorAggregateError

told: list[str] = []


def tell(program: Callable[[], Any]) -> None:
    """Run a program, and note its error and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            program()
        except Exception as error:  # noqa: BLE001 - of each kind
            told.append(f"{type(error).__name__}: {error}")
    told.extend(str(each.message) for each in caught)


def tell_by_twisted(awaitable: Coroutine[Any, Any, object]) -> None:
    """Have Twisted drive a coroutine, and note its error."""
    ensureDeferred(awaitable).addErrback(lambda failure: told.append(str(failure.value)))


def in_thread(program: Callable[[], Any]) -> None:
    thread = threading.Thread(target=tell, args=[program])
    thread.start()
    thread.join()


async def nothing() -> None:
    pass


async def awaits(awaitable: Any) -> None:
    await awaitable


async def calls(function: Callable[[], Any]) -> None:
    function()


async def watch_children() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, print)


async def add_handler() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, print)


async def has_session() -> None:
    session = aiohttp.ClientSession()
    try:
        await session.get("http://127.0.0.1:9")
    finally:
        await session.connector.close()  # type: ignore[union-attr]
        session.detach()


async def has_limit() -> None:
    async with asyncio.timeout(1):
        await nothing()


async def has_group() -> None:
    async with asyncio.TaskGroup():
        pass


async def in_callback(program: Callable[[], Any]) -> None:
    """Run it in the loop, and in no Task."""
    asyncio.get_running_loop().call_soon(program)
    await asyncio.sleep(0.01)


def run(main: Coroutine[Any, Any, None]) -> Callable[[], None]:
    return lambda: asyncio.run(main)


def awaiting(future: asyncio.Future[None]) -> None:
    """What stands under "Awaiting"."""
    tell(run(awaits(Deferred())))
    tell(run(calls(lambda: asyncio.create_task(Deferred()))))  # type: ignore[arg-type]
    tell_by_twisted(awaits(future))
    tell(asyncio.get_running_loop)
    in_thread(asyncio.get_event_loop)
    tell(run(awaits(future.get_loop().create_future())))
    tell(lambda: awaits(future).__class__)
    tell(lambda: ensureDeferred(future))  # type: ignore[arg-type]
    tell(lambda: DeferredList([future]))  # type: ignore[list-item]
    fired: Deferred[None] = Deferred()
    for fire in (fired.callback, future.set_result):
        fire(None)
        tell(partial(fire, None))


def two_loops() -> None:
    lock = asyncio.Lock()

    async def contend() -> None:
        async with lock:
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(contend(), contend())

    asyncio.run(main())
    asyncio.run(main())


def in_no_task() -> None:
    """What the libraries say to a coroutine that Twisted drives, while a loop runs."""
    programs = [has_session, lambda: anyio.sleep(0.01)]
    if sys.version_info >= (3, 11):
        programs += [has_limit, has_group]
    for program in programs:
        asyncio.run(in_callback(lambda program=program: tell_by_twisted(program())))  # type: ignore[misc]
    tell(sniffio.current_async_library)


def installing() -> None:
    """What stands under "Installing a reactor"."""
    tell(asyncioreactor.install)
    tell(lambda: Resolver.configure("tornado.platform.twisted.TwistedResolver"))
    tell(lambda: import_module("tornado.platform.twisted").TwistedIOLoop)
    tell(lambda: exec("from tornado.platform.twisted import TwistedIOLoop", {}))
    tell(lambda: verify_installed_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor"))


def starting_and_stopping(loop: asyncio.AbstractEventLoop) -> None:
    """What stands under "Starting and stopping"."""
    tell(run(calls(lambda: asyncio.run(nothing()))))
    tell(run(calls(lambda: IOLoop.current().run_sync(nothing))))
    tell(run(calls(lambda: loop.run_until_complete(nothing()))))
    loop.call_soon(loop.stop)
    tell(lambda: loop.run_until_complete(asyncio.sleep(1)))
    loop.call_soon(in_thread, lambda: loop.call_soon(print))
    loop.set_debug(True)
    loop.run_until_complete(asyncio.sleep(0))
    logging.getLogger("asyncio").addHandler(Told())
    task = loop.create_task(awaits(loop.create_future()))
    loop.run_until_complete(asyncio.sleep(0))
    del task
    gc.collect()
    loop.close()
    tell(lambda: loop.call_soon(print))


def running(reactor: Any) -> None:
    """Run the reactor, in itself too, and again."""
    tell(reactor.stop)
    reactor.callLater(0, tell, reactor.run)
    reactor.callLater(0, reactor.stop)
    reactor.run()
    tell(reactor.run)


class Told(logging.Handler):
    """Notes what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        told.append(record.getMessage())


def others() -> None:
    told.append(str(AlreadyCancelled()))
    told.append(str(DirtyReactorAggregateError([])))
    tell(lambda: uvloop.run(watch_children()))
    in_thread(lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    in_thread(run(add_handler()))
    tell(lambda: asyncio.set_event_loop_policy(None))
    tell(lambda: import_module("asyncio").get_child_watcher())


def main() -> None:
    from twisted.internet import reactor

    loop = asyncio.new_event_loop()
    awaiting(loop.create_future())
    told.append(repr(loop.create_future()))
    tell(two_loops)
    in_no_task()
    installing()
    others()
    starting_and_stopping(loop)
    running(reactor)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
