"""Every private name of another library that this package uses: where it is, and what for.

A name is *inherited* where a class of ours extends the library's own class and uses it on ``self``
(or overrides it). All others are used in :mod:`triloop.private` and nowhere else. The tests hold
this, and that each name is there, with its signature, in the versions that are installed: so a new
release of a library shows at once what it has changed.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["NAMES", "PrivateName"]

_Version = tuple[int, int]


class PrivateName(NamedTuple):
    """One name.

    Attributes:
        place: The module and, after a colon, the class that has it.
        name: The name, with the parameters of a method: ``_run_once(self)``.
        why: What it is used for.
        inherited: Whether classes of ours use it on themselves.
        since: The first Python that has it, where not all that are supported do.
        until: The first Python that has it no longer.
    """

    place: str
    name: str
    why: str
    inherited: bool = False
    since: _Version = (3, 10)
    until: _Version = (4, 0)


def _at(
    place: str, *names: tuple[str, str], inherited: bool = False, **versions: _Version
) -> tuple[PrivateName, ...]:
    """Names of one place, each with what it is used for."""
    return tuple(PrivateName(place, name, why, inherited, **versions) for name, why in names)


_SELECTOR_LOOP = "asyncio.selector_events:BaseSelectorEventLoop"
_TASKS = "asyncio.tasks"
_TRANSPORT = "asyncio.selector_events:_SelectorTransport"

_CPYTHON = (
    *_at("warnings", ("_warn_unawaited_coroutine(coro)", "a test fails on what it says")),
    # The loop of CPython as a guest. No public way gives it one turn, or tells when it is due.
    *_at(
        "asyncio.base_events:BaseEventLoop",
        ("_asyncgen_finalizer_hook(self, agen)", "to be the running loop for one turn"),
        ("_asyncgen_firstiter_hook(self, agen)", "the same"),
        ("_check_closed(self)", "run_forever() refuses as CPython's does"),
        ("_check_running(self)", "the same"),
        ("_closed", "the short way of call_soon(); a loop that was never opened"),
        ("_debug", "the short way of call_soon()"),
        (
            "_make_socket_transport(self, sock, protocol, waiter=..., *, extra=..., server=...)",
            "overridden: a transport with a shorter way for what is usual",
        ),
        ("_process_events(self, event_list)", "overridden: from the poll result to what is ready"),
        ("_ready", "whether callbacks are due; to add one"),
        ("_run_once(self)", "one turn"),
        ("_scheduled", "when the next timer is due; to add one"),
        ("_set_coroutine_origin_tracking(self, enabled)", "as run_forever() does"),
        ("_stopping", "whether stop() was called"),
        ("_thread_id", "is_running() asks for it"),
        ("_timer_cancelled_count", "kept right where a cancelled timer is taken away"),
        inherited=True,
    ),
    *_at(
        "asyncio.base_events:BaseEventLoop",
        ("_asyncgens", "whether there are generators to end; a child of fork has none"),
        ("_asyncgens_shutdown_called", "a restartable reactor's loop is used again"),
        ("_default_executor", "the same; a child of fork has none of its threads"),
        ("_executor_shutdown_called", "the same"),
    ),
    *_at(
        _SELECTOR_LOOP,
        ("_csock", "the end of the self-pipe that signals are written to"),
        ("_ensure_fd_no_transport(self, fd)", "as CPython's _make_socket_transport does"),
        ("_process_self_data(self, data)", "the signals among what was read"),
        ("_read_from_self(self)", "overridden: one read; signals are passed on to Twisted"),
        ("_remove_reader(self, fd)", "of a reader that was cancelled"),
        ("_remove_writer(self, fd)", "of a writer that was cancelled"),
        ("_selector", "its poller, which is the host's to watch"),
        ("_ssock", "the other end of the self-pipe"),
        inherited=True,
    ),
    *_at(_SELECTOR_LOOP, ("_transports", "the parent's connections, in a child of fork")),
    *_at(
        _SELECTOR_LOOP,
        ("_add_reader(self, fd, callback, *args)", "to read what is left after a failed send"),
        ("_add_writer(self, fd, callback, *args)", "what a send has left is for the poller"),
        until=(3, 15),
    ),
    *_at(
        _SELECTOR_LOOP,
        ("_add_reader(self, fd, callback, *args, context=...)", "the same"),
        since=(3, 15),
    ),
    *_at(_TRANSPORT, ("_add_writer(self, fd, callback, *args)", "the same"), since=(3, 15)),
    *_at(
        "asyncio.unix_events:_UnixSelectorEventLoop",
        ("_check_signal(self, sig)", "remove_signal_handler() refuses as CPython's does"),
        ("_handle_signal(self, sig)", "to call the handler of a signal that Twisted has seen"),
        ("_signal_handlers", "which signals the loop handles"),
        inherited=True,
    ),
    *_at("asyncio.unix_events", ("_sighandler_noop(signum, frame)", "marks a loop's handlers")),
    *_at(
        "asyncio.unix_events:_UnixSelectorEventLoop",
        ("_unix_server_sockets", "the paths of servers, which are the parent's to unlink"),
        since=(3, 13),
    ),
    *_at(
        "asyncio.transports:_FlowControlMixin",
        ("_loop", "the loop of a transport"),
        ("_maybe_pause_protocol(self)", "after what a send has left was buffered"),
    ),
    PrivateName("asyncio.transports:_FlowControlMixin", "_loop", "the same", inherited=True),
    *_at(
        _TRANSPORT,
        ("_buffer", "whether a send has to wait for another"),
        ("_call_connection_lost(self, exc)", "overridden: the error of an earlier send"),
        ("_conn_lost", "whether the connection is lost already"),
        ("_fatal_error(self, exc, message=...)", "overridden: what has arrived comes first"),
        ("_protocol", "what data is handed to"),
        ("_sock", "to send and receive"),
        ("_sock_fd", "to watch"),
        inherited=True,
    ),
    *_at(_TRANSPORT, ("_closing", "to leave the parent's connections alone after a fork")),
    *_at(
        "asyncio.selector_events:_SelectorSocketTransport",
        ("_empty_waiter", "whether sendfile() waits for the end of the buffer"),
        ("_eof", "whether write_eof() was called"),
        ("_read_ready(self)", "overridden: the short way of a read"),
        ("_read_ready__on_eof(self)", "the end of input"),
        inherited=True,
    ),
    *_at("asyncio.selector_events", ("_SelectorSocketTransport", "the transport to extend")),
    *_at(
        "asyncio.selector_events:_SelectorSocketTransport",
        ("_write_ready(self)", "what the poller calls to send the rest"),
    ),
    PrivateName(_TRANSPORT, "_buffer_size", "counts what is buffered", since=(3, 15)),
    *_at("asyncio.unix_events:_UnixReadPipeTransport", ("_pipe", "to close the parent's pipes")),
    *_at(
        "asyncio.events:Handle",
        ("_args", "what a descriptor is watched for, in a child of fork"),
        ("_callback", "the same"),
        ("_cancelled", "whether what is ready is still to be called"),
        ("_source_traceback", "debug mode: it ends where the application asked for the call"),
    ),
    *_at(
        "asyncio.events:TimerHandle",
        ("_scheduled", "whether it is in the heap"),
        ("_when", "when it is due"),
    ),
    *_at(
        "asyncio.events",
        ("_get_running_loop()", "the running loop, or None; get_running_loop() raises"),
        ("_set_running_loop(loop)", "to be the running loop for one turn"),
    ),
    PrivateName(
        "asyncio.events",
        "_event_loop_policy",
        "before 3.14, the current loop without making one, as get_event_loop() would",
    ),
    PrivateName("asyncio.events:BaseDefaultEventLoopPolicy", "_local", "the same", until=(3, 14)),
    *_at(
        _TASKS,
        ("_enter_task(loop, task)", "a step of a task outside the passes of its loop"),
        ("_leave_task(loop, task)", "the same"),
        ("_unregister_task(task)", "the parent's tasks are not cancelled in a child of fork"),
    ),
    PrivateName(
        _TASKS,
        "_swap_current_task(loop, task)",
        "a loop runs on the stack of another's task; since 3.14 that is the thread's",
        since=(3, 12),
    ),
    *_at("asyncio:Task", ("_log_destroy_pending", "a task that is left behind was named already")),
    *_at("concurrent.futures.thread", ("_python_exit()", "its threads end before Twisted's")),
    *_at(
        "threading", ("_register_atexit(func, *arg, **kwargs)", "called before threads are joined")
    ),
    PrivateName(
        "threading:Thread",
        "_tstate_lock",
        "to exit without a thread that does not end",
        until=(3, 13),
    ),
    PrivateName("threading", "_shutdown_locks", "the same", until=(3, 13)),
    PrivateName("threading", "_shutdown_locks_lock", "the same", until=(3, 13)),
    *_at(
        "selectors:_BaseSelectorImpl",
        ("_fd_to_key", "what is watched, by descriptor, without a detour by select()"),
        inherited=True,
    ),
    *_at(
        "selectors:_PollLikeSelector",
        ("_selector", "the epoll itself; a child of fork gets a new one"),
        inherited=True,
    ),
)

_REACTOR = "twisted.internet.base:ReactorBase"
_POLLING = "twisted.internet.posixbase:_PollLikeMixin"
_FILES = "twisted.internet.posixbase:_ContinuousPolling"
_EPOLL = "twisted.internet.epollreactor:EPollReactor"
_FILE_DESCRIPTOR = "twisted.internet.abstract:FileDescriptor"

_TWISTED = (
    # The life of a reactor. Twisted tells of its start, not of its end.
    *_at(
        _REACTOR,
        ("_internalReaders", "readers that disconnectAll() passes over"),
        ("_justStopped", "whether stop() was called, and its shutdown not fired yet"),
        ("_started", "whether it runs, or shuts down"),
        ("_startedBefore", "whether it was stopped for good"),
        ("_threadpoolStartupID", "overridden: a pool that regards contexts"),
        inherited=True,
    ),
    *_at(
        _REACTOR,
        ("_cancellations", "the parent's timed calls, in a child of fork"),
        ("_eventTriggers", "whether a start is waited for"),
        ("_exitSignal", "the end of the parent's run is not the child's"),
        ("_newTimedCalls", "the parent's timed calls, in a child of fork"),
        ("_pendingTimedCalls", "the same"),
        ("_reallyStartRunning(self)", "what crash() puts back, so that it can be run again"),
        ("_stopped", "whether stop() was called"),
    ),
    *_at(
        _REACTOR,
        ("_initThreadPool(self)", "overridden: a pool that regards contexts"),
        ("_signals", "to put signal handlers back after the run"),
        ("_signalsFactory(self)", "overridden: children are watched without SIGCHLD"),
        ("_stopThreadPool(self)", "overridden: in a loop that goes on, threads are not waited for"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.posixbase:PosixReactorBase",
        ("_supportedAddressFamilies", "which sockets can be adopted"),
        ("_wakerFactory(self)", "overridden: a waker that can be closed"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.posixbase:PosixReactorBase",
        ("_addInternalReader(self, reader)", "a reader that disconnectAll() passes over"),
        ("_removeInternalReader(self, reader)", "the same"),
    ),
    *_at(
        "twisted.internet.asyncioreactor:AsyncioSelectorReactor",
        ("_asyncioEventloop", "the loop: users of Twisted's reactor know it by this name"),
        inherited=True,
    ),
    *_at(
        _POLLING,
        ("_POLL_DISCONNECTED", "from the poll result to doRead in one frame"),
        ("_POLL_OUT", "the same"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.posixbase:_DisconnectSelectableMixin",
        ("_disconnectSelectable(self, selectable, why, isRead, faildict=...)", "the same"),
        inherited=True,
    ),
    *_at(
        _EPOLL,
        ("_continuousPolling", "overridden: files are polled in their contexts"),
        ("_poller", "the epoll; a property while the reactor is closed"),
        ("_reads", "what is watched, to watch it again after a reopening"),
        ("_selectables", "the same; by descriptor, for the short way"),
        ("_writes", "the same"),
        inherited=True,
    ),
    *_at(
        _FILES,
        ("_POLL_IN", "what is called: doRead or doWrite"),
        ("_checkLoop(self)", "overridden: its timed call has no context"),
        ("_doReadOrWrite(self, selectable, fd, event)", "overridden: each file in its context"),
        ("_reactor", "the reactor"),
        inherited=True,
    ),
    *_at("twisted.internet.posixbase", ("_ContinuousPolling", "the class to extend")),
    *_at(
        _FILE_DESCRIPTOR,
        ("_closeWriteConnection(self)", "overridden: an interrupt of the protocol may leave"),
        ("_maybePauseProducer(self)", "what is written within doRead counts too"),
        ("_tempDataBuffer", "what was written, to be sent once the callback has returned"),
        ("_tempDataLen", "the same"),
        ("_writeDisconnected", "whether there is more to do than to send"),
        ("_writeDisconnecting", "the same"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.tcp:_AbortingMixin",
        ("_aborting", "whether there is more to do than to send"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.unix:_SendmsgMixin",
        ("_sendmsgQueue", "descriptors that wait to be passed with the next bytes"),
        ("_writeSomeDataBase", "what sends the bytes that come with them"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.base:BaseConnector",
        ("_makeTransport(self)", "overridden, as connectors are made to be"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.tcp:Port",
        ("_buildAddr(self, address)", "the address that the factory is asked with"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.tcp:Port",
        ("_fromListeningDescriptor(reactor, fd, addressFamily, factory)", "adoptStreamPort()"),
        ("_logger", "where a failure to accept is logged"),
        ("_shouldShutdown", "a port that is closed in a child of fork goes on in the parent"),
    ),
    *_at(
        "twisted.internet.tcp",
        ("_BuffersLogs", "nothing is logged while no descriptor is left"),
        ("_accept(logger, accepts, listener, reservedFD)", "one connection at a time"),
        ("_reservedFD", "turns connections away when no descriptor is left"),
    ),
    *_at(
        "twisted.internet.tcp:Server",
        (
            "_fromConnectedSocket(fileDescriptor, addressFamily, factory, reactor)",
            "adoptStreamConnection()",
        ),
    ),
    *_at(
        "twisted.internet.unix:Port",
        ("_fromListeningDescriptor(reactor, fd, factory)", "adoptStreamPort()"),
    ),
    *_at(
        "twisted.internet.unix:Server",
        ("_fromConnectedSocket(fileDescriptor, factory, reactor)", "adoptStreamConnection()"),
    ),
    *_at(
        "twisted.internet.udp:Port",
        ("_connectedAddr", "whether datagrams have one peer"),
        inherited=True,
    ),
    *_at(
        "twisted.internet.udp:Port",
        (
            "_fromListeningDescriptor(reactor, fd, addressFamily, protocol, maxPacketSize)",
            "adoptDatagramPort()",
        ),
    ),
    *_at("twisted.internet.base:DelayedCall", ("_repr", "what debug mode shows of a dropped call")),
    *_at(
        "twisted.internet.defer:Deferred",
        ("_canceller", "what cancels a Deferred"),
        ("_chainedTo", "the Deferred at whose result another one waits"),
        ("_debugInfo", "a failure that was handed on counts as handled"),
    ),
    *_at("twisted.internet.defer:DeferredList", ("_deferredList", "what it waits for")),
    *_at(
        "twisted.internet.defer",
        ("_CancellationStatus", "what a coroutine waits for that Twisted drives"),
        ("_DEFERRED_SUBCLASSES", "to tell a Deferred at a fraction of what isinstance() costs"),
        ("_DefGen_Return", "what returnValue() raises"),
        ("_cancellableInlineCallbacks(gen)", "replaced: drives a coroutine that awaits anything"),
    ),
)

_TORNADO = (
    *_at(
        "tornado.ioloop:IOLoop",
        ("_make_current(self)", "overridden: the reactor's loop is refused where it cannot run"),
        inherited=True,
    ),
    *_at(
        "tornado.ioloop:IOLoop",
        ("_ioloop_for_asyncio", "the IOLoop moves to the loop that takes another's place"),
        ("_pending_tasks", "a coroutine's Task is kept until it is done, as Tornado's own are"),
    ),
)

_OTHERS = (
    *_at("uvloop:Loop", ("_get_backend_id(self)", "the number of its epoll")),
    *_at("nest_asyncio2", ("_nest_patched", "the mark that it leaves on asyncio")),
    *_at("pytest_twisted", ("_instances", "a session's reactor and greenlet")),
    *_at("pytest_twisted", ("_get_mark(o, default=...)", "its async fixtures are left to it")),
)

NAMES: tuple[PrivateName, ...] = (*_CPYTHON, *_TWISTED, *_TORNADO, *_OTHERS)
