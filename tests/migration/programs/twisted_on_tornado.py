"""A Twisted chat line beside a Tornado application: the loop is Tornado's."""

import tornado.platform.twisted

tornado.platform.twisted.install()

from tornado import gen
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver


class Shout(LineReceiver):
    def lineReceived(self, line):
        self.sendLine(line.upper())


class Client(LineReceiver):
    def connectionMade(self):
        self.sendLine(b"hello")

    def lineReceived(self, line):
        print("Twisted:", line.decode())
        self.transport.loseConnection()
        port.stopListening()
        IOLoop.current().stop()


class Hello(RequestHandler):
    def get(self):
        self.write("hello")


@gen.coroutine
def ask():
    response = yield AsyncHTTPClient().fetch("http://127.0.0.1:%d/" % http_port)
    print("Tornado:", response.body.decode())
    server.stop()
    where = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    yield connectProtocol(where, Client())


server = Application([("/", Hello)]).listen(0, "127.0.0.1")
http_port = next(iter(server._sockets.values())).getsockname()[1]
port = reactor.listenTCP(0, Factory.forProtocol(Shout), interface="127.0.0.1")
IOLoop.current().add_callback(ask)
IOLoop.current().start()
