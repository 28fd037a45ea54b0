"""The DNS client: limits the questions under way, and keeps their sockets."""

from __future__ import annotations

import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence

from triloop.adapters.resolver import ServerAddress
from triloop.adapters.resolver.cache import Cache
from triloop.adapters.resolver.channel import Channel, Noise
from triloop.adapters.resolver.deadlines import Deadlines
from triloop.adapters.resolver.loop import Loop
from triloop.adapters.resolver.question import SILENCE, Question, Waiter
from triloop.adapters.resolver.servers import Server, in_order
from triloop.adapters.resolver.tcp import TcpChannel
from triloop.adapters.resolver.udp import UdpChannel
from triloop.adapters.resolver.wire import Answer

__all__ = ["DnsClient"]

_log = logging.getLogger("triloop.resolver")

# Questions after which a socket is replaced, so that its port cannot be guessed for long.
_MAX_ASKED = 200
# Seconds for which queued questions are started before the loop has a turn.
_STINT = 0.005
# UDP sockets of all servers together.
_MAX_SOCKETS = 12

_DROPPED = Answer(SILENCE)


class DnsClient:
    """Asks name servers, on one loop and in its thread.

    Args:
        loop: The loop.
        addresses: The servers, address literals with ports, in the order to ask them in.
        waits: The seconds to wait for a server, one number for each round.
        limit: How many questions may be under way at once; the others are queued.
        cache: Keeps the answers.
        rotate: Whether to begin with a random server.
        use_vc: Whether to ask over TCP only.
    """

    def __init__(
        self,
        loop: Loop,
        addresses: Sequence[ServerAddress],
        waits: Sequence[float],
        *,
        limit: int,
        cache: Cache,
        rotate: bool = False,
        use_vc: bool = False,
    ) -> None:
        self.waits = waits
        self.use_vc = use_vc
        self.deadlines = Deadlines(loop, self._read_all)
        self._loop = loop
        self._limit = limit
        self._cache = cache
        self._rotate = rotate
        self._servers = _reachable(addresses)
        self._max_sockets = max(1, _MAX_SOCKETS // max(1, len(self._servers)))
        self._questions: dict[tuple[bytes, int], Question] = {}
        self._queue: OrderedDict[Question, None] = OrderedDict()
        self._kept: OrderedDict[Question, None] = OrderedDict()
        self._noise = Noise()
        self._under_way = 0
        self._starting = False
        self._udp: dict[Server, list[UdpChannel]] = {server: [] for server in self._servers}
        self._tcp: dict[Server, TcpChannel] = {}

    def known(self, name: bytes, kinds: Sequence[int]) -> tuple[str, ...]:
        """The cached addresses of a name; none unless there is an answer of each kind."""
        addresses: tuple[str, ...] = ()
        for kind in kinds:
            answer = self._cache.get((name, kind))
            if answer is None:
                return ()
            addresses += answer.addresses
        return addresses

    def ask(self, name: bytes, kind: int, waiter: Waiter) -> Answer | Question:
        """Ask for the addresses of a name.

        Args:
            name: The labels of the name, in lower case.
            kind: `wire.A` or `wire.AAAA`.
            waiter: Called with the question and its answer, once.

        Returns:
            The answer, if it is known; the waiter is not called then. The question otherwise.
        """
        key = name, kind
        answer = self._cache.get(key)
        if answer is not None:
            return answer
        question = self._questions.get(key)
        if question is not None:
            question.waiters.append(waiter)
            return question
        question = self._questions[key] = Question(self, key)
        if self._under_way < self._limit and not self._queue:
            self._under_way += 1
            question.start()
        else:
            self._queue[question] = None
            self._start_queued()
        if question.answer is not None:
            return question.answer
        question.waiters.append(waiter)
        return question

    def finish(self, question: Question, answer: Answer) -> None:
        """See `Asker.finish`."""
        question.answer = answer
        self._cache.put(question.key, answer)
        waiters, question.waiters = question.waiters, []
        self._remove(question)
        for waiter in waiters:
            waiter(question, answer)

    def keep(self, question: Question) -> None:
        """See `Asker.keep`."""
        if not self._cache.size:
            self.drop(question)
            return
        self._kept[question] = None
        self._start_queued()

    def drop(self, question: Question) -> None:
        """See `Asker.drop`."""
        question.answer = _DROPPED
        self._remove(question)

    def _remove(self, question: Question) -> None:
        if self._questions.get(question.key) is question:
            del self._questions[question.key]
        if question.deadline is None and question in self._queue:
            del self._queue[question]
            return
        self._under_way -= 1
        if self._kept:
            self._kept.pop(question, None)
        if self._queue:
            self._start_queued()  # first: it may use the socket that this question gives up
        self.deadlines.clear(question)
        attempts, question.attempts = question.attempts, []
        for channel, number in attempts:
            channel.drop(number)

    def _start_queued(self) -> None:
        if self._starting:
            return  # called by a question that was done at its start
        self._starting = True
        end = time.monotonic() + _STINT
        try:
            while self._queue and (
                self._under_way < self._limit or (self._kept and self._drop_kept())
            ):
                if time.monotonic() > end:  # if no server can be reached, each is done at once
                    self._loop.call_soon(self._start_queued)
                    break
                question, _ = self._queue.popitem(last=False)
                self._under_way += 1
                question.start()
        finally:
            self._starting = False

    def _drop_kept(self) -> bool:
        """Drop the oldest question without waiters; False if there is none."""
        while self._kept:
            question, _ = self._kept.popitem(last=False)
            if not question.waiters:
                self.drop(question)
                return True
        return False

    # -- servers and sockets

    def servers(self) -> list[Server]:
        """See `Asker.servers`."""
        return in_order(self._servers, rotate=self._rotate)

    def channel(self, server: Server, *, by_tcp: bool) -> Channel:
        """See `Asker.channel`."""
        if by_tcp:
            if server not in self._tcp:
                self._tcp[server] = TcpChannel(self._loop, server, self._noise, self._tcp_closed)
            return self._tcp[server]
        channels = self._udp[server]
        if channels and channels[-1].asked < _MAX_ASKED:
            return channels[-1]
        if len(channels) < self._max_sockets:
            try:
                channels.append(UdpChannel(self._loop, server, self._noise, self._udp_closed))
            except OSError:
                if not channels:
                    raise
        return channels[-1]

    def _udp_closed(self, channel: UdpChannel) -> None:
        self._udp[channel.server].remove(channel)

    def _tcp_closed(self, channel: TcpChannel) -> None:
        del self._tcp[channel.server]

    def _read_all(self) -> None:
        for channel in self._channels():
            channel.read()

    def _channels(self) -> list[Channel]:
        datagrams = [channel for channels in self._udp.values() for channel in channels]
        return [*datagrams, *self._tcp.values()]

    def close(self) -> None:
        """Give up everything under way: its loop has stopped."""
        for channel in self._channels():
            channel.close()
        self._questions.clear()
        self._queue.clear()
        self._kept.clear()

    def abandon(self) -> None:
        """Close this process's copies of the sockets: in a child of ``os.fork``."""
        for channel in self._channels():
            channel.abandon()


def _reachable(addresses: Sequence[ServerAddress]) -> list[Server]:
    """The servers with an address that exists on this machine."""
    return [server for address in addresses if (server := _server(address)) is not None]


def _server(address: ServerAddress) -> Server | None:
    try:
        return Server(address)
    except socket.gaierror as failed:  # the scope of a link that is not there
        _log.warning("name server %s port %d is left out: %s", *address, failed)
        return None
