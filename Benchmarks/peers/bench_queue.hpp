// The harness that every queue is measured in: threads, waiting and checksum; bench_program.hpp has the rest.
//
// A program gives a table of variants, each a class Queue with these members, and calls run_program:
//
//     Queue(size_t capacity, unsigned producers, unsigned consumers)
//     Queue::Producer(Queue &, unsigned index)   made and used by its own thread
//       bool push(uint64_t)                                 false: full
//       size_t push_many(const uint64_t *, size_t n)        how many; only where the variant has bulk
//     Queue::Consumer(Queue &, unsigned index)
//       bool pop(uint64_t &)                                false: empty
//       size_t pop_many(uint64_t *, size_t n)
//
// Elements are the numbers from 1 to the total, in a range of their own for each producer. Time runs from just
// before the threads are let go until the last consumer is done. Consumers take what they get, in no fixed
// shares, and stop when all elements are out or, on finding the queue empty, when all producers are done.
//
// Waiting is the same for all: a thread that finds the queue full or empty pauses `pauses_before_yield` times,
// looking again after each, and from then on yields its core after each look, until it succeeds.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench_program.hpp"

namespace bench {

constexpr int pauses_before_yield = 8;
constexpr size_t most_batch = 256;
// Keeps what different threads write apart: two cache lines, since processors fetch lines in pairs.
constexpr size_t no_share = 128;

struct Settings {
  std::string variant;
  unsigned producers = 1;
  unsigned consumers = 1;
  size_t capacity = 1024;
  uint64_t elements = 1000000;
  size_t batch = 1;

  std::vector<Option> options() {
    return {
        {"--variant", variant},
        {"--producers", producers, 1, 999},
        {"--consumers", consumers, 1, 999},
        {"--capacity", capacity, 1, 1 << 24},
        {"--elements", elements, 1, most_items},
        {"--batch", batch, 1, most_batch},
    };
  }
};

// What a queue promises, in the words of the answer.
namespace guarantee {
// Each operation ends in a bounded number of its own steps.
constexpr const char *wait_free = "wait-free";
// A thread that stops anywhere stops no other; linearizable, first in first out.
constexpr const char *lock_free = "lock-free";
// As lock_free, but the order holds only for each producer, or within a window.
constexpr const char *relaxed_order = "lock-free, relaxed order";
// No operation waits, but a thread that stops between claiming and publishing a slot makes the rest say "full"
// or "empty" for as long.
constexpr const char *claim_and_publish = "claim-and-publish";
// An operation may wait, inside, for another thread to go on.
constexpr const char *blocking = "blocking";
}  // namespace guarantee

struct Variant {
  using Settings = bench::Settings;

  const char *name;
  const char *guarantees;
  bool bounded;
  unsigned most_producers;
  unsigned most_consumers;
  // The one capacity that the variant is compiled for; 0: any.
  size_t fixed_capacity;
  bool bulk;
  Outcome (*measured)(const Settings &);

  std::string list() const {
    return field("guarantees", guarantees) + field("bounded", bounded) + field("mostProducers", most_producers) +
           field("mostConsumers", most_consumers) + field("fixedCapacity", fixed_capacity) + field("bulk", bulk);
  }

  void check(const Settings &s) const {
    auto most = [this](unsigned number, const char *what) {
      return std::string(name) + " takes at most " + std::to_string(number) + what;
    };
    if (s.producers > most_producers) refuse(most(most_producers, " producers"));
    if (s.consumers > most_consumers) refuse(most(most_consumers, " consumers"));
    if (s.batch > 1 && !bulk) refuse(std::string(name) + " has no bulk operations");
    if (fixed_capacity != 0 && s.capacity != fixed_capacity) {
      refuse(std::string(name) + " is compiled for the capacity " + std::to_string(fixed_capacity));
    }
  }

  std::string answer(const Settings &s) const {
    return field("guarantees", guarantees) + field("bounded", bounded) + field("producers", s.producers) +
           field("consumers", s.consumers) + field("capacity", s.capacity) + field("batch", s.batch) +
           field("elements", s.elements);
  }
};

constexpr unsigned any_number = 1000;

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

class Waiting {
 public:
  void step() {
    if (looks_ < pauses_before_yield) {
      looks_++;
      pause();
    } else {
      sched_yield();
    }
  }

 private:
  int looks_ = 0;
};

struct alignas(no_share) Received {
  uint64_t count = 0;
  uint64_t sum = 0;
  uint64_t ended_at = 0;
};

// What the threads of one run share.
struct Run {
  explicit Run(const Settings &s) : settings(s), received(s.consumers), producers_left(s.producers) {
    pthread_barrier_init(&start, nullptr, s.producers + s.consumers + 1);
  }
  ~Run() { pthread_barrier_destroy(&start); }

  void wait_for_start() {
    arrived.fetch_add(1, std::memory_order_relaxed);
    pthread_barrier_wait(&start);
  }

  const Settings &settings;
  pthread_barrier_t start;
  std::vector<Received> received;
  std::atomic<unsigned> arrived{0};
  alignas(no_share) std::atomic<unsigned> producers_left;
};

template <bool bulk, class Producer>
void produce(Producer &producer, uint64_t first, uint64_t end, size_t batch) {
  if constexpr (bulk) {
    uint64_t elements[most_batch];
    for (uint64_t value = first; value < end;) {
      size_t n = size_t(std::min<uint64_t>(batch, end - value));
      for (size_t i = 0; i < n; i++) elements[i] = value + i;
      value += n;
      Waiting waiting;
      for (size_t done = 0; done < n;) {
        size_t pushed = producer.push_many(elements + done, n - done);
        done += pushed;
        if (pushed == 0) waiting.step();
      }
    }
  } else {
    for (uint64_t value = first; value < end; value++) {
      Waiting waiting;
      while (!producer.push(value)) waiting.step();
    }
  }
}

// Up to n elements, at least one; 0: there will be no more.
template <bool bulk, class Consumer>
size_t receive(Run &run, Consumer &consumer, uint64_t *elements, size_t n) {
  auto look = [&]() -> size_t {
    if constexpr (bulk) return consumer.pop_many(elements, n);
    else return consumer.pop(*elements) ? 1 : 0;
  };
  Waiting waiting;
  for (;;) {
    if (size_t got = look()) return got;
    // What the producers did before they were done is visible after this load.
    if (run.producers_left.load(std::memory_order_acquire) == 0) return look();
    waiting.step();
  }
}

template <bool bulk, class Consumer>
void consume(Run &run, Consumer &consumer, Received &received) {
  uint64_t count = 0, sum = 0;
  uint64_t elements[bulk ? most_batch : 1] = {};
  while (count < run.settings.elements) {
    size_t got = receive<bulk>(run, consumer, elements, run.settings.batch);
    if (got == 0) break;
    count += got;
    for (size_t i = 0; i < got; i++) sum += elements[i];
  }
  received.ended_at = now_nanoseconds();
  received.count = count;
  received.sum = sum;
}

template <class Queue, bool bulk>
Outcome measure(const Settings &s) {
  auto queue = std::make_unique<Queue>(s.capacity, s.producers, s.consumers);
  Run run(s);
  std::vector<std::thread> threads;
  for (unsigned p = 0; p < s.producers; p++) {
    threads.emplace_back([&, p] {
      typename Queue::Producer producer(*queue, p);
      run.wait_for_start();
      uint64_t share = s.elements / s.producers, rest = s.elements % s.producers;
      uint64_t first = 1 + p * share + std::min<uint64_t>(p, rest);
      produce<bulk>(producer, first, first + share + (p < rest ? 1 : 0), s.batch);
      run.producers_left.fetch_sub(1, std::memory_order_release);
    });
  }
  for (unsigned c = 0; c < s.consumers; c++) {
    threads.emplace_back([&, c] {
      typename Queue::Consumer consumer(*queue, c);
      run.wait_for_start();
      consume<bulk>(run, consumer, run.received[c]);
    });
  }
  // All threads exist and are about to sleep in the barrier: starting them is not measured.
  while (run.arrived.load(std::memory_order_relaxed) < s.producers + s.consumers) sched_yield();
  uint64_t started = now_nanoseconds();
  pthread_barrier_wait(&run.start);
  for (auto &thread : threads) thread.join();

  uint64_t count = 0, sum = 0, ended = started;
  for (const Received &r : run.received) {
    count += r.count;
    sum += r.sum;
    ended = std::max(ended, r.ended_at);
  }
  // 1 + 2 + … + n: the even one of n and n + 1 is halved first, so that nothing is cut off.
  uint64_t n = s.elements;
  uint64_t expected = n % 2 == 0 ? n / 2 * (n + 1) : (n + 1) / 2 * n;
  return {ended - started, count == s.elements && sum == expected};
}

// Kinds of variants, for the tables.
template <class Queue>
constexpr Variant variant(const char *name, const char *guarantees, bool bounded, unsigned most_producers = any_number,
                          unsigned most_consumers = any_number, size_t fixed_capacity = 0) {
  return {name, guarantees, bounded, most_producers, most_consumers, fixed_capacity, false, measure<Queue, false>};
}

template <class Queue>
Outcome measure_either(const Settings &s) {
  return s.batch > 1 ? measure<Queue, true>(s) : measure<Queue, false>(s);
}

// A variant with bulk operations.
template <class Queue>
constexpr Variant bulk_variant(const char *name, const char *guarantees, bool bounded,
                               unsigned most_producers = any_number, unsigned most_consumers = any_number,
                               size_t fixed_capacity = 0) {
  return {name,           guarantees, bounded, most_producers, most_consumers, fixed_capacity, true,
          measure_either<Queue>};
}

inline int run_program(int argc, char **argv, const std::vector<Variant> &variants) {
  return run_variants(argc, argv, variants);
}

}  // namespace bench
