"""The reactor that Twisted knows as ``triloop-uvloop``: a TornadoReactor in its own uvloop."""

from __future__ import annotations

import asyncio

from triloop.adapters.twisted_in_asyncio import install as on_loop
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor

__all__ = ["install"]


def install() -> TornadoReactor:
    """Make a uvloop, the current one from now on, and install a reactor in it.

    Returns:
        The reactor.

    Raises:
        ImportError: uvloop is not installed.
        twisted.internet.error.ReactorAlreadyInstalledError: There is a global reactor already.
    """
    try:
        import uvloop
    except ImportError as missing:
        raise ImportError(f"{missing}: pip install 'triloop[uvloop]'") from missing
    loop = uvloop.new_event_loop()
    try:
        reactor = on_loop.install(loop)
    except BaseException:
        loop.close()
        raise
    asyncio.set_event_loop(loop)
    return reactor
