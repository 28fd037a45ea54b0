"""What Python and the libraries say to programs that are wrong; prints it as JSON."""

import asyncio
import json
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop
from scrapy.utils.reactor import verify_installed_reactor
from tornado.ioloop import IOLoop
from tornado.netutil import Resolver
from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import AlreadyCancelled

told: list[str] = []


def tell(program: Callable[[], Any]) -> None:
    """Run a program, and note its error and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            program()
        except Exception as error:  # noqa: BLE001 - of each kind
            told.append(str(error))
    told.extend(str(each.message) for each in caught)


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


def run(main: Coroutine[Any, Any, None]) -> Callable[[], None]:
    return lambda: asyncio.run(main)


def main() -> None:
    from twisted.internet import reactor

    anything: Any = reactor
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    tell(run(awaits(Deferred())))
    ensureDeferred(awaits(future)).addErrback(lambda failure: told.append(str(failure.value)))
    tell(asyncio.get_running_loop)
    in_thread(asyncio.get_event_loop)
    tell(run(awaits(loop.create_future())))
    tell(lambda: awaits(future).__class__)
    tell(run(calls(lambda: asyncio.run(nothing()))))
    tell(run(calls(lambda: IOLoop.current().run_sync(nothing))))
    tell(lambda: Resolver.configure("tornado.platform.twisted.TwistedResolver"))
    loop.close()
    tell(lambda: loop.call_soon(print))
    told.append(str(AlreadyCancelled()))
    tell(lambda: uvloop.run(watch_children()))
    tell(asyncioreactor.install)
    tell(anything.stop)
    tell(lambda: verify_installed_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor"))
    in_thread(lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    told.append(repr(future))
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
