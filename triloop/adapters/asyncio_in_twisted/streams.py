"""The stream transport that a ReactorEventLoop hands out."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from triloop.private.cpython import SocketTransport, add_reader, keep_unsent

__all__ = ["StreamTransport"]

#: What CPython says of a send that fails.
_SEND_FAILED = "Fatal write error on socket transport"
#: Bytes to read at once, as CPython does.
_READ = 256 * 1024

# glibc maps and unmaps a block above its threshold (128 KiB) for each use, so for each read; and it
# returns what is free at the end of the heap once that is more than twice as much, so after each
# burst of messages on many connections. To free one larger block raises both for good, here to 4
# and 8 MiB. Other allocators are not affected.
bytes(16 * _READ)


class StreamTransport(SocketTransport):
    """CPython's transport for stream sockets, with a shorter path for common reads and writes.

    A send that fails says nothing about what the peer has sent before. So what has arrived is
    passed to the protocol first, and then the connection is lost with the error of the send.
    """

    #: Whether the protocol has its own buffer, which CPython's code handles.
    _buffered = False
    #: The error of a send, while there is something left to read.
    _send_error: OSError | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See :meth:`asyncio.BaseTransport.set_protocol`."""
        super().set_protocol(protocol)
        self._buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See :meth:`asyncio.WriteTransport.write`.

        CPython's code sends the rest once the socket is writable.
        """
        if (data and data.__class__ is bytes) and not (
            self._buffer or self._conn_lost or self._eof or self._empty_waiter
        ):
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as problem:
                self._fatal_error(problem, _SEND_FAILED)
                return
            if sent != len(data):
                # No second attempt: it may fail, and the poller reads first.
                keep_unsent(self, memoryview(data)[sent:])
        else:
            super().write(data)

    def _read_ready(self) -> None:
        if self._buffered or self._conn_lost:
            super()._read_ready()
            return
        try:
            data = self._sock.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as problem:  # noqa: BLE001 - told to the protocol
            self._fatal_error(problem, "Fatal read error on socket transport")
            return
        if not data:
            self._read_ready__on_eof()
            return
        try:
            self._protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as problem:  # noqa: BLE001 - told to the protocol, and logged
            self._fatal_error(problem, "Fatal error: protocol.data_received() call failed.")

    # A send has failed, and there is something left to read.

    def _fatal_error(self, exc: BaseException, message: str = "Fatal error on transport") -> None:
        if self._send_error is not None:
            if message == _SEND_FAILED:
                return
        elif message == _SEND_FAILED and isinstance(exc, OSError) and self._has_unread():
            self._send_error = exc
            add_reader(self, self._read_last)
            return
        super()._fatal_error(exc, message)

    def _has_unread(self) -> bool:
        """Whether the protocol reads, and something has arrived that it has not got yet."""
        try:
            return self.is_reading() and bool(self._sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _read_last(self) -> None:
        """Read on, and end with the error of the send once there is nothing left."""
        self._read_ready()
        if not self.is_closing() and not self._has_unread():
            self._end_by_send_error()

    def _end_by_send_error(self) -> None:
        super()._fatal_error(cast("OSError", self._send_error), _SEND_FAILED)

    def pause_reading(self) -> None:
        """See :meth:`asyncio.ReadTransport.pause_reading`."""
        if self._send_error is not None and not self.is_closing():
            self._end_by_send_error()
        super().pause_reading()

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        super()._call_connection_lost(exc or self._send_error)
