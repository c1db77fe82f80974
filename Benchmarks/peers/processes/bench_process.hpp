// The harness that every exchange with a worker process is measured in: process and check; ../bench_program.hpp has
// the rest.
//
// A program gives a table of variants and calls run_program. Most variants are a class Channel:
//
//     Channel(const Settings &)             made before the process is forked
//     void serve()                          in the process: answers items until the parent ends
//     void send(uint64_t first, uint64_t end)     items with these numbers; in a thread of its own
//     uint64_t receive(uint64_t count)            the sum of the numbers in so many answers
//
// An item of 8 bytes is a number, and its answer is one more. A longer one comes back as it is; the number stands in
// its first and its last 8 bytes, and both count. `make_item`, `answer_item` and `sum_item` do that.
//
//   stream     one process, items there and back as fast as they go. The clock starts when the process has answered
//              a first item.
//   roundtrip  one item at a time: the time of each, after a pause in which both sides have fallen asleep, if wanted.
//   handover   a block of `bytes` there and back: the time of each.
//   start      four processes, until the first answer of any of them: the time of each start.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "../bench_program.hpp"

namespace bench {

constexpr int started_processes = 4;

struct Settings {
  std::string variant;
  std::string measure = "stream";
  size_t bytes = 8;
  uint64_t items = 100000;
  size_t throttle = 8192;
  unsigned pause_microseconds = 0;

  std::vector<Option> options() {
    return {
        {"--variant", variant},
        {"--measure", measure},
        {"--bytes", bytes, 8, uint64_t(1) << 30},
        {"--items", items, 1, most_items},
        {"--throttle", throttle, 1, 1 << 20},
        {"--pause", pause_microseconds, 0, 1000000},
    };
  }
};

struct Variant {
  using Settings = bench::Settings;

  const char *name;
  std::vector<std::string> measures;
  Outcome (*measured)(const Settings &);

  std::string list() const { return field("measures", measures); }

  void check(const Settings &s) const {
    if (!contains(measures, s.measure)) {
      refuse(std::string(name) + " has no measurement '" + s.measure + "'; --list tells them");
    }
  }

  std::string answer(const Settings &s) const {
    return field("measure", s.measure) + field("bytes", s.bytes) + field("items", s.items);
  }
};

[[noreturn]] inline void fail(const char *what) { refuse(std::string(what) + ": " + std::strerror(errno)); }

// ---- Items ----

inline void make_item(char *item, size_t bytes, uint64_t number) {
  std::memcpy(item, &number, 8);
  std::memcpy(item + bytes - 8, &number, 8);
}

inline void answer_item(char *item, size_t bytes) {
  if (bytes != 8) return;
  uint64_t number;
  std::memcpy(&number, item, 8);
  number++;
  std::memcpy(item, &number, 8);
}

inline uint64_t sum_item(const char *item, size_t bytes) {
  uint64_t first, last;
  std::memcpy(&first, item, 8);
  std::memcpy(&last, item + bytes - 8, 8);
  return bytes == 8 ? first : first + last;
}

inline uint64_t expected_sum(size_t bytes, uint64_t first, uint64_t end) {
  uint64_t sum = 0;
  for (uint64_t number = first; number < end; number++) sum += bytes == 8 ? number + 1 : 2 * number;
  return sum;
}

// ---- Descriptors ----

inline void write_all(int descriptor, const char *data, size_t count) {
  while (count > 0) {
    ssize_t written = write(descriptor, data, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write");
    data += written;
    count -= size_t(written);
  }
}

// 0: the other end is closed.
inline size_t read_some(int descriptor, char *data, size_t count) {
  ssize_t got;
  do got = read(descriptor, data, count);
  while (got < 0 && errno == EINTR);
  if (got < 0) fail("read");
  return size_t(got);
}

// False: the other end was closed before.
inline bool read_all(int descriptor, char *data, size_t count) {
  while (count > 0) {
    size_t got = read_some(descriptor, data, count);
    if (got == 0) return false;
    data += got;
    count -= got;
  }
  return true;
}

// ---- Measuring ----

// A child that serves the channel, and is ended with this.
template <class Channel>
class Worker {
 public:
  explicit Worker(Channel &channel) {
    pid_t parent = getpid();
    id_ = fork();
    if (id_ < 0) fail("fork");
    if (id_ > 0) return;
    // It must not stay behind whatever becomes of the parent.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    channel.serve();
    _exit(0);
  }
  ~Worker() {
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  Worker(const Worker &) = delete;

 private:
  pid_t id_;
};

template <class Channel>
Outcome stream(const Settings &s) {
  Channel channel(s);
  Worker<Channel> worker(channel);
  channel.send(0, 1);
  channel.receive(1);
  uint64_t started = now_nanoseconds();
  std::thread sender([&] { channel.send(1, s.items + 1); });
  uint64_t sum = channel.receive(s.items);
  uint64_t ended = now_nanoseconds();
  sender.join();
  Outcome outcome;
  outcome.nanoseconds = ended - started;
  outcome.ok = sum == expected_sum(s.bytes, 1, s.items + 1);
  return outcome;
}

template <class Channel>
Outcome roundtrip(const Settings &s) {
  Channel channel(s);
  Worker<Channel> worker(channel);
  return time_calls(s.items, s.pause_microseconds, [&](uint64_t number) {
    channel.send(number, number + 1);
    return channel.receive(1) == expected_sum(s.bytes, number, number + 1);
  });
}

template <class Channel>
Outcome stream_or_roundtrip(const Settings &s) {
  return s.measure == "stream" ? stream<Channel>(s) : roundtrip<Channel>(s);
}

inline int run_program(int argc, char **argv, const std::vector<Variant> &variants) {
  return run_variants(argc, argv, variants);
}

}  // namespace bench
