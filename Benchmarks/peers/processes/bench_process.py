"""The harness of the peers in Python: a twin of bench_process.hpp, which says what is measured and how.

A program gives a table of variants, each a name, its measurements and a function from Settings to Outcome.
"""

import argparse
import ctypes
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field

MOST_SECONDS = 120
STARTED_PROCESSES = 4


@dataclass
class Settings:
    variant: str
    measure: str
    bytes: int
    items: int
    throttle: int
    pause: int


@dataclass
class Outcome:
    items: int = 0
    seconds: float = 0.0
    ok: bool = True
    times: list = field(default_factory=list)


# ---- Items ----


def make_item(size, number):
    """A number, or bytes that begin and end with it."""
    if size == 8:
        return number
    end = number.to_bytes(8, "little")
    return end + bytes(size - 16) + end


def answer_item(item):
    return item + 1 if isinstance(item, int) else item


def sum_item(item):
    if isinstance(item, int):
        return item
    return int.from_bytes(item[:8], "little") + int.from_bytes(item[-8:], "little")


def expected_sum(size, first, end):
    numbers = (first + end - 1) * (end - first) // 2
    return numbers + (end - first) if size == 8 else 2 * numbers


# ---- Measuring ----


def end_with_parent():
    """For a child, first of all: it must not stay behind whatever becomes of its parent."""
    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def stream(settings, send, receive):
    """`send(first, end)` in a thread of its own; `receive(count)` gives the sum of so many answers."""
    send(0, 1)
    receive(1)
    started = time.monotonic()
    sender = threading.Thread(target=send, args=(1, settings.items + 1))
    sender.start()
    total = receive(settings.items)
    seconds = time.monotonic() - started
    sender.join()
    ok = total == expected_sum(settings.bytes, 1, settings.items + 1)
    return Outcome(items=settings.items, seconds=seconds, ok=ok)


def time_calls(settings, call):
    outcome = Outcome(items=settings.items)
    for number in range(1, settings.items + 1):
        if settings.pause > 0:
            time.sleep(settings.pause / 1e6)
        started = time.monotonic_ns()
        ok = call(number)
        outcome.times.append(time.monotonic_ns() - started)
        outcome.ok = outcome.ok and ok
    return outcome


# ---- Command line ----


def run_program(variants):
    if sys.argv[1:] == ["--list"]:
        for name, measures, _ in variants:
            print(json.dumps({"name": name, "measures": measures}))
        return
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--variant", default=variants[0][0])
    parser.add_argument("--measure", default="stream")
    parser.add_argument("--bytes", type=int, default=8)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--throttle", type=int, default=8192)
    parser.add_argument("--pause", type=int, default=0)
    settings = Settings(**vars(parser.parse_args()))
    found = [run for name, measures, run in variants if name == settings.variant and settings.measure in measures]
    if not found:
        parser.error(f"no variant '{settings.variant}' with '{settings.measure}'; --list tells them")
    # Who started this may be gone by the time that something hangs.
    signal.alarm(MOST_SECONDS)
    outcome = found[0](settings)
    answer = {
        "name": settings.variant,
        "measure": settings.measure,
        "bytes": settings.bytes,
        "items": outcome.items,
        "seconds": outcome.seconds,
        "ok": outcome.ok,
        "times": outcome.times,
    }
    print(json.dumps(answer), flush=True)
    # Some packages leave threads and children that would be waited for.
    os._exit(0 if outcome.ok else 1)
