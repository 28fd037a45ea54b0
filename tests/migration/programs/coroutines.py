"""Tornado's coroutines and handlers yield Deferreds, and inlineCallbacks are called from them."""

import tornado.platform.twisted

tornado.platform.twisted.install()

from tornado import gen
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, inlineCallbacks
from twisted.internet.task import deferLater


@inlineCallbacks
def twice(number):
    yield deferLater(reactor, 0.01, lambda: None)
    return 2 * number


class Handler(RequestHandler):
    @gen.coroutine
    def get(self):
        number = yield twice(21)
        self.write("%d" % number)


@gen.coroutine
def main():
    fired = Deferred()
    reactor.callLater(0.01, fired.callback, "a Deferred")
    print((yield fired))
    print((yield [twice(1), twice(2), gen.sleep(0.01)]))
    print(sorted((yield {"a": twice(3)}).items()))
    try:
        yield fail(ValueError("wrong"))
    except ValueError as error:
        print("raised", error)
    response = yield AsyncHTTPClient().fetch("http://127.0.0.1:%d/" % port)
    print("the handler wrote", response.body.decode())


server = Application([("/", Handler)]).listen(0, "127.0.0.1")
port = next(iter(server._sockets.values())).getsockname()[1]
IOLoop.current().run_sync(main)
