"""The harness of the peers in Python: a twin of bench_process.hpp, which says what is measured and how.

A program gives a table of variants, each a name, its measurements and a function from Settings to Outcome.
"""

import ctypes
import signal
import threading
import time
from dataclasses import dataclass

import bench_program
from bench_program import Outcome

STARTED_PROCESSES = 4


@dataclass
class Settings(bench_program.Settings):
    bytes: int = 8
    throttle: int = 8192
    pause: int = 0


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
    return Outcome(seconds=seconds, ok=ok)


def time_calls(settings, call):
    return bench_program.time_calls(settings.items, settings.pause, call)


def run_program(variants):
    bench_program.run_program([bench_program.Variant(*variant) for variant in variants], Settings)
