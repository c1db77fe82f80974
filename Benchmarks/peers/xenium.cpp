// Manuel Pöter's xenium: two bounded and two unbounded queues, with epoch-based reclamation where they need any.
#include "bench_queue.hpp"

#include <xenium/kirsch_bounded_kfifo_queue.hpp>
#include <xenium/michael_scott_queue.hpp>
#include <xenium/ramalhete_queue.hpp>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/vyukov_bounded_queue.hpp>

namespace {

// Pushes and pops a queue's own elements as numbers.
template <class Q>
struct Ends {
  struct Producer {
    Producer(Q &q, unsigned) : queue(q) {}
    bool push(uint64_t value) { return queue.push_number(value); }
    Q &queue;
  };
  struct Consumer {
    Consumer(Q &q, unsigned) : queue(q) {}
    bool pop(uint64_t &value) { return queue.pop_number(value); }
    Q &queue;
  };
};

template <bool weak>
struct Vyukov : Ends<Vyukov<weak>> {
  Vyukov(size_t capacity, unsigned, unsigned) : queue(capacity) {
    if ((capacity & (capacity - 1)) != 0 || capacity < 2) bench::refuse("the capacity must be a power of two");
  }
  bool push_number(uint64_t value) {
    if constexpr (weak) return queue.try_push_weak(value);
    else return queue.try_push_strong(value);
  }
  bool pop_number(uint64_t &value) {
    if constexpr (weak) return queue.try_pop_weak(value);
    else return queue.try_pop_strong(value);
  }
  xenium::vyukov_bounded_queue<uint64_t> queue;
};

// Some of its queues hold pointers only, and use the lowest bits and the highest 16: a number goes between them.
struct Thing;
constexpr int pointer_shift = 3;
inline Thing *as_pointer(uint64_t value) { return reinterpret_cast<Thing *>(value << pointer_shift); }
inline uint64_t as_number(Thing *pointer) { return reinterpret_cast<uint64_t>(pointer) >> pointer_shift; }

struct alignas(8) Thing {
  uint64_t value;
};

using Reclaimer = xenium::policy::reclaimer<xenium::reclamation::epoch_based<>>;

template <class Queue>
struct Unbounded : Ends<Unbounded<Queue>> {
  Unbounded(size_t, unsigned, unsigned) {}
  bool push_number(uint64_t value) {
    if constexpr (std::is_pointer_v<typename Queue::value_type>) queue.push(as_pointer(value));
    else queue.push(value);
    return true;
  }
  bool pop_number(uint64_t &value) {
    if constexpr (std::is_pointer_v<typename Queue::value_type>) {
      Thing *thing;
      if (!queue.try_pop(thing)) return false;
      value = as_number(thing);
      return true;
    } else {
      return queue.try_pop(value);
    }
  }
  Queue queue;
};

// Out of order by up to k elements. k segments of the capacity: as many slots in all.
struct KFifo : Ends<KFifo> {
  static constexpr uint64_t k = 8;
  KFifo(size_t capacity, unsigned, unsigned) : queue(k, capacity / k) {}
  bool push_number(uint64_t value) { return queue.try_push(as_pointer(value)); }
  bool pop_number(uint64_t &value) {
    Thing *thing;
    if (!queue.try_pop(thing)) return false;
    value = as_number(thing);
    return true;
  }
  xenium::kirsch_bounded_kfifo_queue<Thing *> queue;
};

}  // namespace

int main(int argc, char **argv) {
  using namespace bench::guarantee;
  return bench::run_program(
      argc, argv,
      {
          bench::variant<Vyukov<false>>("vyukov_bounded_queue", blocking, true),
          bench::variant<Vyukov<true>>("vyukov_bounded_queue, weak", claim_and_publish, true),
          bench::variant<KFifo>("kirsch_bounded_kfifo_queue", relaxed_order, true),
          bench::variant<Unbounded<xenium::ramalhete_queue<Thing *, Reclaimer>>>("ramalhete_queue", lock_free, false),
          bench::variant<Unbounded<xenium::michael_scott_queue<uint64_t, Reclaimer>>>("michael_scott_queue", lock_free,
                                                                                      false),
      });
}
