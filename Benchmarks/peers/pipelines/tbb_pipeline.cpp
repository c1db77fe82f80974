// oneTBB: parallel_pipeline, with its default number of threads, one for each core.
//
// It has no queues, and no workers that belong to a stage: a thread takes an item as far as it can. So the throttle is
// the number of live tokens, which are all items under way, and any number of workers above one makes the body
// `parallel`. Then nothing is kept in order, as with channels; with one worker everything is.
#include "bench_pipeline.hpp"

#include <oneapi/tbb/parallel_pipeline.h>

namespace {

struct Tokens {
  template <class Item, class Source, class Body, class Sink>
  static void run(const bench::Settings &s, uint64_t count, Source source, Body body, Sink sink) {
    bool keeps_order = s.workers == 1;
    auto serial = keeps_order ? tbb::filter_mode::serial_in_order : tbb::filter_mode::serial_out_of_order;
    auto middle = keeps_order ? tbb::filter_mode::serial_in_order : tbb::filter_mode::parallel;
    alignas(bench::no_share) uint64_t next = 0;
    auto stages = tbb::make_filter<void, Item>(serial, [&](tbb::flow_control &control) -> Item {
      if (next < count) return source(next++);
      control.stop();
      return Item();
    });
    for (unsigned i = 0; i < s.body_count(); i++) stages = stages & tbb::make_filter<Item, Item>(middle, body);
    tbb::parallel_pipeline(s.throttle, stages & tbb::make_filter<Item, void>(serial, sink));
  }
};

}  // namespace

int main(int argc, char **argv) {
  return bench::run_program(argc, argv, {{"oneTBB parallel_pipeline", bench::measure<Tokens>, 0, false}});
}
