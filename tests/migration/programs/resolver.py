"""Tornado looks names up by Twisted's resolver, which is named by a string."""

import tornado.platform.twisted

tornado.platform.twisted.install()

from tornado import gen
from tornado.ioloop import IOLoop
from tornado.netutil import Resolver
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer

Resolver.configure("tornado.platform.twisted.TwistedResolver")


class Server(TCPServer):
    @gen.coroutine
    def handle_stream(self, stream, address):
        yield stream.write(b"hello\n")
        stream.close()


@gen.coroutine
def main():
    print("found", (yield Resolver().resolve("localhost", 80))[0][1][0])
    server = Server()
    server.listen(0, "127.0.0.1")
    port = next(iter(server._sockets.values())).getsockname()[1]
    stream = yield TCPClient().connect("localhost", port)
    print("read", (yield stream.read_until(b"\n")).decode().strip())
    stream.close()
    server.stop()


IOLoop.current().run_sync(main)
