"""The loop that Scrapy's settings ask for, which Scrapy does not pass on."""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import Any

__all__ = ["wanted_loop"]

_CALLER = "scrapy.utils.reactor"


def wanted_loop(caller: FrameType) -> asyncio.AbstractEventLoop | None:
    """Give the loop of Scrapy's setting ASYNCIO_EVENT_LOOP, where Scrapy installs a reactor.

    Scrapy passes the setting to Twisted's own asyncio reactor only, and later refuses any other
    reactor on asyncio if its loop is not of that class. So the setting is read from the caller's
    variables. If a later Scrapy no longer has it there, Scrapy's refusal says what is wrong.

    Args:
        caller: The frame that calls ``install()``.

    Returns:
        The current loop, or a new one that is current now; None where there is no such setting.
    """
    path = caller.f_locals.get("event_loop_path")
    if caller.f_globals.get("__name__") != _CALLER or path is None:
        return None
    set_loop: Any = caller.f_globals.get("set_asyncio_event_loop")
    loop = set_loop(path) if callable(set_loop) else None
    return loop if isinstance(loop, asyncio.AbstractEventLoop) else None
