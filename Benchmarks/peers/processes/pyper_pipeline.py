"""pyper: a pipeline with one stage in processes (`multiprocess=True`)."""

import threading
import time

from pyper import task

import bench_process as bench


def answer(item):
    return bench.answer_item(item)


def stream(settings):
    has_answered = threading.Event()

    def numbers(end):
        yield bench.make_item(settings.bytes, 0)
        # The clock starts when the process is there.
        has_answered.wait()
        for number in range(1, end):
            yield bench.make_item(settings.bytes, number)

    pipeline = task(numbers, branch=True, throttle=settings.throttle) | task(
        answer, workers=1, multiprocess=True, throttle=settings.throttle
    )
    answers = iter(pipeline(settings.items + 1))
    next(answers)
    started = time.monotonic()
    has_answered.set()
    total = sum(bench.sum_item(item) for item in answers)
    seconds = time.monotonic() - started
    ok = total == bench.expected_sum(settings.bytes, 1, settings.items + 1)
    return bench.Outcome(seconds=seconds, ok=ok)


def four(number):
    for _ in range(bench.STARTED_PROCESSES):
        yield number


def start(settings):
    pipeline = task(four, branch=True) | task(answer, workers=bench.STARTED_PROCESSES, multiprocess=True)
    outcome = bench.Outcome()
    for number in range(settings.items):
        started = time.monotonic_ns()
        answers = iter(pipeline(number))
        first = next(answers)
        outcome.times.append(time.monotonic_ns() - started)
        outcome.ok = all(item == number + 1 for item in [first, *answers]) and outcome.ok
    return outcome


if __name__ == "__main__":
    bench.run_program([("pyper", ["stream"], stream), ("pyper, four", ["start"], start)])
