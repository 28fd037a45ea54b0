"""One contender serving one job: ``python -m benchmarks.servers CONTENDER JOB``.

It prints its port and serves until its parent kills it, or dies.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks import bare
from benchmarks.contenders import die_with_parent, is_reactor, run_loop, run_reactor
from benchmarks.jobs import BARE

#: For each job the module and the function that serve it and return the port.
_SERVICES = {
    "twisted-echo": ("twisted_services", "echo"),
    "twisted-idle": ("twisted_services", "echo"),
    "twisted-tls": ("twisted_services", "tls"),
    "twisted-udp": ("twisted_services", "datagrams"),
    "twisted-web": ("twisted_web", "web"),
    "asyncio-echo": ("asyncio_services", "echo"),
    "asyncio-fresh": ("asyncio_services", "echo"),
    "asyncio-idle": ("asyncio_services", "echo"),
    "asyncio-tls": ("asyncio_services", "tls"),
    "asyncio-udp": ("asyncio_services", "datagrams"),
    "streams-echo": ("asyncio_services", "streams"),
    "streams-fresh": ("asyncio_services", "streams"),
    "tornado-echo": ("tornado_services", "echo"),
    "asyncio-download": ("asyncio_transfers", "download"),
    "asyncio-writelines": ("asyncio_transfers", "writelines"),
    "asyncio-sendfile": ("asyncio_transfers", "sendfile"),
    "asyncio-upload": ("asyncio_transfers", "upload"),
    "asyncio-buffered": ("asyncio_transfers", "buffered"),
    "tornado-download": ("tornado_services", "download"),
    "twisted-pull": ("twisted_transfers", "pull"),
    "twisted-push": ("twisted_transfers", "push"),
    "twisted-upload": ("twisted_transfers", "upload"),
    "tornado-web": ("tornado_services", "web"),
    "aiohttp-web": ("aiohttp_services", "web"),
}


def announce(port: int) -> None:
    """Tell the parent where to connect to."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


def serve(contender: str, job: str) -> None:
    """Serve for ever."""
    if contender == BARE:
        (bare.serve_udp if job.endswith("udp") else bare.serve_tcp)(announce)
    elif job == "channels-echo":
        import_module("benchmarks.applications.channels_echo").serve(contender, announce)
    elif is_reactor(contender):
        _serve_twisted(contender, job)
    else:
        _serve_asyncio(contender, job)


def _service(job: str) -> Callable[..., Any]:
    """Find the function of a job. The import is late: a reactor has to be installed first."""
    module, function = _SERVICES[job]
    service: Callable[..., Any] = getattr(import_module(f"benchmarks.{module}"), function)
    return service


def _serve_twisted(contender: str, job: str) -> None:
    async def main(reactor: Any) -> None:
        from twisted.internet.defer import Deferred

        announce(_service(job)(reactor))
        await Deferred()

    run_reactor(contender, main)


def _serve_asyncio(contender: str, job: str) -> None:
    async def main() -> None:
        announce(await _service(job)())
        await asyncio.Event().wait()

    run_loop(contender, main)


if __name__ == "__main__":
    die_with_parent()
    serve(*sys.argv[1:])
