"""A generator of ``inlineCallbacks``, as a coroutine that a Task can run."""

from __future__ import annotations

import inspect
import traceback
import warnings
from collections.abc import Coroutine, Generator
from operator import attrgetter
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from triloop.awaitables.waiter import Driver, Waiter
from triloop.private.cpython import running_loop
from triloop.private.deferreds import ReturnValue, drive

__all__ = ["GeneratorSteps"]

_module: Any = defer
#: The modules of the frames that returnValue() has of its own.
_RETURN_VALUE = {"twisted.internet.defer", "twisted.python.deprecate"}


class GeneratorSteps(Coroutine[Any, Any, Any]):
    """Sends a generator what Twisted would: the results of the Deferreds that it yields.

    It may yield Futures and coroutines too. Anything else is sent back to it.
    """

    def __init__(self, generator: Any, driver: Driver) -> None:
        self._generator = generator
        self._driver: Driver | None = driver
        self._waiter: Waiter | None = None
        self.__name__ = generator.__name__
        self.__qualname__ = generator.__qualname__
        #: Whether it is one of ``types.coroutine``, where None has the Task take a pass.
        self._awaits = bool(generator.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE)

    # What asyncio shows of a coroutine.

    cr_code = property(attrgetter("_generator.gi_code"))
    cr_frame = property(attrgetter("_generator.gi_frame"))
    cr_running = property(attrgetter("_generator.gi_running"))

    def __repr__(self) -> str:
        return repr(self._generator)

    # What a Task does with it.

    def send(self, value: Any) -> Any:
        """Go on with what the generator has waited for."""
        waiter, self._waiter = self._waiter, None
        return self._advance(None if waiter is None else waiter.take_outcome())

    def throw(self, error: Any, value: Any = None, trace: Any = None) -> Any:
        """Throw an exception of the Task into the generator."""
        self._waiter = None
        if isinstance(error, type):
            error = value if isinstance(value, BaseException) else error()
        return self._advance(Failure(error))

    def close(self) -> None:
        """Close the generator."""
        self._generator.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("this is for a Task to run")

    def _advance(self, result: Any) -> Any:
        """Run the generator until it has to wait, and give the Task what it waits for."""
        while True:
            yielded = self._step(result)
            if isinstance(yielded, Deferred):
                self._waiter = waiter = Waiter(yielded, running_loop(), self._driver)
                yielded.addBoth(waiter.deferred_fired)
                if not waiter.has_fired:
                    return waiter
                result = waiter.take_outcome()
            elif yielded is None and self._awaits:
                return None
            else:
                result = yielded

    def _step(self, result: Any) -> Any:
        try:
            if isinstance(result, Failure):
                yielded = result.throwExceptionIntoGenerator(self._generator)
            else:
                yielded = self._generator.send(result)
        except BaseException as returned:
            self._driver = None  # which knows the Task, and the Task this object
            if not isinstance(returned, ReturnValue):
                raise
            self._warn_of_misuse(returned)
            raise StopIteration(returned.value) from None
        finally:
            del result
        if isinstance(yielded, Deferred):
            return yielded
        is_driven = _module.iscoroutine(yielded) or inspect.isgenerator(yielded)
        return drive(yielded) if is_driven else yielded

    def _warn_of_misuse(self, returned: BaseException) -> None:
        """Warn, as Twisted does, of ``returnValue()`` in a function that the generator called."""
        frames = [frame for frame, _ in traceback.walk_tb(returned.__traceback__)]
        while frames[-1].f_globals["__name__"] in _RETURN_VALUE:
            frames.pop()
        if frames[-1].f_code is not self._generator.gi_code:
            warnings.warn_explicit(
                f"returnValue() in {frames[-1].f_code.co_name!r} causing {self.__name__!r} "
                "to exit: returnValue should only be invoked by functions decorated with "
                "inlineCallbacks",
                DeprecationWarning,
                frames[-1].f_code.co_filename,
                frames[-1].f_lineno,
            )
