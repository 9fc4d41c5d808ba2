"""What ktrace costs the machine that it watches: context switches with and without it.

Two processes throw a byte to and fro through pipes on one CPU: each throw is two context
switches, so sched_switch's program runs all the time. Rounds with and without ktrace alternate;
what counts is the ratio of neighbours. Needs root.

    sudo .venv/bin/python benchmarks/context_switches.py
"""

import os
import statistics
import time

from ktrace.sources.live.source import LiveSource

THROWS = 40_000
ROUNDS = 15


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    throw(THROWS // 4)  # warm up
    ratios = []
    for _ in range(ROUNDS):
        without = throw(THROWS)
        source = LiveSource(stuck_after=1.0)
        try:
            attached = throw(THROWS)
        finally:
            source.close()
        ratios.append(attached / without)
    ratios.sort()
    print(f"{THROWS} throws, {ROUNDS} pairs of rounds")
    print(
        f"time with ktrace / time without: median {statistics.median(ratios):.3f}, "
        f"lowest {ratios[0]:.3f}, highest {ratios[-1]:.3f}"
    )


def throw(count: int) -> float:
    """Seconds for so many throws and catches."""
    to_child, to_parent = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        for _ in range(count):
            os.write(to_parent[1], os.read(to_child[0], 1))
        os._exit(0)
    started = time.perf_counter()
    for _ in range(count):
        os.write(to_child[1], b"x")
        os.read(to_parent[0], 1)
    took = time.perf_counter() - started
    os.waitpid(child, 0)
    for end in (*to_child, *to_parent):
        os.close(end)
    return took


if __name__ == "__main__":
    main()
