"""Configuration files that are read again when they have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["WatchedFile"]

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """The value of a file, read again when the file has changed.

    Args:
        path: The file; a missing one counts as empty.
        parse: Makes the value from the content.
        interval: Seconds between two checks of the file; 0: it is checked each time.
    """

    def __init__(self, path: str, parse: Callable[[bytes], T], interval: float = 0.0) -> None:
        self._path = path
        self._parse = parse
        self._interval = interval
        self._fresh_until = 0.0
        self._stamp: object = self  # differs from that of any file
        self._value: T | None = None

    @property
    def has_changed(self) -> bool:
        """Whether the file has changed since this was last asked."""
        if self._interval:
            now = time.monotonic()
            if now < self._fresh_until:
                return False
            self._fresh_until = now + self._interval
        try:
            status = os.stat(self._path)  # noqa: PTH116 - each lookup does this
        except OSError:
            stamp = None
        else:
            # A copy may have the times of what it is a copy of; when it was made it has not.
            stamp = status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        return True

    def content(self) -> bytes:
        """The content of the file now."""
        try:
            return Path(self._path).read_bytes()
        except OSError:
            return b""

    def value(self) -> T:
        """The value of the file now."""
        if self.has_changed or self._value is None:
            self._value = self._parse(self.content())
        return self._value
