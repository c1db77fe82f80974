"""faster-fifo: two queues, items in batches."""

import multiprocessing

from faster_fifo import Queue

import bench_process as bench

BATCH = 256
FOR_EVER = 1e6


def answer(requests, answers):
    bench.end_with_parent()
    while True:
        items = requests.get_many(timeout=FOR_EVER, max_messages_to_get=BATCH)
        answers.put_many([bench.answer_item(item) for item in items], timeout=FOR_EVER)


def queues(settings):
    # Its bound is one of bytes; an item is pickled, which takes some more of them.
    room = settings.throttle * (settings.bytes + 64)
    requests, answers = Queue(room), Queue(room)
    child = multiprocessing.Process(target=answer, args=(requests, answers), daemon=True)
    child.start()

    def send(first, end):
        for at in range(first, end, BATCH):
            numbers = range(at, min(at + BATCH, end))
            requests.put_many([bench.make_item(settings.bytes, number) for number in numbers], timeout=FOR_EVER)

    def receive(count):
        total = 0
        while count > 0:
            items = answers.get_many(timeout=FOR_EVER, max_messages_to_get=BATCH)
            count -= len(items)
            total += sum(bench.sum_item(item) for item in items)
        return total

    outcome = bench.stream(settings, send, receive)
    child.kill()
    return outcome


if __name__ == "__main__":
    bench.run_program([("faster-fifo", ["stream"], queues)])
