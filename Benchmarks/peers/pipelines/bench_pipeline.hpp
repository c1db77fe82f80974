// What every pipeline is measured by: elements, bodies, pacing and checks; ../bench_program.hpp has the rest. The Go,
// Rust and Python programs in this folder are its twins.
//
// A program gives a table of variants and calls run_program. A variant is a class Pipeline with
//
//     template <class Item, class Source, class Body, class Sink>
//     static void run(const Settings &, uint64_t count, Source, Body, Sink)
//
// which makes a pipeline, calls `Item source(uint64_t i)` for the numbers from 0 to before `count`, hands each item
// through `body_count` stages that call `Item body(Item)`, and gives what comes out to `void sink(Item)`, one by one.
//
//   stream  all items as fast as they go. The clock starts before the pipeline is made and ends when it is gone.
//   tail    item i is due 20 µs after the one before, and every thousandth sleeps for 1 ms in the body. The times are
//           those of the others, from when each was due, however late its source was, to the sink. The first is due
//           when the source starts: what making the pipeline takes does not count.
//   call    a whole pipeline over one item: the time of each.
#pragma once

#include <sched.h>
#include <time.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../bench_program.hpp"

namespace bench {

constexpr uint64_t nanoseconds_between_items = 20000;
constexpr uint64_t slow_nanoseconds = 1000000;
// A sleep ends late by about so much.
constexpr uint64_t sleep_margin_nanoseconds = 60000;
// Keeps what different threads write apart: two cache lines, since processors fetch lines in pairs.
constexpr size_t no_share = 128;

struct Settings {
  std::string variant;
  std::string measure = "stream";
  uint64_t items = 1000000;
  unsigned workers = 1;
  size_t throttle = 1024;
  unsigned stages = 3;
  uint64_t spin = 0;
  std::string element = "int";

  std::vector<Option> options() {
    return {
        {"--variant", variant},
        {"--measure", measure},
        {"--items", items, 1, most_items},
        {"--workers", workers, 1, 999},
        {"--throttle", throttle, 0, 1 << 24},
        {"--stages", stages, 3, 8},
        {"--spin", spin, 0, most_items},
        {"--element", element},
    };
  }

  // Of three stages the last is the sum; of eight all but the source are bodies, and the consumer has the sum.
  unsigned body_count() const { return stages == 3 ? 1 : stages - 1; }
};

struct Variant {
  using Settings = bench::Settings;

  const char *name;
  Outcome (*measured)(const Settings &);
  // 0: any number.
  unsigned most_workers;
  // Whether it can do without a throttle.
  bool unbounded;

  static inline const std::vector<std::string> measures{"stream", "tail", "call"}, elements{"int", "string", "class"};
  static inline const std::vector<unsigned> stages{3, 8};

  std::string list() const {
    return field("measures", measures) + field("elements", elements) + field("mostWorkers", most_workers) +
           field("unbounded", unbounded) + field("spins", true) + field("stages", stages);
  }

  void check(const Settings &s) const {
    auto cannot = [&](bool refused, const std::string &what) {
      if (refused) refuse(std::string(name) + " cannot do " + what + "; --list tells what it can");
    };
    cannot(!contains(measures, s.measure), "the measurement '" + s.measure + "'");
    cannot(!contains(elements, s.element), "elements '" + s.element + "'");
    cannot(!contains(stages, s.stages), std::to_string(s.stages) + " stages");
    cannot(most_workers != 0 && s.workers > most_workers, std::to_string(s.workers) + " workers");
    cannot(!unbounded && s.throttle == 0, "without a throttle");
    cannot(s.element == "string" && s.spin > 0, "any spinning with strings");
    cannot(s.measure != "stream" && (s.stages != 3 || s.element != "int"), s.measure + " but with three stages of int");
  }

  std::string answer(const Settings &s) const { return field("measure", s.measure) + field("items", s.items); }
};

// ---- Elements ----

// A chain of multiplications, each of which waits for the one before.
inline uint64_t add_one(uint64_t x, uint64_t spin) {
  if (spin == 0) return x + 1;
  uint64_t state = x;
  // Without the shift, clang would make one step of several.
  for (uint64_t i = 0; i < spin; i++) state = (state ^ (state >> 32)) * 0xd6e8feb86659fd93u;
  return x + 1 + (state == 42 ? 1 : 0);
}

// The sum of 0 up to before `count`, of numbers to each of which `bodies` was added.
inline uint64_t expected_sum(uint64_t count, unsigned bodies) {
  // The even one is halved first, so that nothing is cut off.
  uint64_t pairs = count % 2 == 0 ? count / 2 * (count - 1) : (count - 1) / 2 * count;
  return pairs + bodies * count;
}

class Ints {
 public:
  using Item = uint64_t;
  explicit Ints(const Settings &s) : spin_(s.spin) {}
  Item make(uint64_t i) const { return i; }
  Item pass(Item x) const { return add_one(x, spin_); }
  static uint64_t weight(Item x) { return x; }
  static uint64_t expected(const Settings &s) { return expected_sum(s.items, s.body_count()); }

 private:
  uint64_t spin_;
};

class Strings {
 public:
  using Item = std::string;
  explicit Strings(const Settings &) {
    for (size_t i = 0; i < prepared_.size(); i++) prepared_[i] = std::string(24 + i, 'x');
  }
  Item make(uint64_t i) const { return prepared_[i % 16]; }
  Item pass(Item x) const { return x; }
  static uint64_t weight(const Item &x) { return x.size(); }
  static uint64_t expected(const Settings &s) {
    uint64_t rest = s.items % 16;
    return 24 * s.items + s.items / 16 * 120 + rest * (rest - 1) / 2;
  }

 private:
  std::array<std::string, 16> prepared_;
};

class Objects {
 public:
  struct Object {
    uint64_t value;
  };
  using Item = std::unique_ptr<Object>;
  explicit Objects(const Settings &s) : spin_(s.spin) {}
  Item make(uint64_t i) const { return Item(new Object{i}); }
  Item pass(Item x) const { return Item(new Object{add_one(x->value, spin_)}); }
  static uint64_t weight(const Item &x) { return x->value; }
  static uint64_t expected(const Settings &s) { return expected_sum(s.items, s.body_count()); }

 private:
  uint64_t spin_;
};

// ---- Measuring ----

template <class Pipeline, class Elements>
Outcome stream(const Settings &s) {
  using Item = typename Elements::Item;
  const Elements elements(s);
  alignas(no_share) uint64_t sum = 0;
  uint64_t started = now_nanoseconds();
  Pipeline::template run<Item>(
      s, s.items, [&](uint64_t i) { return elements.make(i); },
      [&](Item x) { return elements.pass(std::move(x)); }, [&](Item x) { sum += Elements::weight(x); });
  uint64_t ended = now_nanoseconds();
  return {ended - started, sum == Elements::expected(s), {}};
}

inline void sleep_nanoseconds(uint64_t nanoseconds) {
  timespec duration{time_t(nanoseconds / 1000000000), long(nanoseconds % 1000000000)};
  nanosleep(&duration, nullptr);
}

inline void wait_until(uint64_t due) {
  uint64_t now = now_nanoseconds();
  if (now + sleep_margin_nanoseconds < due) sleep_nanoseconds(due - now - sleep_margin_nanoseconds);
  while (now_nanoseconds() < due) sched_yield();
}

inline bool is_slow(uint64_t i) { return i % 1000 == 500; }

template <class Pipeline>
Outcome tail(const Settings &s) {
  Outcome outcome;
  outcome.times.reserve(s.items);
  alignas(no_share) uint64_t first_due = 0;
  alignas(no_share) uint64_t sum = 0;
  auto due = [&](uint64_t i) { return first_due + i * nanoseconds_between_items; };
  uint64_t started = now_nanoseconds();
  Pipeline::template run<uint64_t>(
      s, s.items,
      [&](uint64_t i) {
        if (i == 0) first_due = now_nanoseconds();
        wait_until(due(i));
        return i;
      },
      [&](uint64_t i) {
        if (is_slow(i)) sleep_nanoseconds(slow_nanoseconds);
        return i + 1;
      },
      [&](uint64_t x) {
        if (!is_slow(x - 1)) outcome.times.push_back(now_nanoseconds() - due(x - 1));
        sum += x;
      });
  outcome.nanoseconds = now_nanoseconds() - started;
  outcome.ok = sum == expected_sum(s.items, 1);
  return outcome;
}

template <class Pipeline>
Outcome call(const Settings &s) {
  const Ints ints(s);
  uint64_t started = now_nanoseconds();
  Outcome outcome = time_calls(s.items, 0, [&](uint64_t number) {
    uint64_t sum = 0;
    Pipeline::template run<uint64_t>(
        s, 1, [&](uint64_t) { return number; }, [&](uint64_t x) { return ints.pass(x); },
        [&](uint64_t x) { sum += x; });
    return sum == number + 1;
  });
  outcome.nanoseconds = now_nanoseconds() - started;
  return outcome;
}

template <class Pipeline>
Outcome measure(const Settings &s) {
  if (s.measure == "tail") return tail<Pipeline>(s);
  if (s.measure == "call") return call<Pipeline>(s);
  if (s.element == "string") return stream<Pipeline, Strings>(s);
  if (s.element == "class") return stream<Pipeline, Objects>(s);
  return stream<Pipeline, Ints>(s);
}

inline int run_program(int argc, char **argv, const std::vector<Variant> &variants) {
  return run_variants(argc, argv, variants);
}

}  // namespace bench
