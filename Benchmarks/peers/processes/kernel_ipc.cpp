// What the kernel gives: bytes over a socket pair, in pieces of 64 KiB, and two eventfds.
#include "bench_process.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>

namespace {

constexpr size_t piece_bytes = 64 * 1024;

void make_pair(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) bench::fail("socketpair");
}

// Items one behind the other, in pieces that need not end between items.
class SocketPair {
 public:
  explicit SocketPair(const bench::Settings &s) : bytes_(s.bytes), room_(std::max(piece_bytes, s.bytes)) {
    make_pair(ends_);
  }
  ~SocketPair() {
    close(ends_[0]);
    close(ends_[1]);
  }

  void serve() {
    close(ends_[0]);
    serve(ends_[1], bytes_);
  }

  static void serve(int end, size_t bytes) {
    std::vector<char> piece(std::max(piece_bytes, bytes));
    size_t held = 0;
    while (size_t got = bench::read_some(end, piece.data() + held, piece.size() - held)) {
      held += got;
      size_t whole = held / bytes * bytes;
      for (size_t at = 0; at < whole; at += bytes) bench::answer_item(piece.data() + at, bytes);
      bench::write_all(end, piece.data(), whole);
      std::memmove(piece.data(), piece.data() + whole, held - whole);
      held -= whole;
    }
  }

  void send(uint64_t first, uint64_t end) {
    std::vector<char> piece(room_);
    size_t held = 0;
    for (uint64_t number = first; number < end; number++) {
      bench::make_item(piece.data() + held, bytes_, number);
      held += bytes_;
      if (held + bytes_ > piece.size() || number + 1 == end) {
        bench::write_all(ends_[0], piece.data(), held);
        held = 0;
      }
    }
  }

  uint64_t receive(uint64_t count) {
    std::vector<char> piece(room_);
    size_t held = 0;
    uint64_t sum = 0;
    while (count > 0) {
      size_t got = bench::read_some(ends_[0], piece.data() + held, piece.size() - held);
      if (got == 0) bench::refuse("the process has gone");
      held += got;
      size_t whole = held / bytes_ * bytes_;
      for (size_t at = 0; at < whole; at += bytes_) sum += bench::sum_item(piece.data() + at, bytes_);
      count -= whole / bytes_;
      std::memmove(piece.data(), piece.data() + whole, held - whole);
      held -= whole;
    }
    return sum;
  }

  int end() const { return ends_[0]; }

 private:
  size_t bytes_, room_;
  int ends_[2];
};

// A whole block there, and then back: its process can read all of it.
bench::Outcome handover(const bench::Settings &s) {
  SocketPair channel(s);
  bench::Worker<SocketPair> worker(channel);
  std::vector<char> block(s.bytes, 'x'), back(s.bytes);
  return bench::time_calls(s.items, s.pause_microseconds, [&](uint64_t number) {
    bench::make_item(block.data(), s.bytes, number);
    for (size_t at = 0; at < s.bytes; at += piece_bytes) {
      bench::write_all(channel.end(), block.data() + at, std::min(piece_bytes, s.bytes - at));
    }
    return bench::read_all(channel.end(), back.data(), s.bytes) &&
           bench::sum_item(back.data(), s.bytes) == bench::expected_sum(s.bytes, number, number + 1);
  });
}

// This program again, with one end of a pair as its standard input.
pid_t spawn_server(int end) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
  char program[] = "/proc/self/exe", option[] = "--serve";
  char *arguments[] = {program, option, nullptr};
  pid_t id;
  int error = posix_spawn(&id, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) bench::refuse(std::string("posix_spawn: ") + std::strerror(error));
  return id;
}

// Four processes with an item each, until one of them has answered. Ending them is not measured.
bench::Outcome start(const bench::Settings &s) {
  bench::Outcome outcome;
  outcome.ok = true;
  for (uint64_t call = 0; call < s.items; call++) {
    pollfd ends[bench::started_processes];
    pid_t ids[bench::started_processes];
    uint64_t started = bench::now_nanoseconds();
    for (int i = 0; i < bench::started_processes; i++) {
      int pair[2];
      make_pair(pair);
      ids[i] = spawn_server(pair[1]);
      close(pair[1]);
      ends[i] = {pair[0], POLLIN, 0};
      bench::write_all(pair[0], reinterpret_cast<char *>(&call), 8);
    }
    poll(ends, bench::started_processes, -1);
    outcome.times.push_back(bench::now_nanoseconds() - started);
    for (int i = 0; i < bench::started_processes; i++) {
      uint64_t answer = 0;
      bool ok = bench::read_all(ends[i].fd, reinterpret_cast<char *>(&answer), 8) && answer == call + 1;
      outcome.ok = outcome.ok && ok;
      close(ends[i].fd);
      waitpid(ids[i], nullptr, 0);
    }
  }
  return outcome;
}

class Events {
 public:
  explicit Events(const bench::Settings &) : request_(eventfd(0, EFD_CLOEXEC)), answer_(eventfd(0, EFD_CLOEXEC)) {
    if (request_ < 0 || answer_ < 0) bench::fail("eventfd");
  }
  ~Events() {
    close(request_);
    close(answer_);
  }

  void serve() {
    for (;;) put(answer_, take(request_) + 1);
  }
  // An event counts from 1.
  void send(uint64_t first, uint64_t) { put(request_, first); }
  uint64_t receive(uint64_t) { return take(answer_); }

 private:
  static void put(int event, uint64_t number) { bench::write_all(event, reinterpret_cast<char *>(&number), 8); }
  static uint64_t take(int event) {
    uint64_t number = 0;
    bench::read_all(event, reinterpret_cast<char *>(&number), 8);
    return number;
  }

  int request_, answer_;
};

bench::Outcome socket_pair(const bench::Settings &s) {
  if (s.measure == "handover") return handover(s);
  if (s.measure == "start") return start(s);
  return bench::stream_or_roundtrip<SocketPair>(s);
}

}  // namespace

int main(int argc, char **argv) {
  if (argc == 2 && !std::strcmp(argv[1], "--serve")) {
    SocketPair::serve(STDIN_FILENO, 8);
    return 0;
  }
  return bench::run_program(
      argc, argv,
      {
          {"socket pair", {"stream", "roundtrip", "handover", "start"}, socket_pair},
          {"eventfd", {"roundtrip"}, bench::roundtrip<Events>},
      });
}
