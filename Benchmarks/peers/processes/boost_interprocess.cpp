// Boost.Interprocess: two message_queues, one for each direction.
#include "bench_process.hpp"

#include <boost/interprocess/ipc/message_queue.hpp>

namespace {

namespace ip = boost::interprocess;

class Queues {
 public:
  explicit Queues(const bench::Settings &s)
      : bytes_(s.bytes), requests_(ip::create_only, name("requests").c_str(), s.throttle, s.bytes),
        answers_(ip::create_only, name("answers").c_str(), s.throttle, s.bytes) {
    // The process inherits the memory. Without names nothing can stay behind.
    ip::message_queue::remove(name("requests").c_str());
    ip::message_queue::remove(name("answers").c_str());
  }

  void serve() {
    std::vector<char> item(bytes_);
    for (;;) {
      take(requests_, item);
      bench::answer_item(item.data(), bytes_);
      answers_.send(item.data(), bytes_, 0);
    }
  }

  void send(uint64_t first, uint64_t end) {
    std::vector<char> item(bytes_);
    for (uint64_t number = first; number < end; number++) {
      bench::make_item(item.data(), bytes_, number);
      requests_.send(item.data(), bytes_, 0);
    }
  }

  uint64_t receive(uint64_t count) {
    std::vector<char> item(bytes_);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
      take(answers_, item);
      sum += bench::sum_item(item.data(), bytes_);
    }
    return sum;
  }

 private:
  static std::string name(const char *which) {
    return "sluice-bench-" + std::to_string(getpid()) + "-" + which;
  }

  static void take(ip::message_queue &queue, std::vector<char> &item) {
    size_t received;
    unsigned priority;
    queue.receive(item.data(), item.size(), received, priority);
  }

  size_t bytes_;
  ip::message_queue requests_, answers_;
};

}  // namespace

int main(int argc, char **argv) {
  return bench::run_program(
      argc, argv,
      {{"Boost message_queue", {"stream", "roundtrip"}, bench::stream_or_roundtrip<Queues>}});
}
