"""A program on asyncio without policies, as in 3.16: ``without_policies_script.py STACK RUNNER``.

The policies are removed before anything else is imported. What asyncio keeps are the functions
``new_event_loop``, ``set_event_loop`` and ``get_event_loop``.
"""

from __future__ import annotations

import asyncio
import asyncio.events
import asyncio.unix_events
import sys
import threading
from typing import Any, NoReturn


class _Current(threading.local):
    loop: asyncio.AbstractEventLoop | None = None


_current = _Current()


def _get_event_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio._get_running_loop() or _current.loop
    if loop is None:
        raise RuntimeError("There is no current event loop")
    return loop


def _set_event_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    _current.loop = loop


def _is_missing(name: str) -> NoReturn:
    raise AttributeError(f"asyncio has no {name}, as from Python 3.16 on")


def _refuse() -> NoReturn:
    raise RuntimeError("asyncio's C code looks for a policy")


def remove_policies() -> None:
    """Do to asyncio what CPython 3.16 does."""
    events: Any = asyncio.events
    events._get_event_loop_policy.__code__ = _refuse.__code__  # C code keeps the function
    for module in (asyncio, asyncio.events, asyncio.unix_events):
        private: Any = module
        for name in [name for name in vars(private) if "policy" in name.lower()]:
            delattr(private, name)
        private.__getattr__ = _is_missing
    events._event_loop_policy = None  # a hook of its own for os.fork reads it
    for module in (asyncio, asyncio.events):
        private = module
        private.get_event_loop = _get_event_loop
        private.set_event_loop = _set_event_loop
        private.new_event_loop = asyncio.SelectorEventLoop


remove_policies()

from twisted.internet.task import deferLater  # noqa: E402 - all of it comes after the removal

import triloop  # noqa: E402
from tests.interop.stages import Stage, build  # noqa: E402
from triloop.default_loop import default_loop  # noqa: E402


async def main(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    assert default_loop() is asyncio.get_event_loop() is loop
    assert await triloop.wait(deferLater(stage.reactor, 0, lambda: "Twisted")) == "Twisted"
    assert await asyncio.to_thread(int, "7") == 7
    process = await asyncio.create_subprocess_exec("/bin/true")
    assert await process.wait() == 0


async def attach() -> None:
    async with triloop.attached() as reactor:
        assert await triloop.wait(deferLater(reactor, 0, lambda: "Twisted")) == "Twisted"


def make_current() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    assert default_loop() is loop
    asyncio.set_event_loop(None)
    loop.close()


def script(stack: str, runner: str) -> None:
    make_current()
    if runner == "triloop.run":
        triloop.run(attach())
        return
    stage = build(stack)
    stage.run(runner, main)
    stage.tidy()


if __name__ == "__main__":
    script(*sys.argv[1:])
