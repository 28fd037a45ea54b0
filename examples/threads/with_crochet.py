"""Blocking functions of crochet's, called in worker threads, on a TornadoReactor."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import triloop

triloop.install()

import crochet
from twisted.internet import reactor
from twisted.internet.task import deferLater

crochet.setup()


@crochet.wait_for(timeout=5)
def by_twisted() -> object:
    """A function that blocks its thread until Twisted has an answer."""
    return deferLater(reactor, 0.1, lambda: "Twisted waited")


@crochet.wait_for(timeout=5)
def by_asyncio() -> object:
    """The same, of asyncio's."""
    return triloop.as_deferred(asyncio.sleep(0.1, "asyncio slept"))


with ThreadPoolExecutor() as threads:  # those of a web server
    for answer in (threads.submit(by_twisted), threads.submit(by_asyncio)):
        print(answer.result())
