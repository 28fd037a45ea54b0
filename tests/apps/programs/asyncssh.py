"""AsyncSSH: its own client and twisted.conch's ask one server of its for a command."""

from typing import Any

from tests.apps import host, ssh_client


async def main() -> None:
    import asyncssh

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, user: str, password: str) -> bool:
            return (user, password) == (ssh_client.USER, ssh_client.PASSWORD)

    def answer(process: Any) -> None:
        process.stdout.write(f"ran {process.command}")
        process.exit(0)

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=answer,
    )
    port = server.get_port()
    me = {"username": ssh_client.USER, "password": ssh_client.PASSWORD}
    async with asyncssh.connect("127.0.0.1", port, known_hosts=None, client_keys=None, **me) as one:
        assert (await one.run("echo hello")).stdout == "ran echo hello"
    assert await ssh_client.output_of(b"echo hello", port) == b"ran echo hello"
    server.close()
    await server.wait_closed()


host.run(main)
