// The harness that every exchange with a worker process is measured in: command line, process, clock, check, answer.
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

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace bench {

constexpr unsigned most_seconds = 120;
constexpr int started_processes = 4;

struct Settings {
  std::string variant;
  std::string measure = "stream";
  size_t bytes = 8;
  uint64_t items = 100000;
  size_t throttle = 8192;
  unsigned pause_microseconds = 0;
};

struct Outcome {
  // What the answer counts, and in what time; for a stream.
  uint64_t items = 0;
  uint64_t nanoseconds = 0;
  bool ok = false;
  // Of each call; for everything else.
  std::vector<uint64_t> times;
};

struct Variant {
  const char *name;
  // In JSON: which measurements there are.
  const char *measures;
  Outcome (*run)(const Settings &);
};

[[noreturn]] inline void refuse(const std::string &why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

[[noreturn]] inline void fail(const char *what) { refuse(std::string(what) + ": " + std::strerror(errno)); }

inline uint64_t now_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1000000000 + uint64_t(now.tv_nsec);
}

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
  outcome.items = s.items;
  outcome.nanoseconds = ended - started;
  outcome.ok = sum == expected_sum(s.bytes, 1, s.items + 1);
  return outcome;
}

template <class Call>
Outcome time_calls(const Settings &s, Call call) {
  Outcome outcome;
  outcome.ok = true;
  outcome.items = s.items;
  outcome.times.reserve(s.items);
  for (uint64_t number = 1; number <= s.items; number++) {
    if (s.pause_microseconds > 0) usleep(s.pause_microseconds);
    uint64_t started = now_nanoseconds();
    bool ok = call(number);
    outcome.times.push_back(now_nanoseconds() - started);
    outcome.ok = outcome.ok && ok;
  }
  return outcome;
}

template <class Channel>
Outcome roundtrip(const Settings &s) {
  Channel channel(s);
  Worker<Channel> worker(channel);
  return time_calls(s, [&](uint64_t number) {
    channel.send(number, number + 1);
    return channel.receive(1) == expected_sum(s.bytes, number, number + 1);
  });
}

template <class Channel>
Outcome stream_or_roundtrip(const Settings &s) {
  return s.measure == "stream" ? stream<Channel>(s) : roundtrip<Channel>(s);
}

// ---- Command line ----

inline uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most) {
  char *end = nullptr;
  unsigned long long value = std::strtoull(text, &end, 10);
  if (*text == '\0' || *text == '-' || *end != '\0' || value < least || value > most) {
    refuse(std::string(option) + " must be a number from " + std::to_string(least) + " to " + std::to_string(most) +
           ", and is '" + text + "'");
  }
  return value;
}

inline Settings parse(int argc, char **argv) {
  Settings s;
  for (int i = 1; i < argc; i += 2) {
    const char *option = argv[i];
    if (i + 1 == argc) refuse(std::string(option) + " needs a value");
    const char *text = argv[i + 1];
    if (!std::strcmp(option, "--variant")) s.variant = text;
    else if (!std::strcmp(option, "--measure")) s.measure = text;
    else if (!std::strcmp(option, "--bytes")) s.bytes = number(option, text, 8, uint64_t(1) << 30);
    else if (!std::strcmp(option, "--items")) s.items = number(option, text, 1, uint64_t(1) << 40);
    else if (!std::strcmp(option, "--throttle")) s.throttle = number(option, text, 1, 1 << 20);
    else if (!std::strcmp(option, "--pause")) s.pause_microseconds = unsigned(number(option, text, 0, 1000000));
    else refuse(std::string("unknown option ") + option + "; there are --list, --variant, --measure, --bytes, "
                "--items, --throttle and --pause");
  }
  return s;
}

inline void print(const Variant &v, const Settings &s, const Outcome &outcome) {
  std::printf("{\"name\":\"%s\",\"measure\":\"%s\",\"bytes\":%zu,\"items\":%" PRIu64 ",\"seconds\":%.9f,\"ok\":%s,"
              "\"times\":[",
              v.name, s.measure.c_str(), s.bytes, outcome.items, double(outcome.nanoseconds) / 1e9,
              outcome.ok ? "true" : "false");
  for (size_t i = 0; i < outcome.times.size(); i++) std::printf("%s%" PRIu64, i > 0 ? "," : "", outcome.times[i]);
  std::printf("]}\n");
}

inline int run_program(int argc, char **argv, const std::vector<Variant> &variants) {
  if (argc == 2 && !std::strcmp(argv[1], "--list")) {
    for (const Variant &v : variants) std::printf("{\"name\":\"%s\",\"measures\":%s}\n", v.name, v.measures);
    return 0;
  }
  Settings s = parse(argc, argv);
  const Variant *found = s.variant.empty() ? &variants[0] : nullptr;
  for (const Variant &v : variants) {
    if (s.variant == v.name) found = &v;
  }
  if (found == nullptr) refuse("no variant '" + s.variant + "'; --list tells them");
  if (std::strstr(found->measures, ("\"" + s.measure + "\"").c_str()) == nullptr) {
    refuse(s.variant + " has no measurement '" + s.measure + "'; --list tells them");
  }
  // Who started this may be gone by the time that something hangs.
  alarm(most_seconds);
  Outcome outcome = found->run(s);
  print(*found, s, outcome);
  return outcome.ok ? 0 : 1;
}

}  // namespace bench
