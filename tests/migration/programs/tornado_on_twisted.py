"""A Tornado application in a Twisted program: the loop is Twisted's, run by ``reactor.run()``."""

from tornado.platform.twisted import TwistedIOLoop
from twisted.internet import reactor

TwistedIOLoop().install()

from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import Application, RequestHandler
from twisted.internet.protocol import ClientFactory, Protocol


class Hello(RequestHandler):
    def get(self):
        self.write("hello")


class Client(Protocol):
    def connectionMade(self):
        self.received = b""
        self.transport.write(b"GET / HTTP/1.0\r\n\r\n")

    def dataReceived(self, data):
        self.received += data

    def connectionLost(self, reason):
        print("Twisted got", self.received.partition(b"\r\n\r\n")[2].decode())
        IOLoop.current().add_callback(ended)


def ended():
    ticks.stop()
    server.stop()
    print("Tornado ticked", min(len(ticked), 1), "or more times")
    reactor.stop()


ticked = []
ticks = PeriodicCallback(lambda: ticked.append(1), 10)
ticks.start()
server = Application([("/", Hello)]).listen(0, "127.0.0.1")
port = next(iter(server._sockets.values())).getsockname()[1]
factory = ClientFactory.forProtocol(Client)
IOLoop.current().call_later(0.1, reactor.connectTCP, "127.0.0.1", port, factory)
reactor.run()
