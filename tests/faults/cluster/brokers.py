"""Two brokers with a second way to each, through a proxy: what ingest sees of Kafka may be slow or cut by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.embedded.ports import free_ports
from deploy.local_kafka.broker import LocalKafka
from tests.support.environment.tcp_proxy import TcpProxy

BROKERS = 2


class TwoWayKafka(LocalKafka):
    """Clients that come by a proxy are told the proxies' addresses; all others the brokers' own."""

    def __init__(self, directory: Path, ways: list[tuple[int, TcpProxy]]) -> None:
        super().__init__(directory, brokers=len(ways), quick_start=True)
        self._ways = ways

    @property
    def proxies(self) -> list[TcpProxy]:
        return [proxy for _, proxy in self._ways]

    @property
    def bootstrap_by_proxy(self) -> str:
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies)

    async def cut(self) -> None:
        """Who comes by a proxy is cut off."""
        for proxy in self.proxies:
            await proxy.cut()

    async def mend(self) -> None:
        """The ways are open again, without delay."""
        for proxy in self.proxies:
            await proxy.cut()
            proxy.delay_seconds = 0.0
            await proxy.open()

    def slow_down(self, seconds: float) -> None:
        """Every answer comes so much later."""
        for proxy in self.proxies:
            proxy.delay_seconds = seconds

    def _server_properties(self, number: int, port: int, home: Path) -> str:
        behind, proxy = self._ways[number - 1]
        direct = f"PLAINTEXT://127.0.0.1:{port}"
        controller = f",CONTROLLER://127.0.0.1:{self._controller_port}" if number == 1 else ""
        lines = [
            f"listeners={direct},PROXIED://127.0.0.1:{behind}{controller}",
            f"advertised.listeners={direct},PROXIED://127.0.0.1:{proxy.port}",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
        ]
        # Of a setting that is there twice Kafka takes the last.
        return super()._server_properties(number, port, home) + "\n".join(lines) + "\n"


@asynccontextmanager
async def two_way_kafka(directory: Path) -> AsyncIterator[TwoWayKafka]:
    """Not started yet; killed at the end, also when it was left frozen."""
    ways = [(port, TcpProxy("127.0.0.1", port)) for port in free_ports(BROKERS)]
    for _, proxy in ways:
        await proxy.open()
    kafka = TwoWayKafka(directory, ways)
    try:
        yield kafka
    finally:
        kafka.kill()
        await kafka.cut()
