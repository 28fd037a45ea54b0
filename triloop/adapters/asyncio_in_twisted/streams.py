"""The stream transport that a ReactorEventLoop hands out."""

from __future__ import annotations

import asyncio
from typing import cast

from triloop.private.cpython import SocketTransport

__all__ = ["StreamTransport"]

_SMALL_READ = 64 * 1024
_LARGE_READ = 256 * 1024


class StreamTransport(SocketTransport):
    """CPython's transport for stream sockets, with a shorter way for what is usual.

    It reads by a measure that fits what comes. A buffer of this size is allocated for every read,
    and the 256 KiB that CPython asks for are more than malloc keeps at hand: unless it has been
    taught better, it maps and unmaps them anew for each message. Who sends as much gets as much,
    until he sends less.
    """

    #: Bytes to read at once.
    max_size = _SMALL_READ
    #: Whether the protocol brings its own buffer, which is all CPython's.
    _buffered = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See :meth:`asyncio.BaseTransport.set_protocol`."""
        super().set_protocol(protocol)
        self._buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See :meth:`asyncio.WriteTransport.write`.

        Whatever is not sent at once, and in whole, is CPython's to see to; errors too.
        """
        if data.__class__ is bytes and not (
            self._buffer or self._conn_lost or self._eof or self._empty_waiter
        ):
            try:
                sent = self._sock.send(data)
            except OSError:
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        super().write(data)

    def _read_ready(self) -> None:
        if self._buffered or self._conn_lost:
            super()._read_ready()
            return
        try:
            data = self._sock.recv(self.max_size)
        except (BlockingIOError, InterruptedError):
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as problem:  # noqa: BLE001 - told to the protocol
            self._fatal_error(problem, "Fatal read error on socket transport")
            return
        if len(data) == self.max_size:
            self.max_size = _LARGE_READ
        elif len(data) < _SMALL_READ:
            self.max_size = _SMALL_READ
            if not data:
                self._read_ready__on_eof()
                return
        try:
            cast("asyncio.Protocol", self._protocol).data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as problem:  # noqa: BLE001 - told to the protocol, and logged
            self._fatal_error(problem, "Fatal error: protocol.data_received() call failed.")
