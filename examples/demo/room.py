"""One chat room in three worlds: a Tornado page, a Twisted port and an asyncio bot.

Run it with `make demo`, or `python examples/demo/room.py --help`. Which event loop owns the thread
is chosen at the bottom of this file; nothing above that place knows.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
from tornado.web import url
from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

import triloop

HERE = str(Path(__file__).parent)
LONGEST_TEXT = 500  # characters
LONGEST_NAME = 24
PARTING_TIME = 2.0  # seconds that clients have to say goodbye


@dataclass(frozen=True)
class Message:
    """What one member said; an empty name means that the room itself speaks."""

    text: str
    name: str = ""
    world: str = ""
    at: str = field(default_factory=lambda: f"{datetime.now().astimezone():%H:%M}")


class Member(Protocol):
    """A member of the room, whichever framework the connection belongs to."""

    name: str
    world: str

    def hear(self, message: Message) -> None:
        """Shows a message to this member."""

    def dismiss(self) -> None:
        """Ends this member's connection."""


def printable(text: str, longest: int) -> str:
    """Removes characters that could control another member's terminal."""
    return "".join(character for character in text if character.isprintable())[:longest].strip()


class Room:
    """The members, and their latest messages."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.history: deque[Message] = deque(maxlen=50)
        self.joined = 0
        self.empty = asyncio.Event()

    def join(self, member: Member) -> None:
        """Lets a member in and shows what was said before."""
        for message in self.history:
            member.hear(message)
        self.members.append(member)
        self.empty.clear()
        self.tell(Message(f"{member.name} came in by {member.world}"))

    def leave(self, member: Member) -> None:
        """Takes a member out; without effect for one who is not in."""
        if member in self.members:
            self.members.remove(member)
            self.tell(Message(f"{member.name} left"))
        if not self.members:
            self.empty.set()

    def say(self, member: Member, text: str) -> None:
        """Shows all members what one said; `/name NEW` renames that member."""
        text = printable(text, LONGEST_TEXT)
        if text.startswith("/name "):
            self.rename(member, printable(text.removeprefix("/name "), LONGEST_NAME))
        elif text:
            self.tell(Message(text, member.name, member.world))

    def rename(self, member: Member, name: str) -> None:
        """Gives a member another name, unless another member has it."""
        if not name or any(other.name == name for other in self.members):
            member.hear(Message(f"“{name}” cannot be your name"))
            return
        old, member.name = member.name, name
        self.tell(Message(f"{old} is now {name}"))

    def tell(self, message: Message) -> None:
        """Shows a message to all members."""
        self.history.append(message)
        for member in list(self.members):
            member.hear(message)

    def new_name(self) -> str:
        """A name for a member who has not chosen one."""
        self.joined += 1
        return f"guest-{self.joined}"


# Tornado: the page and its WebSocket.


class Page(tornado.web.RequestHandler):
    """The page. It carries its own style and script, so it works without the Internet."""

    def initialize(self, owner: str, chat_port: int) -> None:
        """Takes what the page shows about this process."""
        self.owner = owner
        self.chat_port = chat_port

    def get(self) -> None:
        """Shows the page."""
        self.render("room.html", owner=self.owner, chat_port=self.chat_port)


class BrowserMember(tornado.websocket.WebSocketHandler):
    """A browser in the room."""

    world = "Tornado"

    def initialize(self, room: Room) -> None:
        """Takes the room to join."""
        self.room = room

    def open(self, *args: str, **kwargs: str) -> None:
        """Joins the room."""
        self.name = self.room.new_name()
        self.room.join(self)

    def on_message(self, message: str | bytes) -> None:
        """Says in the room what the browser sent."""
        self.room.say(
            self, message if isinstance(message, str) else message.decode("utf-8", "replace")
        )

    def on_close(self) -> None:
        """Leaves the room."""
        self.room.leave(self)

    def hear(self, message: Message) -> None:
        """Sends a message to the browser."""
        if self.ws_connection is not None and not self.ws_connection.is_closing():
            self.write_message(json.dumps(asdict(message)))

    def dismiss(self) -> None:
        """Closes the WebSocket."""
        self.close(1001, "the room closes")


# Twisted: the line-based port.


class TerminalMember(LineReceiver):
    """A terminal in the room."""

    delimiter = b"\n"
    world = "Twisted"
    name = ""

    def __init__(self, room: Room) -> None:
        self.room = room

    def connectionMade(self) -> None:
        """Joins the room."""
        self.name = self.room.new_name()
        self.room.join(self)

    def lineReceived(self, line: bytes) -> None:
        """Says the line in the room."""
        self.room.say(self, line.decode("utf-8", "replace"))

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Leaves the room."""
        self.room.leave(self)

    def hear(self, message: Message) -> None:
        """Writes a message to the terminal."""
        speaker = f"{message.name}: " if message.name else "* "
        self.sendLine(f"{message.at} {speaker}{message.text}".encode())

    def dismiss(self) -> None:
        """Closes the connection."""
        if self.transport is not None:
            self.transport.loseConnection()


class ChatPort(ServerFactory):
    """Lets terminals into the room."""

    noisy = False

    def __init__(self, room: Room) -> None:
        self.room = room

    def buildProtocol(self, addr: object) -> TerminalMember:
        """Makes the member for a new connection."""
        return TerminalMember(self.room)


# asyncio: a bot, which is a task with a queue.


class BotMember:
    """Answers questions in the room."""

    name = "bot"
    world = "asyncio"

    def __init__(self, room: Room) -> None:
        self.room = room
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()

    def hear(self, message: Message) -> None:
        """Keeps a message until the task comes to it."""
        self.inbox.put_nowait(message)

    def dismiss(self) -> None:
        """Leaves; the task itself ends by cancellation."""
        self.room.leave(self)

    async def live(self) -> None:
        """Answers what it hears, for ever."""
        self.room.join(self)
        while True:
            message = await self.inbox.get()
            await asyncio.sleep(0.05)  # after the question, not into it
            if message.text == "/who":
                here = ", ".join(f"{member.name} ({member.world})" for member in self.room.members)
                self.room.say(self, f"here are {here}")
            elif message.text == "/time":
                self.room.say(self, f"it is {datetime.now().astimezone():%H:%M:%S}")


# The three together.


class CannotOpenError(Exception):
    """A port cannot be opened."""


async def serve(reactor: IReactorTCP, owner: str, options: argparse.Namespace) -> None:
    """Opens the room and keeps it open until SIGINT or SIGTERM."""
    told = told_to_end()
    room = Room()
    try:
        sockets = tornado.netutil.bind_sockets(options.http_port, options.interface)
        chat = reactor.listenTCP(options.chat_port, ChatPort(room), interface=options.interface)
    except (OSError, CannotListenError) as error:
        raise CannotOpenError(error) from error
    chat_port = cast("IPv4Address", chat.getHost()).port
    application = tornado.web.Application(
        [
            url("/", Page, {"owner": owner, "chat_port": chat_port}),
            url("/room", BrowserMember, {"room": room}),
        ],
        template_path=HERE,
    )
    web = tornado.httpserver.HTTPServer(application)
    web.add_sockets(sockets)
    bot = asyncio.create_task(BotMember(room).live())
    print_addresses(owner, options.interface, sockets[0].getsockname()[1], chat_port)
    try:
        await told.wait()
    finally:
        web.stop()
        await triloop.as_future(maybeDeferred(chat.stopListening))
        await say_goodbye(room)
        bot.cancel()
        await web.close_all_connections()


def told_to_end() -> asyncio.Event:
    """Gives an event that SIGINT and SIGTERM set. The three worlds share one handler."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


async def say_goodbye(room: Room) -> None:
    """Closes every connection, and waits a little for the clients' side of it."""
    for member in list(room.members):
        member.dismiss()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(room.empty.wait(), PARTING_TIME)


def print_addresses(owner: str, interface: str, http_port: int, chat_port: int) -> None:
    """Prints how to try it."""
    print(
        f"{owner}\n\n"
        f"  in a browser    http://{interface}:{http_port}/\n"
        f"  in a terminal   nc {interface} {chat_port}\n\n"
        "Say something in one and see it in the other. /who and /time ask the bot, /name NEW\n"
        "renames you, Ctrl-C ends it.",
        flush=True,
    )


# Who owns the thread.


async def serve_on_asyncio(owner: str, options: argparse.Namespace) -> None:
    """Runs the room inside the asyncio loop that runs this coroutine."""
    with triloop.install() as reactor:
        await serve(reactor, owner, options)


def host_asyncio(options: argparse.Namespace) -> None:
    """Runs on the loop that comes with Python."""
    owner = "asyncio owns the thread; Twisted and Tornado run inside it."
    asyncio.run(serve_on_asyncio(owner, options))


def host_uvloop(options: argparse.Namespace) -> None:
    """Runs on libuv's loop."""
    import uvloop

    owner = "uvloop owns the thread; Twisted and Tornado run inside it."
    uvloop.run(serve_on_asyncio(owner, options))


def host_epoll(options: argparse.Namespace) -> None:
    """Runs on Twisted's own epoll reactor."""
    from twisted.internet import epollreactor

    epollreactor.install()
    from twisted.internet import reactor

    loop = triloop.TwistedIOLoop(reactor).install()
    owner = "Twisted's epoll reactor owns the thread; Tornado and asyncio run inside it."
    room = loop.asyncio_loop.create_task(serve(reactor, owner, options))
    room.add_done_callback(lambda _: reactor.stop())
    reactor.run()
    loop.close()
    room.result()  # raises what ended it early


HOSTS = {"asyncio": host_asyncio, "uvloop": host_uvloop, "epoll": host_epoll}


def main() -> None:
    """Reads the command line and runs the room."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", choices=HOSTS, default="asyncio", help="who owns the thread")
    parser.add_argument("--interface", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--http-port", type=int, default=8888, help="0 takes any free port")
    parser.add_argument("--chat-port", type=int, default=8889, help="0 takes any free port")
    options = parser.parse_args()
    try:
        HOSTS[options.host](options)
    except CannotOpenError as error:
        sys.exit(f"{error}\nTry other ports: make demo HTTP_PORT=0 CHAT_PORT=0 takes free ones.")


if __name__ == "__main__":
    main()
