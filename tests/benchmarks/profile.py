"""`make profile`: ingest's time under load by function, from samples of its process.

py-spy reads the process's memory without stopping it: a few samples are lost, and no webhook is delayed. Shares are
of the time in which the event loop worked or waited for the CPU: a system call that wakes another program looks
dearer than its CPU.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.load.environment import environment, ingest, send
from tests.benchmarks.load.requests import request, traffic

SPY = str(Path(sys.executable).with_name("py-spy"))
SAMPLES_PER_SECOND = 500
COUNT = 20_000
CONNECTIONS = 32
SHOWN = 45


def counted(stacks: Iterable[str]) -> tuple[int, Counter[str], Counter[str]]:
    """(samples, by function on the stack, by function at work) of lines `a;b;c 12`."""
    total, inside, itself = 0, Counter[str](), Counter[str]()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] for frame in stack.split(";")]
        if not any("uvloop" in frame for frame in frames):
            continue  # the spool's thread, which sleeps
        total += int(count)
        inside.update(dict.fromkeys(frames, int(count)))
        itself[frames[-1]] += int(count)
    return total, inside, itself


def main() -> None:
    """Profiles and prints."""
    with environment() as variables, ingest(variables) as pid, tempfile.NamedTemporaryFile(suffix=".stacks") as file:
        send(variables, [request(item) for item in traffic(2000, "warm-up")], CONNECTIONS)
        requests = [request(item) for item in traffic(COUNT, "profile")]
        command = [SPY, "record", "--nonblocking", "-r", str(SAMPLES_PER_SECOND), "-d", "600", "-f", "raw"]
        with subprocess.Popen([*command, "-o", file.name, "-p", str(pid)], stdout=subprocess.DEVNULL) as spy:
            send(variables, requests, CONNECTIONS)
            spy.send_signal(2)
        total, inside, itself = counted(Path(file.name).read_text().splitlines())
    table = Table("of the time, %", "itself, %", "function", title=f"ingest, {COUNT:,} accepted webhooks")
    everywhere = [function for function, count in inside.items() if count == total and not itself[function]]
    for function in everywhere:  # the frames from the program's start to its loop
        del inside[function]
    for function, count in inside.most_common(SHOWN):
        table.add_row(f"{100 * count / total:.1f}", f"{100 * itself[function] / total:.1f}", function)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
