"""Every kind of callback of Twisted's; each is provoked once, and runs a given function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.property.interrupts.calls import (
    at_event,
    at_startup,
    from_thread,
    later,
    process,
    when_running,
)
from tests.property.interrupts.connections import (
    build_protocol,
    client,
    connection_lost,
    connection_lost_by_abort,
    connection_lost_by_write,
    connection_made_to_server,
    data_received,
    descriptor_received,
    half_closed,
    producer,
)
from tests.property.interrupts.selectables import bare, datagram, multicast, of_file, unix_datagram
from tests.property.interrupts.stage import Fail, Provoke, Stage

__all__ = ["CALLBACKS", "PHASES"]


def named(make: Callable[..., Provoke], *names: str, **kw: Any) -> dict[str, Any]:
    def bound(name: str) -> Callable[[Stage, Fail], Provoke]:
        return lambda stage, fail: make(stage, name, fail, **kw)

    return {name: bound(name) for name in names}


PHASES = ("before", "during", "after")
#: By name: sets a callback up, and gives what provokes it.
CALLBACKS: dict[str, Callable[[Stage, Fail], Provoke]] = {
    "dataReceived": data_received,
    "connectionLost": connection_lost,
    "connectionLost after abortConnection": connection_lost_by_abort,
    "connectionLost after loseConnection": connection_lost_by_write,
    "connectionMade (server)": connection_made_to_server,
    "buildProtocol (server)": build_protocol,
    **{f"{k} (client)": v for k, v in named(client, "connectionMade", "buildProtocol").items()},
    **named(client, "startedConnecting", "clientConnectionLost"),
    **named(client, "clientConnectionFailed", refused=True),
    **named(half_closed, "readConnectionLost", "writeConnectionLost"),
    "fileDescriptorReceived": descriptor_received,
    "resumeProducing (pull)": named(producer, "resumeProducing", streaming=False)[
        "resumeProducing"
    ],
    **named(producer, "resumeProducing", "pauseProducing", "stopProducing", streaming=True),
    **{f"{k} (bare)": v for k, v in named(bare, "doRead", "doWrite", "connectionLost").items()},
    "callFromThread": from_thread,
    "callLater": later,
    "callWhenRunning": when_running,
    **{f"trigger {phase} startup": partial(at_startup, phase) for phase in PHASES},
    **{f"trigger {phase} an event": partial(at_event, phase) for phase in PHASES},
    **named(datagram, "datagramReceived", "connectionRefused", "startProtocol", "stopProtocol"),
    "datagramReceived (multicast)": multicast,
    **{
        f"datagramReceived ({kind})": how
        for kind, how in named(unix_datagram, "UNIX", "connected").items()
    },
    **{f"{k} (file)": v for k, v in named(of_file, "doRead", "doWrite").items()},
    **named(
        process,
        "outReceived",
        "errReceived",
        "childConnectionLost",
        "processExited",
        "processEnded",
    ),
}
