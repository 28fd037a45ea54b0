"""A question, sent to one name server after the other until one has an answer.

::

    a question   | holds                                      | goes on
    -------------+--------------------------------------------+-----------------------------------
    queued       | a place in the queue                       | when another one is done
    under way    | a deadline, and an id on each channel on   | answer: done; refusal: the next
                 | which it was sent                          | server; silence: the next server,
                 |                                            | and an answer may still come late
    done         | nothing                                    |
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from triloop.adapters.resolver.channel import Channel
from triloop.adapters.resolver.deadlines import Deadlines, Queue
from triloop.adapters.resolver.servers import Server
from triloop.adapters.resolver.wire import FORMERR, NOERROR, NOTIMP, NXDOMAIN, Answer

__all__ = ["SERVFAIL", "SILENCE", "Asker", "Question", "Waiter"]

_log = logging.getLogger("triloop.resolver")

SERVFAIL, _BADVERS = 2, 16
_ANSWERS = frozenset((NOERROR, NXDOMAIN))
# What a server may say that does not know EDNS.
_NO_EDNS = frozenset((FORMERR, NOTIMP, _BADVERS))
#: Used as a response code: no server has answered.
SILENCE = -1

# Seconds until the next try to open a socket, if the process or the system had none left.
_SHORTAGE_PAUSE = 0.05
_SHORTAGE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# Seconds to wait for a server that is tried again after it was silent.
_TRIAL = 0.05

Waiter = Callable[["Question", Answer], None]


class Asker(Protocol):
    """The part of a client that a question uses."""

    waits: Sequence[float]
    use_vc: bool
    deadlines: Deadlines

    def servers(self) -> list[Server]:
        """The servers, in the order in which to ask them now."""

    def channel(self, server: Server, *, by_tcp: bool) -> Channel:
        """A socket to ask a server on.

        Raises:
            OSError: There is none to be had, or no way to the server.
        """

    def finish(self, question: Question, answer: Answer) -> None:
        """Pass the answer to all waiters."""

    def drop(self, question: Question) -> None:
        """Drop a question that has no waiters left."""

    def keep(self, question: Question) -> None:
        """Go on with a question that has no waiters left, as long as no other one is queued."""


class Question:
    """The question for one name and type, for all its waiters."""

    __slots__ = (
        "_asked_at",
        "_client",
        "_left",
        "_refused",
        "_round",
        "_server",
        "_short_since",
        "_silent",
        "answer",
        "attempts",
        "deadline",
        "error",
        "has_edns",
        "key",
        "kind",
        "mixes_case",
        "name",
        "waiters",
    )

    def __init__(self, client: Asker, key: tuple[bytes, int]) -> None:
        #: Its name and its type.
        self.key = key
        self.name, self.kind = key
        self.attempts: list[tuple[Channel, bytes]] = []
        self.waiters: list[Waiter] = []
        self.deadline: Queue | None = None
        #: Set when it is done.
        self.answer: Answer | None = None
        self.error: OSError | None = None
        self.has_edns = True
        self.mixes_case = True
        self._client = client
        self._round = 0
        self._left: list[Server] = []
        self._silent: list[Server] = []
        self._server: Server | None = None
        self._asked_at = 0.0
        self._refused = False
        self._short_since: float | None = None

    # -- going on

    def start(self) -> None:
        """Ask the first server."""
        self._left = self._client.servers()
        self._next()

    def _next(self) -> None:
        """Ask the next server; after the last one, begin a round with those that were silent."""
        client = self._client
        while self._left or self._begins_round():
            self._server = self._left.pop(0)
            if self._ask(by_tcp=client.use_vc):
                return
        self._server = None
        client.finish(self, Answer(SERVFAIL if self._refused else SILENCE))

    def _begins_round(self) -> bool:
        self._round += 1
        self._left, self._silent = self._silent, []
        return self._round < len(self._client.waits) and bool(self._left)

    def _ask(self, *, by_tcp: bool) -> bool:
        """Ask the present server; False if it cannot be asked."""
        server = self._server
        assert server is not None
        try:
            channel = self._client.channel(server, by_tcp=by_tcp)
        except OSError as failed:
            return failed.errno in _SHORTAGE and self._wait_for_socket(failed)
        self._short_since = None
        self._asked_at = time.monotonic()
        # One that is silent where EDNS is new to it may be behind something that drops EDNS.
        knows_edns = server.knows_edns
        self.has_edns = self._round == 0 if knows_edns is None else knows_edns
        seconds = self._client.waits[self._round]
        if server.silent_at is not None and self._left and server.is_due_for_retry:
            server.put_off_retry()
            seconds = _TRIAL
        self._client.deadlines.set(self, seconds)
        channel.send(self)
        return True

    def _wait_for_socket(self, failed: OSError) -> bool:
        """Ask the same server later; False if that has been tried for long enough."""
        now = time.monotonic()
        if self._short_since is None:
            self._short_since = now
        if now - self._short_since > sum(self._client.waits):
            self.error = failed
            return False
        assert self._server is not None
        self._left.insert(0, self._server)
        self._server = None
        self._client.deadlines.set(self, _SHORTAGE_PAUSE)
        return True

    # -- outcomes

    def expire(self) -> None:
        """The present server has not answered in time."""
        if self._server is not None:
            self._server.missed(self._asked_at)
            self._silent.append(self._server)
        self._next()

    def answered(self, server: Server, answer: Answer) -> None:
        """Handle an answer of the present server, or a late one of an earlier server."""
        if self.answer is not None:
            return
        if answer.is_truncated:
            self._ask_again(server, by_tcp=True)
        elif answer.rcode in _ANSWERS and not answer.is_lame:
            self._report(server)
            self._client.finish(self, answer)
        elif answer.rcode in _NO_EDNS and self.has_edns:
            server.knows_edns = False
            self._ask_again(server, by_tcp=self._client.use_vc)
        else:
            self._refused = True
            self.failed(server)

    def failed(self, server: Server) -> None:
        """Go on to the next server, if this is the present one: it fails or has no answer."""
        if self.answer is not None:
            return
        server.missed(self._asked_at)
        if server is self._server:
            self._server = None
            self._next()
        elif server in self._silent:
            self._silent.remove(server)

    def doubted(self, server: Server) -> None:
        """See `Asked.doubted`: ask with a new id, in the case that the name has."""
        if self.answer is None and self.mixes_case:
            self.mixes_case = False
            self._ask_again(server, by_tcp=self._client.use_vc)

    def interrupted(self, server: Server) -> None:
        """Ask again: the connection ended before this was answered, but after other answers."""
        if self.answer is None:
            self._ask_again(server, by_tcp=True)

    def _ask_again(self, server: Server, *, by_tcp: bool) -> None:
        """Ask the same server, in another way."""
        if server is not self._server:
            return  # it was late with this, and another one has been asked
        if not self._ask(by_tcp=by_tcp):
            self.failed(server)

    def _report(self, server: Server) -> None:
        if _log.isEnabledFor(logging.DEBUG):
            name = self.name.decode("ascii", "backslashreplace")
            seconds = time.monotonic() - self._asked_at
            _log.debug("%r type %d from %r in %.6f s", name, self.kind, server, seconds)

    # -- the end

    def leave(self, waiter: Waiter, *, keep: bool) -> None:
        """Wait no longer.

        Args:
            waiter: As it was given to the client.
            keep: Whether to go on waiting for the answer, for the cache.
        """
        if waiter in self.waiters:
            self.waiters.remove(waiter)
            if self.waiters:
                return
            if keep and self.deadline is not None:
                self._client.keep(self)
            else:
                self._client.drop(self)
