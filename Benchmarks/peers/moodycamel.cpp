// Cameron Desrochers' ConcurrentQueue: unbounded, and in order for each producer only.
#include "bench_queue.hpp"

#include <concurrentqueue/concurrentqueue.h>

namespace {

using Queue = moodycamel::ConcurrentQueue<uint64_t>;

struct Plain {
  Plain(size_t, unsigned, unsigned) {}
  Queue queue;

  struct Producer {
    Producer(Plain &q, unsigned) : queue(q.queue) {}
    bool push(uint64_t value) { return queue.enqueue(value); }
    size_t push_many(const uint64_t *values, size_t n) { return queue.enqueue_bulk(values, n) ? n : 0; }
    Queue &queue;
  };
  struct Consumer {
    Consumer(Plain &q, unsigned) : queue(q.queue) {}
    bool pop(uint64_t &value) { return queue.try_dequeue(value); }
    size_t pop_many(uint64_t *values, size_t n) { return queue.try_dequeue_bulk(values, n); }
    Queue &queue;
  };
};

struct Tokens {
  Tokens(size_t, unsigned, unsigned) {}
  Queue queue;

  struct Producer {
    Producer(Tokens &q, unsigned) : queue(q.queue), token(q.queue) {}
    bool push(uint64_t value) { return queue.enqueue(token, value); }
    size_t push_many(const uint64_t *values, size_t n) { return queue.enqueue_bulk(token, values, n) ? n : 0; }
    Queue &queue;
    moodycamel::ProducerToken token;
  };
  struct Consumer {
    Consumer(Tokens &q, unsigned) : queue(q.queue), token(q.queue) {}
    bool pop(uint64_t &value) { return queue.try_dequeue(token, value); }
    size_t pop_many(uint64_t *values, size_t n) { return queue.try_dequeue_bulk(token, values, n); }
    Queue &queue;
    moodycamel::ConsumerToken token;
  };
};

}  // namespace

int main(int argc, char **argv) {
  using namespace bench::guarantee;
  return bench::run_program(argc, argv,
                            {
                                bench::bulk_variant<Plain>("ConcurrentQueue", relaxed_order, false),
                                bench::bulk_variant<Tokens>("ConcurrentQueue, tokens", relaxed_order, false),
                            });
}
