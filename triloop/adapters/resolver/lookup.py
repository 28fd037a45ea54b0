"""The lookup of one name: in the sources, with the search domains, for both families."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from triloop.adapters.resolver import nsswitch
from triloop.adapters.resolver.client import DnsClient
from triloop.adapters.resolver.deadlines import Queue
from triloop.adapters.resolver.errors import NO_DATA
from triloop.adapters.resolver.hosts_source import HostsSource
from triloop.adapters.resolver.loop import Loop
from triloop.adapters.resolver.names import MAX_NAME, Name
from triloop.adapters.resolver.question import SILENCE, Question
from triloop.adapters.resolver.resolv_conf import ResolvConf
from triloop.adapters.resolver.wire import NOERROR, NXDOMAIN, Answer

__all__ = ["Failure", "Lookup", "Outcome", "Surroundings", "candidates"]

# Aliases to follow by questions of their own, of both families together.
_MAX_ALIASES = 32
#: Used as a response code: the aliases form a circle.
_LOOP = -2
# Seconds to wait for one family after the other has answered (RFC 8305, 3).
_SECOND_FAMILY = 0.05

_CODES = {NOERROR: NO_DATA, NXDOMAIN: socket.EAI_NONAME, _LOOP: socket.EAI_FAIL}
# If two families have different errors, the first of these is reported.
_GRAVITY = [socket.EAI_AGAIN, socket.EAI_FAIL, NO_DATA, socket.EAI_NONAME]


class Failure(NamedTuple):
    """Why there is no address.

    Attributes:
        code: An ``EAI_`` code.
        error: The error of the system, if that is the reason.
    """

    code: int
    error: OSError | None = None


_NOT_IN_HOSTS = Failure(socket.EAI_NONAME)
#: Address literals in order, or why there are none.
Outcome = tuple[str, ...] | Failure


class Waiter(Protocol):
    """Something to tell of an outcome, such as an asyncio future."""

    def set_result(self, outcome: Outcome, /) -> None:
        """Take the outcome of a lookup."""


class Surroundings(Protocol):
    """The part of an engine that a lookup uses."""

    hosts: HostsSource
    loop: Loop

    def sources(self) -> tuple[nsswitch.Source, ...]:
        """Where to look, in order."""

    def dns(self) -> tuple[DnsClient, ResolvConf]:
        """The DNS client, and the settings of resolv.conf(5)."""

    def order(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses, the most preferable first."""

    def ended(self, lookup: Lookup) -> None:
        """Note that a lookup is done, or given up."""


class Lookup:
    """The lookup of a name in a family, for all callers that wait for it.

    Args:
        engine: The engine that it is part of.
        name: The name.
        family: ``AF_INET``, ``AF_INET6`` or ``AF_UNSPEC``.

    Attributes:
        key: The text of the name, and the family.
    """

    __slots__ = (
        "_ends_with",
        "_engine",
        "_latest",
        "_search",
        "_sources",
        "family",
        "key",
        "name",
        "outcome",
        "waiters",
    )

    def __init__(self, engine: Surroundings, name: Name, family: int) -> None:
        self.name = name
        self.family = family
        self.key = name.text, family
        self.outcome: Outcome | None = None
        #: Each is told once; the values mean nothing.
        self.waiters: dict[Waiter, None] = {}
        self._engine = engine
        self._sources = iter(engine.sources())
        self._ends_with: frozenset[str] = frozenset()
        # What came of the source that was asked last.
        self._latest: Outcome = _NOT_IN_HOSTS
        self._search: _Search | None = None

    def start(self) -> None:
        """Ask one source after the other."""
        for source in self._sources:
            self._ends_with = source.ends_with
            goes_on = self._ask_dns() if source.name == "dns" else self._look_into_hosts()
            if not goes_on:
                return
        self.finish(self._latest)

    def _goes_on(self, failure: Failure, status: str) -> bool:
        """Note a source's failure; False if that ends the lookup."""
        self._latest = failure
        if failure.error is not None or status in self._ends_with:
            self.finish(failure)
            return False
        return True

    # -- the hosts file

    def _look_into_hosts(self) -> bool:
        """Whether to go on to the next source."""
        table = self._engine.hosts.table()
        if table is None:
            self._engine.hosts.when_read(self._hosts_read)
            return False
        found = table.find(self.name.text, self.family)
        if found:
            self.found(tuple(found))
            return False
        return self._goes_on(_NOT_IN_HOSTS, nsswitch.NOT_FOUND)

    def _hosts_read(self) -> None:
        if self._look_into_hosts():
            self.start()

    def _is_in_hosts(self) -> bool:
        table = self._engine.hosts.table()
        return bool(table and table.find(self.name.text, socket.AF_UNSPEC))

    # -- DNS

    def _ask_dns(self) -> bool:
        """Whether to go on to the next source."""
        if self.name.is_localhost:
            return self._is_in_hosts() or self._give_loopback()
        client, conf = self._engine.dns()
        names = candidates(self.name, conf)
        kinds = conf.kinds(self.family)
        if names and not conf.has_no_aaaa:
            addresses = client.known(names[0], kinds)
            if addresses:
                self.found(addresses)
                return False
        self._search = _Search(self, client, conf, names, kinds)
        self._search.next()
        return False

    def _give_loopback(self) -> bool:
        loopbacks = {socket.AF_INET6: "::1", socket.AF_INET: "127.0.0.1"}
        kept = [text for key, text in loopbacks.items() if self.family in {0, key}]
        self.found(tuple(kept))
        return False

    def found(self, addresses: tuple[str, ...]) -> None:
        """Finish with the addresses that a source has, unless the next one is to be asked."""
        self._search = None
        self._latest = addresses if len(addresses) == 1 else self._engine.order(addresses)
        if nsswitch.SUCCESS in self._ends_with:
            self.finish(self._latest)
        else:
            self.start()

    def not_found(self, failure: Failure, status: str) -> None:
        """Go on to the next source, or finish with the error: DNS has no address."""
        self._search = None
        if self._goes_on(failure, status):
            self.start()

    # -- the end

    def finish(self, outcome: Outcome) -> None:
        """Call all waiters."""
        self.outcome = outcome
        self._search = None
        self._engine.ended(self)
        if self.waiters:
            self._tell()

    def _tell(self) -> None:
        """Call all that wait; one that raises does not keep it from the others."""
        waiters, outcome = self.waiters, self.outcome
        assert outcome is not None
        try:
            for waiter in list(waiters):
                # One may leave because of what another one does.
                if waiter in waiters:
                    del waiters[waiter]
                    try:
                        waiter.set_result(outcome)
                    except asyncio.InvalidStateError:
                        continue  # it was cancelled just now
        finally:
            if waiters:
                self._engine.loop.call_soon(self._tell)

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter; without waiters the lookup ends."""
        if self.waiters.pop(waiter, self) is None and not self.waiters and self.outcome is None:
            self.close()

    def close(self) -> None:
        """Give up."""
        self._engine.hosts.cancel(self._hosts_read)
        if self._search is not None:
            self._search.close()
        self._engine.ended(self)


class _Search:
    """Asks DNS for a name: for each full name that it may stand for, until one has an address."""

    __slots__ = (
        "_aliases",
        "_answers",
        "_client",
        "_codes",
        "_conf",
        "_error",
        "_kinds",
        "_left",
        "_lookup",
        "_names",
        "_questions",
        "deadline",
    )

    def __init__(
        self,
        lookup: Lookup,
        client: DnsClient,
        conf: ResolvConf,
        names: list[bytes],
        kinds: tuple[int, ...],
    ) -> None:
        self.deadline: Queue | None = None
        self._lookup = lookup
        self._client = client
        self._conf = conf
        self._kinds = kinds
        self._names: Iterator[bytes] = iter(names)
        self._codes: tuple[int, ...] = ()
        self._left: tuple[int, ...] = ()
        self._questions: dict[int, Question] = {}
        self._answers: dict[int, Answer] = {}
        self._aliases = 0
        self._error: OSError | None = None

    def next(self) -> None:
        """Ask for the next full name."""
        name = next(self._names, None)
        if name is None:
            code = self._final_code()
            status = nsswitch.TRY_AGAIN if code == socket.EAI_AGAIN else nsswitch.NOT_FOUND
            self._lookup.not_found(Failure(code), status)
            return
        self._answers.clear()
        self._aliases = 0
        self._left = self._kinds
        self._ask_left(name)
        self._judge()

    def _ask_left(self, name: bytes) -> None:
        while self._left and not (self._questions and self._conf.is_in_turn):
            kind, self._left = self._left[0], self._left[1:]
            self._ask(kind, name)

    def _ask(self, kind: int, name: bytes) -> None:
        asked = self._client.ask(name, kind, self._answered)
        if isinstance(asked, Question):
            self._questions[kind] = asked
        else:
            self._keep(kind, name, asked)

    def _answered(self, question: Question, answer: Answer) -> None:
        del self._questions[question.kind]
        self._error = self._error or question.error
        self._keep(question.kind, question.name, answer)
        if self._left:
            self._ask_left(question.name)
        self._judge()

    def _keep(self, kind: int, name: bytes, answer: Answer) -> None:
        """Store an answer; if it is only an alias, ask for the name that it leads to."""
        if answer.addresses or answer.rcode != NOERROR or answer.alias is None:
            if self._conf.has_no_aaaa and self._lookup.family == socket.AF_INET6:
                # The name is asked for only to see whether it exists.
                answer = answer._replace(addresses=())
            self._answers[kind] = answer
        elif answer.alias == name or self._aliases == _MAX_ALIASES:
            self._answers[kind] = Answer(_LOOP)
        else:
            self._aliases += 1
            self._ask(kind, answer.alias)

    def _judge(self) -> None:
        """Finish if the answers are enough."""
        if self._questions or self._left:
            if self.deadline is None and self._addresses():
                self._client.deadlines.set(self, _SECOND_FAMILY)
            return
        if self.deadline is not None:
            self._client.deadlines.clear(self)
        addresses = self._addresses()
        if addresses:
            self._lookup.found(addresses)
        elif self._error is not None:
            self._lookup.not_found(Failure(socket.EAI_AGAIN, self._error), nsswitch.UNAVAILABLE)
        else:
            self._go_on()

    def _go_on(self) -> None:
        rcodes = {answer.rcode for answer in self._answers.values()} or {NOERROR}
        codes = {_CODES.get(rcode, socket.EAI_AGAIN) for rcode in rcodes}
        self._codes += (next(code for code in _GRAVITY if code in codes),)
        if SILENCE in rcodes:  # the servers would not answer for the next name either
            self._lookup.not_found(Failure(socket.EAI_AGAIN), nsswitch.UNAVAILABLE)
        else:
            self.next()

    def _addresses(self) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for kind in self._kinds:
            if kind in self._answers:
                found += self._answers[kind].addresses
        return found

    def _final_code(self) -> int:
        """The error to report: that of the name as it is, if it was asked for first."""
        if not self._codes:
            return socket.EAI_NONAME
        if _is_as_is_first(self._lookup.name, self._conf):
            return self._codes[0]
        return next(
            code for code in (NO_DATA, socket.EAI_AGAIN, self._codes[-1]) if code in self._codes
        )

    def expire(self) -> None:
        """Finish with one family: the other has not answered in time."""
        addresses = self._addresses()
        self._leave(keep=True)
        self._lookup.found(addresses)

    def close(self) -> None:
        """Give up."""
        self._client.deadlines.clear(self)
        self._leave(keep=False)

    def _leave(self, *, keep: bool) -> None:
        questions, self._questions = self._questions, {}
        for question in questions.values():
            question.leave(self._answered, keep=keep)


def _is_as_is_first(name: Name, conf: ResolvConf) -> bool:
    return name.is_absolute or name.dots >= conf.ndots


def candidates(name: Name, conf: ResolvConf) -> list[bytes]:
    """The full names that a name may stand for, in the order to ask for them.

    Returns:
        Their labels; an empty list if the name cannot be a host name.
    """
    wire = name.wire
    if wire is None:
        return []
    if name.is_absolute or not conf.suffixes:
        return [wire]
    found = [wire[:-1] + suffix for suffix in conf.suffixes]
    if name.dots >= conf.ndots:
        found.insert(0, wire)
    elif name.dots or "no-tld-query" not in conf.options:
        found.append(wire)
    return [each for each in dict.fromkeys(found) if len(each) <= MAX_NAME]
