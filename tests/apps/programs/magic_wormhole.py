"""magic-wormhole: two ends and their mailbox server, all in one reactor."""

from tests.apps import host


async def main() -> None:
    from twisted.internet import reactor
    from wormhole import create
    from wormhole_mailbox_server.database import create_channel_db
    from wormhole_mailbox_server.server import make_server
    from wormhole_mailbox_server.web import make_web_server

    import triloop

    server = make_server(create_channel_db(":memory:"))
    server.startService()
    site = make_web_server(server, log_requests=False)
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    url = f"ws://127.0.0.1:{port.getHost().port}/v1"

    one, two = (create("triloop.test", url, reactor) for _ in range(2))
    one.allocate_code()
    two.set_code(await triloop.wait(one.get_code()))
    one.send_message(b"hello")
    assert await triloop.wait(two.get_message()) == b"hello"
    for end in (one, two):
        await triloop.wait(end.close())
    await triloop.wait(server.stopService())
    await triloop.wait(port.stopListening())


host.run(main)
