"""The standard library's multiprocessing: Queue, Pipe, shared_memory, and the start of four processes."""

import multiprocessing
import time
from multiprocessing import shared_memory

import bench_process as bench


def in_child(body, *arguments):
    """A child that runs `body`."""
    child = multiprocessing.Process(target=serve, args=(body, *arguments), daemon=True)
    child.start()
    return child


def serve(body, *arguments):
    bench.end_with_parent()
    body(*arguments)


# ---- Two queues ----


def answer_queue(requests, answers):
    while True:
        answers.put(bench.answer_item(requests.get()))


def queue(settings):
    requests = multiprocessing.Queue(settings.throttle)
    answers = multiprocessing.Queue(settings.throttle)
    child = in_child(answer_queue, requests, answers)

    def send(first, end):
        for number in range(first, end):
            requests.put(bench.make_item(settings.bytes, number))

    def receive(count):
        return sum(bench.sum_item(answers.get()) for _ in range(count))

    outcome = bench.stream(settings, send, receive)
    child.kill()
    return outcome


# ---- A pipe ----


def answer_pipe(end):
    while True:
        end.send(bench.answer_item(end.recv()))


def pipe(settings):
    end, other = multiprocessing.Pipe()
    child = in_child(answer_pipe, other)

    def call(number):
        end.send(number)
        return end.recv() == number + 1

    outcome = bench.time_calls(settings, call)
    child.kill()
    return outcome


# ---- Shared memory ----


def touch(name):
    """The first and the last byte of the block with this name; it is mapped for that."""
    block = shared_memory.SharedMemory(name=name)
    ends = (block.buf[0], block.buf[block.size - 1])
    block.close()
    return ends


def answer_name(end):
    while True:
        name = end.recv()
        end.send((name, touch(name)))


def by_name(settings):
    block = shared_memory.SharedMemory(create=True, size=settings.bytes)
    block.buf[0] = block.buf[block.size - 1] = 120
    end, other = multiprocessing.Pipe()
    child = in_child(answer_name, other)

    def call(_):
        end.send(block.name)
        name, seen = end.recv()
        return seen == touch(name) == (120, 120)

    try:
        outcome = bench.time_calls(settings, call)
    finally:
        child.kill()
        block.close()
        block.unlink()
    return outcome


# ---- Start ----


def answer_once(end):
    bench.end_with_parent()
    end.send(bench.answer_item(end.recv()))


def start(method):
    context = multiprocessing.get_context(method)

    def run(settings):
        outcome = bench.Outcome()
        for number in range(settings.items):
            started = time.monotonic_ns()
            ends, children = [], []
            for _ in range(bench.STARTED_PROCESSES):
                end, other = context.Pipe()
                children.append(context.Process(target=answer_once, args=(other,)))
                children[-1].start()
                end.send(number)
                ends.append(end)
            multiprocessing.connection.wait(ends)
            outcome.times.append(time.monotonic_ns() - started)
            outcome.ok = all([end.recv() == number + 1 for end in ends]) and outcome.ok
            for child in children:
                child.join()
        return outcome

    return run


if __name__ == "__main__":
    bench.run_program(
        [
            ("multiprocessing.Queue", ["stream"], queue),
            ("multiprocessing.Pipe", ["roundtrip"], pipe),
            ("multiprocessing.shared_memory", ["handover"], by_name),
            ("multiprocessing, fork", ["start"], start("fork")),
            ("multiprocessing, spawn", ["start"], start("spawn")),
        ]
    )
