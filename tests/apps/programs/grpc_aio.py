"""grpc.aio: a call whose handler awaits Twisted."""

from typing import Any

from tests.apps import host


async def main() -> None:
    import grpc
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    import triloop

    async def shout(request: bytes, context: Any) -> bytes:
        return await triloop.wait(deferLater(reactor, 0.01, request.upper))

    server = grpc.aio.server()
    handlers = {"Shout": grpc.unary_unary_rpc_method_handler(shout)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", handlers),))
    number = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{number}") as channel:
        assert await channel.unary_unary("/Echo/Shout")(b"hello") == b"HELLO"
    await server.stop(None)


host.run(main)
