"""A DNS server for the tests, in a process of its own: ``python dns_server.py ADDRESS``.

It serves the names under ``test.`` below over UDP and TCP, prints the port once it listens, and
then a line for each question: the transport, the name and the type. It ends at the end of its
standard input.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from twisted.internet import error, protocol, reactor, stdio
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns, server
from twisted.python.failure import Failure

A, AAAA = dns.A, dns.AAAA
BIG = [f"10.1.{n // 200}.{n % 200 + 1}" for n in range(300)]

ADDRESSES: dict[str, list[str]] = {
    "dual.test": ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"],
    "loopback.test": ["127.0.0.1", "::1"],
    "four.test": ["192.0.2.4"],
    "six.test": ["2001:db8::6"],
    "big.test": BIG,
    "half.test": ["192.0.2.5"],
    "half-silent.test": ["192.0.2.6"],
    "flaky.test": ["192.0.2.7"],
    "moody.test": ["192.0.2.16"],
    "pair.test": ["192.0.2.8", "2001:db8::8"],
    "forged.test": ["192.0.2.9"],
    "shouted.test": ["192.0.2.10"],
    "xn--bcher-kva.test": ["192.0.2.11"],
    "hosts.test": ["192.0.2.12"],
    "cut.test": ["192.0.2.13"],
    "twice.test": ["192.0.2.14", "192.0.2.14"],
    "later.test": ["192.0.2.17", "2001:db8::17"],
    "late.test": ["192.0.2.18"],
    "release.test": ["192.0.2.19"],
    "any.test": ["192.0.2.20"],
    "old.test": ["192.0.2.21"],
    "mute.test": ["192.0.2.22"],
}
ALIASES = {
    "alias.test": "chain.test",
    "chain.test": "dual.test",
    "dangling.test": "gone.test",
    "loop.test": "loop2.test",
    "loop2.test": "loop.test",
    # These are sent without the records that they lead to.
    "lone.test": "dual.test",
    "lone-loop.test": "lone-loop2.test",
    "lone-loop2.test": "lone-loop.test",
}
FAILURES = {
    "refused.test": dns.EREFUSED,
    "broken.test": dns.ESERVER,
    "unread.test": dns.EFORMAT,
    "untyped.test": dns.ENOTIMP,
}
NO_ADDRESS = {"empty.test"}
TRUNCATED = {b"cut.test", b"mute.test"}
# Each label in front of these makes another name.
PER_TEST = (".flaky.test", ".moody.test", ".late.test", ".later.test", ".any.test", ".big.test")


def known_as(name: str) -> str:
    return name.split(".", 1)[1] if name.endswith(PER_TEST) else name


def address_records(name: str, label: str, kind: int) -> list[dns.RRHeader]:
    records = []
    for address in ADDRESSES.get(known_as(name), []):
        if (":" in address) == (kind == AAAA):
            payload = dns.Record_AAAA(address) if kind == AAAA else dns.Record_A(address)
            records.append(dns.RRHeader(label, kind, dns.IN, 60, payload))
    return records


def answers_to(name: str, kind: int) -> list[dns.RRHeader]:
    """The aliases from ``name`` on, and the addresses at their end."""
    records: list[dns.RRHeader] = []
    label, seen = name, set()
    while name in ALIASES and name not in seen:
        seen.add(name)
        target = ALIASES[name]
        records.append(dns.RRHeader(name, dns.CNAME, dns.IN, 60, dns.Record_CNAME(target)))
        if name.startswith("lone"):
            return records
        name = label = target
    # A server may change the case of the name.
    return records + address_records(name, label.upper() if "shouted" in label else label, kind)


def is_ignored(name: str, kind: int, *, known: bool) -> bool:
    """Whether there is no answer at all."""
    if name in {"half-silent.test", "silent.test"}:
        return kind == AAAA or name == "silent.test"
    return name.endswith(".late.test") or (name.endswith(".flaky.test") and not known)


class Zone:
    """Answers questions, some of them badly."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, int]] = set()
        self.paired: dict[int, Deferred[Any]] = {}
        self.held: list[tuple[Deferred[Any], str, int]] = []

    def query(self, query: dns.Query, timeout: object = None) -> Deferred[Any]:
        """Return the records or an error; a Deferred that never fires means no answer."""
        name, kind = query.name.name.decode().lower(), query.type
        known = (name, kind) in self.asked
        self.asked.add((name, kind))
        answer = self.oddly(name, kind, known=known)
        if answer is None:
            answer = self.records(name, kind)
        return answer

    def oddly(self, name: str, kind: int, *, known: bool) -> Deferred[Any] | None:
        """The answer for a name with a special one."""
        held = name.endswith(".late.test") and not known
        if held or (name.endswith(".later.test") and kind == AAAA):
            return self.hold(name, kind)
        if name.endswith(".late.test") or name == "release.test":
            self.release()
        if is_ignored(name, kind, known=known):
            return Deferred()
        if name.endswith(".moody.test") and not known:
            return fail(RefusalError(dns.EREFUSED))
        if name in FAILURES or (name == "half.test" and kind == AAAA):
            return fail(RefusalError(FAILURES.get(name, dns.ESERVER)))
        return self.pair(kind) if name == "pair.test" else None

    def records(self, name: str, kind: int) -> Deferred[Any]:
        records = answers_to(name, kind)
        if records or known_as(name) in ADDRESSES or name in NO_ADDRESS:
            return succeed((records, [], []))
        return fail(RefusalError(dns.ENAME))

    def hold(self, name: str, kind: int) -> Deferred[Any]:
        """Answer when another question arrives."""
        answer: Deferred[Any] = Deferred()
        self.held.append((answer, name, kind))
        return answer

    def release(self) -> None:
        """Answer what was held."""
        held, self.held = self.held, []
        for answer, name, kind in held:
            answer.callback((answers_to(name, kind), [], []))

    def pair(self, kind: int) -> Deferred[Any]:
        """Answer only when both types have been asked for."""
        answer: Deferred[Any] = Deferred()
        self.paired[kind] = answer
        if len(self.paired) == 2:
            for each, waiting in self.paired.items():
                reactor.callLater(0, waiting.callback, (answers_to("pair.test", each), [], []))
            self.paired = {}
        return answer


class RefusalError(Exception):
    """A question is to be answered with this code."""


class DNSServer(server.DNSServerFactory):
    """Truncates what is too long for UDP, reports the questions, and forges some answers."""

    def handleQuery(self, message: dns.Message, protocol: Any, address: Any) -> Any:
        (query,) = message.queries
        transport = "udp" if address else "tcp"
        report(f"{transport} {query.name.name.decode()} {dns.QUERY_TYPES[query.type]}")
        if address and query.name.name == b"forged.test":
            forge(message, protocol, address)
        if not address and query.name.name == b"cut.test":
            protocol.transport.abortConnection()
            return None
        if not address and query.name.name == b"mute.test":
            return None
        if query.name.name == b"old.test" and message.additional:
            return self.sendReply(protocol, reply_to(message, dns.EFORMAT), address)
        return super().handleQuery(message, protocol, address)  # type: ignore[no-untyped-call]

    def gotResolverError(
        self, failure: Failure, protocol: Any, message: dns.Message, address: Any
    ) -> None:
        (code,) = cast("RefusalError", failure.value).args
        reply = reply_to(message, code)
        reply.queries = [] if code == dns.EFORMAT else message.queries
        self.sendReply(protocol, reply, address)

    def sendReply(self, protocol: Any, message: dns.Message, address: Any) -> None:
        message.maxSize = 512 if address else 0
        if address and message.queries and message.queries[0].name.name in TRUNCATED:
            message.answers, message.trunc = [], 1
        super().sendReply(protocol, message, address)  # type: ignore[no-untyped-call]


def reply_to(message: dns.Message, code: int) -> dns.Message:
    reply = dns.Message(message.id, answer=1, rCode=code)
    reply.timeReceived = message.timeReceived
    return reply


def forge(message: dns.Message, protocol: Any, address: Any) -> None:
    """Send forged replies before the real one."""
    lie = dns.RRHeader("forged.test", A, dns.IN, 60, dns.Record_A("203.0.113.66"))
    other_question = dns.Message(message.id, answer=1)
    other_question.queries = [dns.Query("other.test", A, dns.IN)]
    other_id = dns.Message(message.id ^ 1, answer=1)
    other_id.queries = message.queries
    no_reply = dns.Message(message.id, answer=0)
    no_reply.queries = message.queries
    for forged in (other_question, other_id, no_reply):
        forged.answers = [lie]
        protocol.transport.write(forged.toStr(), address)
    protocol.transport.write(b"\x00garbage", address)


def report(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class EndWithInput(protocol.Protocol):
    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        if reactor.running:
            reactor.stop()


def listen(address: str) -> int:
    """Listen on one free port for both UDP and TCP."""
    factory = DNSServer(clients=[Zone()])  # type: ignore[no-untyped-call]
    factory.noisy = False
    network = cast("Any", reactor)
    while True:
        tcp = network.listenTCP(0, factory, interface=address)
        try:
            udp = dns.DNSDatagramProtocol(factory)
            network.listenUDP(tcp.getHost().port, udp, interface=address)
        except error.CannotListenError:
            tcp.stopListening()
        else:
            return int(tcp.getHost().port)


if __name__ == "__main__":
    report(str(listen(sys.argv[1])))
    stdio.StandardIO(EndWithInput())
    reactor.run()
