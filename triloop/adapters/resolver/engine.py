"""Names to addresses on one loop, by one engine for each set of options."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from typing import Any

from triloop.adapters.resolver import servers_of
from triloop.adapters.resolver.cache import Cache
from triloop.adapters.resolver.client import DnsClient
from triloop.adapters.resolver.files import WatchedFile
from triloop.adapters.resolver.gai_conf import parse_gai_conf
from triloop.adapters.resolver.hosts_source import HostsSource
from triloop.adapters.resolver.lookup import Lookup, Outcome
from triloop.adapters.resolver.loop import Loop, WeakLoop
from triloop.adapters.resolver.names import Name
from triloop.adapters.resolver.nsswitch import Source, parse_nsswitch
from triloop.adapters.resolver.order import Orderer
from triloop.adapters.resolver.resolv_conf import ResolvConf, parse_resolv_conf
from triloop.adapters.resolver.settings import Settings
from triloop.registry import deciding

__all__ = ["Engine", "engine_of"]

# The seconds to wait for a server in each round, where nothing else is configured. Their sum is
# what the C library waits, but a lost question is repeated sooner.
_WAITS = (1.0, 1.0, 2.0, 3.0, 3.0)
_TIMEOUT, _ATTEMPTS = 5, 2
# Seconds between two checks of files that hardly ever change.
_RARELY = 1.0
# How many sets of options a loop keeps an engine for.
_MAX_ENGINES = 16


class Engine:
    """Finds the addresses of names, on one loop and in its thread.

    Args:
        loop: The loop.
        settings: The options.

    Attributes:
        loop: The loop.
    """

    def __init__(self, loop: Loop, settings: Settings) -> None:
        self.hosts = HostsSource(loop, settings.hosts)
        self.loop = loop
        self._settings = settings
        self._resolv = WatchedFile(settings.resolv, parse_resolv_conf)
        self._nsswitch = WatchedFile(settings.nsswitch, parse_nsswitch, _RARELY)
        self._orderer = WatchedFile(settings.gai, _orderer, _RARELY)
        self._cache = Cache(settings.cache_size)
        self._conf: ResolvConf | None = None
        self._client: DnsClient | None = None
        self._lookups: dict[tuple[bytes, int], Lookup] = {}
        #: Whether it must not be used any more.
        self.is_closed = False
        _every.add(self)

    def look_up(self, name: Name, family: int) -> Outcome | Lookup:
        """Find the addresses of a name.

        Args:
            name: The name.
            family: ``AF_INET``, ``AF_INET6`` or ``AF_UNSPEC``.

        Returns:
            The outcome, if it is known; otherwise the lookup, to wait for.
        """
        lookup = self._lookups.get((name.text, family))
        if lookup is None:
            lookup = Lookup(self, name, family)
            lookup.start()
            if lookup.outcome is not None:
                return lookup.outcome
            self._lookups[lookup.key] = lookup
        return lookup

    def close(self) -> None:
        """Give up everything under way: the loop does not run any more."""
        self.is_closed = True
        self._lookups.clear()
        if self._client is not None:
            self._client.close()

    # lookup.Surroundings

    def sources(self) -> tuple[Source, ...]:
        """See `Surroundings.sources`."""
        return self._nsswitch.value()

    def dns(self) -> tuple[DnsClient, ResolvConf]:
        """See `Surroundings.dns`."""
        conf = self._conf
        if conf is None or not conf.is_for_good:
            conf = self._resolv.value()
        if conf is not self._conf or self._client is None:
            self._conf = conf
            self._cache.clear()
            self._client = self._new_client(conf)
        return self._client, conf

    def _new_client(self, conf: ResolvConf) -> DnsClient:
        settings = self._settings
        client = DnsClient(
            self.loop,
            settings.servers or servers_of(conf.nameservers),
            settings.timeout or _waits(conf),
            limit=settings.max_in_flight,
            cache=self._cache,
            rotate="rotate" in conf.options,
            use_vc="use-vc" in conf.options,
        )
        _clients.add(client)
        return client

    def order(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """See `Surroundings.order`."""
        return self._orderer.value().order(addresses)

    def ended(self, lookup: Lookup) -> None:
        """See `Surroundings.ended`."""
        if self._lookups.get(lookup.key) is lookup:
            del self._lookups[lookup.key]


def _orderer(content: bytes) -> Orderer:
    return Orderer(parse_gai_conf(content))


def _waits(conf: ResolvConf) -> tuple[float, ...]:
    if conf.timeout is None and conf.attempts is None:
        return _WAITS
    timeout = _TIMEOUT if conf.timeout is None else conf.timeout
    attempts = _ATTEMPTS if conf.attempts is None else conf.attempts
    return (float(max(1, timeout)),) * max(1, attempts)


# -- the engines of all loops -------------------------------------------------------------------


_engines: weakref.WeakKeyDictionary[Any, dict[Settings, Engine]] = weakref.WeakKeyDictionary()
# Those too that have been replaced, and still have something under way.
_every: weakref.WeakSet[Engine] = weakref.WeakSet()
_clients: weakref.WeakSet[DnsClient] = weakref.WeakSet()


def engine_of(loop: Any, as_loop: Callable[[Any], Loop], settings: Settings) -> Engine:
    """The engine of a loop for a set of options; to be called in the loop's thread.

    Args:
        loop: An asyncio loop or a Twisted reactor.
        as_loop: Makes a `Loop` of it.
        settings: The options.
    """
    engine = _engines.get(loop, {}).get(settings)
    if engine is not None:
        return engine
    with deciding:
        if loop not in _engines:
            _close_those_of_closed_loops()
        engines = _engines.setdefault(loop, {})
        while len(engines) >= _MAX_ENGINES:
            del engines[next(iter(engines))]  # what it has under way goes on
        engine = engines[settings] = Engine(WeakLoop(loop, as_loop), settings)
    return engine


def _close_those_of_closed_loops() -> None:
    """Close the engines of closed loops: a lookup under way would keep its loop alive."""
    for loop, engines in list(_engines.items()):
        if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed():
            del _engines[loop]
            for engine in engines.values():
                engine.close()


def _discard_all() -> None:
    """Discard all engines in a child of ``os.fork``: what is under way is the parent's."""
    for engine in list(_every):
        engine.is_closed = True
    for client in list(_clients):
        client.abandon()
    _engines.clear()


os.register_at_fork(after_in_child=_discard_all)
