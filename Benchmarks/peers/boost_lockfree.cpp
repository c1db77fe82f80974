// Boost.Lockfree: queue (Michael and Scott's, on a pool of nodes or growing) and spsc_queue.
#include "bench_queue.hpp"

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

namespace {

constexpr size_t capacity_ = 1024;

template <class Q>
struct Ends {
  struct Producer {
    Producer(Q &q, unsigned) : queue(q.queue) {}
    bool push(uint64_t value) { return queue.push(value); }
    size_t push_many(const uint64_t *values, size_t n) { return queue.push(values, n); }
    decltype(Q::queue) &queue;
  };
  struct Consumer {
    Consumer(Q &q, unsigned) : queue(q.queue) {}
    bool pop(uint64_t &value) { return queue.pop(value); }
    size_t pop_many(uint64_t *values, size_t n) { return queue.pop(values, n); }
    decltype(Q::queue) &queue;
  };
};

template <class Queue>
struct Sized {
  Sized(size_t capacity, unsigned, unsigned) : queue(capacity) {}
  Queue queue;
  using Producer = typename Ends<Sized>::Producer;
  using Consumer = typename Ends<Sized>::Consumer;
};

template <class Queue>
struct Fixed {
  Fixed(size_t, unsigned, unsigned) {}
  Queue queue;
  using Producer = typename Ends<Fixed>::Producer;
  using Consumer = typename Ends<Fixed>::Consumer;
};

namespace lf = boost::lockfree;
using Spsc = Sized<lf::spsc_queue<uint64_t>>;
using SpscFixed = Fixed<lf::spsc_queue<uint64_t, lf::capacity<capacity_>>>;
using Bounded = Sized<lf::queue<uint64_t, lf::fixed_sized<true>>>;
using BoundedFixed = Fixed<lf::queue<uint64_t, lf::capacity<capacity_>>>;
using Unbounded = Sized<lf::queue<uint64_t, lf::fixed_sized<false>>>;

}  // namespace

int main(int argc, char **argv) {
  using namespace bench::guarantee;
  using bench::any_number;
  return bench::run_program(
      argc, argv,
      {
          bench::bulk_variant<Spsc>("spsc_queue", wait_free, true, 1, 1),
          bench::bulk_variant<SpscFixed>("spsc_queue, capacity<1024>", wait_free, true, 1, 1, capacity_),
          bench::variant<Bounded>("queue, fixed_sized", lock_free, true),
          bench::variant<BoundedFixed>("queue, capacity<1024>", lock_free, true, any_number, any_number, capacity_),
          bench::variant<Unbounded>("queue", lock_free, false),
      });
}
