"""A client in a process of its own: sends prepared requests over keep-alive connections, and counts the answers."""

import asyncio
import json
import pickle
import sys
import time
from collections import Counter
from pathlib import Path


async def send(port: int, requests: list[bytes], connections: int) -> dict[str, object]:
    """Sends every request once, over so many connections at a time. Gives answers by status and latencies in ms."""
    waiting = iter(requests)
    answers: Counter[str] = Counter()
    latencies: list[float] = []

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            body = json.loads(await reader.readexactly(length))
            latencies.append((time.perf_counter() - began) * 1000)
            answers[f"{head.split(b' ', 2)[1].decode()} {body.get('status', body.get('reason'))}"] += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    seconds = time.perf_counter() - began
    latencies.sort()
    return {
        "answers": dict(answers),
        "per_second": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2],
        "p99_ms": latencies[len(latencies) * 99 // 100],
    }


if __name__ == "__main__":
    port, connections, file = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    result = asyncio.run(send(port, pickle.loads(file.read_bytes()), connections))
    sys.stdout.write(json.dumps(result))
