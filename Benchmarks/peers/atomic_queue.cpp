// Maxim Egorushkin's atomic_queue. Its try_push and try_pop claim a position and then wait, inside, for the slot.
#include "bench_queue.hpp"

#include <atomic_queue/atomic_queue.h>

namespace {

constexpr unsigned capacity_ = 1024;

// Those whose capacity is fixed when they are compiled.
template <class T>
struct Fixed : T {
  Fixed(size_t, unsigned, unsigned) {}
};

template <class T>
struct Sized : T {
  Sized(size_t capacity, unsigned, unsigned) : T(unsigned(capacity)) {}
};

template <class Base>
struct Trying : Base {
  using Base::Base;
  struct Producer {
    Producer(Trying &q, unsigned) : queue(q) {}
    bool push(uint64_t value) { return queue.try_push(value); }
    Trying &queue;
  };
  struct Consumer {
    Consumer(Trying &q, unsigned) : queue(q) {}
    bool pop(uint64_t &value) { return queue.try_pop(value); }
    Trying &queue;
  };
};

// The library's own push and pop, which count on there being room or an element, and spin without yielding. A
// consumer can stop only when it has all elements, so there is one.
template <class Base>
struct Optimist : Base {
  using Base::Base;
  struct Producer {
    Producer(Optimist &q, unsigned) : queue(q) {}
    bool push(uint64_t value) {
      queue.push(value);
      return true;
    }
    Optimist &queue;
  };
  struct Consumer {
    Consumer(Optimist &q, unsigned) : queue(q) {}
    bool pop(uint64_t &value) {
      value = queue.pop();
      return true;
    }
    Optimist &queue;
  };
};

using Allocator = std::allocator<uint64_t>;
using Queue = Fixed<atomic_queue::AtomicQueue<uint64_t, capacity_>>;
using Queue2 = Fixed<atomic_queue::AtomicQueue2<uint64_t, capacity_>>;
using QueueB = Sized<atomic_queue::AtomicQueueB<uint64_t>>;
using QueueB2 = Sized<atomic_queue::AtomicQueueB2<uint64_t>>;
using QueueSpsc = Fixed<atomic_queue::AtomicQueue<uint64_t, capacity_, 0, false, true, false, true>>;
using Queue2Spsc = Fixed<atomic_queue::AtomicQueue2<uint64_t, capacity_, false, true, false, true>>;
using QueueBSpsc = Sized<atomic_queue::AtomicQueueB<uint64_t, Allocator, 0, true, false, true>>;
using QueueB2Spsc = Sized<atomic_queue::AtomicQueueB2<uint64_t, Allocator, true, false, true>>;

}  // namespace

int main(int argc, char **argv) {
  using namespace bench::guarantee;
  using bench::any_number;
  return bench::run_program(
      argc, argv,
      {
          bench::variant<Trying<Queue>>("AtomicQueue", blocking, true, any_number, any_number, capacity_),
          bench::variant<Trying<Queue2>>("AtomicQueue2", blocking, true, any_number, any_number, capacity_),
          bench::variant<Trying<QueueB>>("AtomicQueueB", blocking, true),
          bench::variant<Trying<QueueB2>>("AtomicQueueB2", blocking, true),
          bench::variant<Trying<QueueSpsc>>("AtomicQueue, SPSC", blocking, true, 1, 1, capacity_),
          bench::variant<Trying<Queue2Spsc>>("AtomicQueue2, SPSC", blocking, true, 1, 1, capacity_),
          bench::variant<Trying<QueueBSpsc>>("AtomicQueueB, SPSC", blocking, true, 1, 1),
          bench::variant<Trying<QueueB2Spsc>>("AtomicQueueB2, SPSC", blocking, true, 1, 1),
          bench::variant<Optimist<QueueSpsc>>("OptimistAtomicQueue, SPSC", blocking, true, 1, 1, capacity_),
      });
}
