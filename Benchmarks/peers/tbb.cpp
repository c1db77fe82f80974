// oneTBB: concurrent_bounded_queue and concurrent_queue. Each spreads its elements over eight inner queues, whose
// operations wait for their turn.
#include "bench_queue.hpp"

#include <oneapi/tbb/concurrent_queue.h>

namespace {

struct Bounded {
  Bounded(size_t capacity, unsigned, unsigned) { queue.set_capacity(std::ptrdiff_t(capacity)); }
  tbb::concurrent_bounded_queue<uint64_t> queue;

  struct Producer {
    Producer(Bounded &q, unsigned) : queue(q.queue) {}
    bool push(uint64_t value) { return queue.try_push(value); }
    tbb::concurrent_bounded_queue<uint64_t> &queue;
  };
  struct Consumer {
    Consumer(Bounded &q, unsigned) : queue(q.queue) {}
    bool pop(uint64_t &value) { return queue.try_pop(value); }
    tbb::concurrent_bounded_queue<uint64_t> &queue;
  };
};

struct Unbounded {
  Unbounded(size_t, unsigned, unsigned) {}
  tbb::concurrent_queue<uint64_t> queue;

  struct Producer {
    Producer(Unbounded &q, unsigned) : queue(q.queue) {}
    bool push(uint64_t value) {
      queue.push(value);
      return true;
    }
    tbb::concurrent_queue<uint64_t> &queue;
  };
  struct Consumer {
    Consumer(Unbounded &q, unsigned) : queue(q.queue) {}
    bool pop(uint64_t &value) { return queue.try_pop(value); }
    tbb::concurrent_queue<uint64_t> &queue;
  };
};

}  // namespace

int main(int argc, char **argv) {
  using namespace bench::guarantee;
  return bench::run_program(argc, argv,
                            {
                                bench::variant<Bounded>("concurrent_bounded_queue", blocking, true),
                                bench::variant<Unbounded>("concurrent_queue", blocking, false),
                            });
}
