"""Two brokers, each with a second listener behind a proxy, so ingest alone can have a slow or cut connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.embedded.ports import free_ports
from deploy.local_kafka.broker import LocalKafka
from tests.support.environment.tcp_proxy import TcpProxy

BROKERS = 2


class ProxiedKafka(LocalKafka):
    """Clients that connect through a proxy learn the proxies' addresses; all others the brokers' own."""

    def __init__(self, directory: Path, listeners: list[tuple[int, TcpProxy]]) -> None:
        super().__init__(directory, brokers=len(listeners), quick_start=True)
        self._listeners = listeners

    @property
    def proxies(self) -> list[TcpProxy]:
        return [proxy for _, proxy in self._listeners]

    @property
    def bootstrap_by_proxy(self) -> str:
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies)

    async def cut(self) -> None:
        """Cuts off clients that connect through a proxy."""
        for proxy in self.proxies:
            await proxy.cut()

    async def restore(self) -> None:
        """Opens the proxies again, without delay."""
        for proxy in self.proxies:
            await proxy.cut()
            proxy.delay_seconds = 0.0
            await proxy.open()

    def slow_down(self, seconds: float) -> None:
        """Delays every answer through a proxy."""
        for proxy in self.proxies:
            proxy.delay_seconds = seconds

    def _server_properties(self, number: int, port: int, home: Path) -> str:
        behind, proxy = self._listeners[number - 1]
        direct = f"PLAINTEXT://127.0.0.1:{port}"
        controller = f",CONTROLLER://127.0.0.1:{self._controller_port}" if number == 1 else ""
        lines = [
            f"listeners={direct},PROXIED://127.0.0.1:{behind}{controller}",
            f"advertised.listeners={direct},PROXIED://127.0.0.1:{proxy.port}",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
        ]
        # Kafka takes the last of a repeated setting.
        return super()._server_properties(number, port, home) + "\n".join(lines) + "\n"


@asynccontextmanager
async def proxied_kafka(directory: Path) -> AsyncIterator[ProxiedKafka]:
    """Not started yet. It is killed at the end, even when frozen."""
    listeners = [(port, TcpProxy("127.0.0.1", port)) for port in free_ports(BROKERS)]
    for _, proxy in listeners:
        await proxy.open()
    kafka = ProxiedKafka(directory, listeners)
    try:
        yield kafka
    finally:
        kafka.kill()
        await kafka.cut()
