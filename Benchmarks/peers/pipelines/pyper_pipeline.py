"""pyper: a branching source, a task with workers and the consumer, in threads or as coroutines; a twin of
bench_pipeline.hpp, which says what is measured and how."""

import asyncio
import os
import time
from dataclasses import dataclass

from pyper import task

import bench_program as bench

BETWEEN_DUE = 20e-6
SLOW_ITEM = 1e-3
SLEEP_MARGIN = 60e-6


@dataclass
class Settings(bench.Settings):
    workers: int = 1
    throttle: int = 1024
    stages: int = 3
    spin: int = 0
    element: str = "int"

    @property
    def body_count(self):
        """Three stages are the source, one body and the sum; of eight all but the source are bodies."""
        return 1 if self.stages == 3 else self.stages - 1


# ---- Pipelines: the same with threads and with coroutines ----


def pipeline(settings, source, body):
    made = task(source, branch=True, throttle=settings.throttle)
    for _ in range(settings.body_count):
        made |= task(body, workers=settings.workers, throttle=settings.throttle)
    return made


class Threads:
    """`make(i)` gives an item, perhaps after waiting for `due(i)`; `is_slow(item)` ones sleep in the body."""

    @staticmethod
    def run(settings, count, make, body, consume, due=None, is_slow=None):
        def source():
            for i in range(count):
                if due:
                    left = due(i) - time.monotonic()
                    if left > SLEEP_MARGIN:
                        time.sleep(left - SLEEP_MARGIN)
                    while time.monotonic() < due(i):
                        # Lets other threads run.
                        time.sleep(0)
                yield make(i)

        def sleeping(item):
            if is_slow(item):
                time.sleep(SLOW_ITEM)
            return body(item)

        for item in pipeline(settings, source, sleeping if is_slow else body)():
            consume(item)


class Coroutines:
    # Made once: a program with coroutines has one anyway.
    loop = asyncio.new_event_loop()

    @staticmethod
    def run(settings, count, make, body, consume, due=None, is_slow=None):
        async def source():
            for i in range(count):
                if due:
                    left = due(i) - time.monotonic()
                    if left > SLEEP_MARGIN:
                        await asyncio.sleep(left - SLEEP_MARGIN)
                    while time.monotonic() < due(i):
                        await asyncio.sleep(0)
                yield make(i)

        async def plain(item):
            return body(item)

        async def sleeping(item):
            if is_slow(item):
                await asyncio.sleep(SLOW_ITEM)
            return body(item)

        async def main():
            async for item in pipeline(settings, source, sleeping if is_slow else plain)():
                consume(item)

        Coroutines.loop.run_until_complete(main())


# ---- Elements: how one is made, what a body makes of it, and what it adds to the sum ----


class Object:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def same(item):
    return item


def add_one(number):
    return number + 1


STRINGS = ["x" * length for length in range(24, 40)]

ELEMENTS = {
    "int": (same, add_one, same),
    "string": (lambda i: STRINGS[i & 15], same, len),
    "class": (Object, lambda item: Object(item.value + 1), lambda item: item.value),
}


def expected_sum(settings):
    count = settings.items
    if settings.element == "string":
        return sum(len(STRINGS[i & 15]) for i in range(count))
    return count * (count - 1) // 2 + settings.body_count * count


# ---- Measuring ----


class Sum:
    def __init__(self, weight=same):
        self.total = 0
        self.weight = weight

    def add(self, item):
        self.total += self.weight(item)


def stream(kind, settings):
    make, body, weight = ELEMENTS[settings.element]
    received = Sum(weight)
    started = time.monotonic()
    kind.run(settings, settings.items, make, body, received.add)
    seconds = time.monotonic() - started
    return bench.Outcome(seconds=seconds, ok=received.total == expected_sum(settings))


def tail(kind, settings):
    outcome = bench.Outcome()
    received = Sum()
    first_due = None

    def due(i):
        nonlocal first_due
        if first_due is None:
            first_due = time.monotonic()
        return first_due + i * BETWEEN_DUE

    def is_slow(i):
        return i % 1000 == 500

    def consume(item):
        if not is_slow(item - 1):
            outcome.times.append(round((time.monotonic() - due(item - 1)) * 1e9))
        received.add(item)

    started = time.monotonic()
    kind.run(settings, settings.items, same, add_one, consume, due, is_slow)
    outcome.seconds = time.monotonic() - started
    outcome.ok = received.total == expected_sum(settings)
    return outcome


def call(kind, settings):
    def once(number):
        received = Sum()
        kind.run(settings, 1, lambda _: number, add_one, received.add)
        return received.total == number + 1

    started = time.monotonic()
    outcome = bench.time_calls(settings.items, 0, once)
    outcome.seconds = time.monotonic() - started
    return outcome


MEASURES = {"stream": stream, "tail": tail, "call": call}


# ---- Command line ----


def variant(name, kind, stages):
    return bench.Variant(
        name,
        list(MEASURES),
        lambda settings: MEASURES[settings.measure](kind, settings),
        {"elements": list(ELEMENTS), "mostWorkers": 0, "unbounded": True, "spins": False, "stages": stages},
    )


def check(variant, settings):
    if settings.element not in ELEMENTS:
        return f"elements '{settings.element}' do not exist"
    if settings.stages not in variant.more["stages"]:
        return f"{variant.name} cannot have {settings.stages} stages"
    if min(settings.items, settings.workers) < 1 or settings.throttle < 0:
        return "a number is too small"
    if settings.spin != 0:
        return "Python does not spin"
    if settings.measure != "stream" and (settings.stages != 3 or settings.element != "int"):
        return f"{settings.measure} has three stages of int"
    return None


def stages_in_threads():
    """pyper's pool has the executor's default number of threads. A stage that gets none until the others have ended
    would never see an item of theirs go, if there is a throttle."""
    threads = min(32, os.cpu_count() + 4)
    return [stages for stages in (3, 8) if stages == 3 or threads >= stages]


if __name__ == "__main__":
    bench.run_program(
        [variant("pyper, threads", Threads, stages_in_threads()), variant("pyper, async", Coroutines, [3, 8])],
        Settings,
        check,
    )
