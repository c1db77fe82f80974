/*
 * model.hpp: what a test file needs. A test is a relacy test suite, registered with MODEL_TEST; it must
 * pass as the headers stand, and one of the tests that reach a site must fail when the site is weakened.
 */
#ifndef SL_MODEL_MODEL_HPP
#define SL_MODEL_MODEL_HPP

#include "relacy_atomic.hpp"

#include <sstream>
#include <string>
#include <vector>

namespace model {

/* What came of some schedules of a test. */
struct outcome {
  bool is_right;
  uint64_t schedules; /* up to and with the one that was wrong */
  std::string report; /* the wrong one, step by step, where that was asked for */
};

struct test {
  const char *name;
  outcome (*run)(uint64_t schedules, bool explain);
  uint64_t schedules; /* for the headers as they stand */
  bool is_exhaustive; /* all schedules there are, within a bound; not for mutants, which are found sooner */
};

std::vector<test> &tests();

/* As rl::simulate, but for random schedules only, of which the n-th is always the same: relacy seeds each with
 * its number. That makes a third of the code. */
template <typename Suite> outcome run_suite(uint64_t schedules, bool explain) {
  typedef rl::random_scheduler<Suite::params::thread_count> scheduler;
  std::ostringstream output, state;
  rl::test_params params;
  params.test_name = "";
  params.search_type = rl::sched_random;
  params.iteration_count = schedules;
  params.execution_depth_limit = 3000;
  params.output_stream = &output;
  params.progress_stream = &output;
  params.progress_output_period = 1000000;
  bool is_right = rl::run_test<Suite, scheduler>(params, state, false) == rl::test_result_success;
  outcome result = {is_right, params.stop_iteration, ""};
  if (!is_right && explain) { /* once more, from the wrong one, and with its history */
    params.initial_state = state.str();
    params.collect_history = true;
    rl::run_test<Suite, scheduler>(params, state, true);
    result.report = output.str();
  }
  return result;
}

/* In how many places a thread may lose its turn, where all schedules are gone through. */
enum { PREEMPTIONS = 2 };

/* Every schedule in which threads lose their turn in at most so many places, with every value that each load
 * may see. Wrong also if there are more than `most`. */
template <typename Suite> outcome exhaust_suite(uint64_t most, bool) {
  typedef rl::context_bound_scheduler<Suite::params::thread_count> scheduler;
  std::ostringstream output, state;
  rl::test_params params;
  params.test_name = "";
  params.search_type = rl::sched_bound;
  params.context_bound = PREEMPTIONS;
  params.iteration_count = most + 1;
  params.execution_depth_limit = 3000;
  params.output_stream = &output;
  params.progress_stream = &output;
  params.progress_output_period = 1000000;
  bool is_right = rl::run_test<Suite, scheduler>(params, state, false) == rl::test_result_success;
  if (!is_right) return {false, params.stop_iteration, output.str()};
  bool is_all = params.stop_iteration <= most;
  return {is_all, params.stop_iteration, is_all ? "" : "there are more schedules than the test allows for"};
}

struct registration {
  registration(test t) { tests().push_back(t); }
};

/* Memory as aligned_alloc gives it, but for words that relacy knows. Freed by release. */
sl_atomic_u64 *allocate_words(size_t bytes, size_t apart = sizeof(sl_atomic_u64));
void release_words(sl_atomic_u64 *words);

/* Brings threads into an order that a random schedule hardly ever has, without ordering what they did:
 * everything is relaxed. */
class signpost {
  rl::atomic<int> value_;

public:
  signpost() { value_($) = 0; }
  void reach(int value) { value_.store(value, rl::mo_relaxed, $); }
  void await(int value) {
    while (value_.load(rl::mo_relaxed, $) < value) rl::yield(1, $);
  }
};

/* How often a test tries an operation that may find nothing to do. */
enum { TRIES = 3 };

}  // namespace model

#define MODEL_TEST(SUITE, SCHEDULES)                                                               \
  static model::registration register_##SUITE(model::test{#SUITE, model::run_suite<SUITE>, SCHEDULES, false});
/* Besides: all schedules, of which there are MOST at most. */
#define MODEL_TEST_EXHAUSTIVE(SUITE, MOST)                                                         \
  static model::registration exhaust_##SUITE(                                                      \
      model::test{#SUITE " (exhaustive)", model::exhaust_suite<SUITE>, MOST, true});

#endif
