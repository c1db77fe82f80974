// Concurrency Kit's ck_ring. Of a power of two of slots it uses all but one; enqueues of many producers are
// published in order, so that one that stops holds the next ones up.
#include "bench_queue.hpp"

extern "C" {
#include <ck_cc.h>
#include <ck_md.h>
#include <ck_pr.h>
#include <ck_stdbool.h>
#include <ck_string.h>
// One of its functions returns false for a null pointer, which is C and not C++.
#define false 0
#include <ck_ring.h>
#undef false
}

namespace {

template <bool many_producers, bool many_consumers>
struct Ring {
  Ring(size_t capacity, unsigned, unsigned) : buffer(capacity) {
    if ((capacity & (capacity - 1)) != 0 || capacity < 2) bench::refuse("the capacity must be a power of two");
    ck_ring_init(&ring, unsigned(capacity));
  }
  ck_ring_t ring;
  std::vector<ck_ring_buffer_t> buffer;

  struct Producer {
    Producer(Ring &q, unsigned) : ring(&q.ring), buffer(q.buffer.data()) {}
    bool push(uint64_t value) {
      void *entry = reinterpret_cast<void *>(value);
      if constexpr (many_producers && many_consumers) return ck_ring_enqueue_mpmc(ring, buffer, entry);
      else if constexpr (many_producers) return ck_ring_enqueue_mpsc(ring, buffer, entry);
      else if constexpr (many_consumers) return ck_ring_enqueue_spmc(ring, buffer, entry);
      else return ck_ring_enqueue_spsc(ring, buffer, entry);
    }
    ck_ring_t *ring;
    ck_ring_buffer_t *buffer;
  };
  struct Consumer {
    Consumer(Ring &q, unsigned) : ring(&q.ring), buffer(q.buffer.data()) {}
    bool pop(uint64_t &value) {
      bool got;
      if constexpr (many_producers && many_consumers) got = ck_ring_dequeue_mpmc(ring, buffer, &value);
      else if constexpr (many_producers) got = ck_ring_dequeue_mpsc(ring, buffer, &value);
      else if constexpr (many_consumers) got = ck_ring_dequeue_spmc(ring, buffer, &value);
      else got = ck_ring_dequeue_spsc(ring, buffer, &value);
      return got;
    }
    ck_ring_t *ring;
    ck_ring_buffer_t *buffer;
  };
};

}  // namespace

int main(int argc, char **argv) {
  using namespace bench::guarantee;
  using bench::any_number;
  return bench::run_program(argc, argv,
                            {
                                bench::variant<Ring<false, false>>("ck_ring spsc", wait_free, true, 1, 1),
                                bench::variant<Ring<true, false>>("ck_ring mpsc", blocking, true, any_number, 1),
                                bench::variant<Ring<false, true>>("ck_ring spmc", lock_free, true, 1, any_number),
                                bench::variant<Ring<true, true>>("ck_ring mpmc", blocking, true),
                            });
}
