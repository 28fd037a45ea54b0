"""Reactors that are not the global one, one for each IOLoop, as tests had them."""

import sys

from tornado.ioloop import IOLoop
from tornado.platform.twisted import TornadoReactor
from twisted.internet.protocol import DatagramProtocol


class Ping(DatagramProtocol):
    def startProtocol(self):
        self.transport.write(b"ping", ("127.0.0.1", self.transport.getHost().port))

    def datagramReceived(self, data, address):
        print(self.name, "got", data.decode())
        self.reactor.stop()


def play(name):
    io_loop = IOLoop()
    io_loop.make_current()
    reactor = TornadoReactor()
    ping = Ping()
    ping.name, ping.reactor = name, reactor
    reactor.callWhenRunning(reactor.listenUDP, 0, ping, "127.0.0.1")
    reactor.addSystemEventTrigger("after", "shutdown", print, name, "has stopped")
    call = reactor.callLater(60, print)
    assert reactor.getDelayedCalls() == [call]
    call.cancel()
    reactor.run()
    io_loop.close(all_fds=True)


play("the first")
play("the second")
assert "twisted.internet.reactor" not in sys.modules
