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

struct test {
  const char *name;
  /* Runs this many random schedules (all schedules for `full`); whether all of them were right. */
  bool (*run)(uint64_t schedules, bool full, std::string *report);
  bool is_exhaustive; /* few enough schedules to go through all of them */
  uint64_t schedules; /* random ones, for the headers as they stand */
};

std::vector<test> &tests();

template <typename Suite> bool run_suite(uint64_t schedules, bool full, std::string *report) {
  std::ostringstream output;
  rl::test_params params;
  params.search_type = full ? rl::sched_full : rl::sched_random;
  params.iteration_count = schedules;
  params.execution_depth_limit = 3000;
  params.output_stream = &output;
  params.progress_stream = &output;
  params.progress_output_period = 1000000;
  bool ok = rl::simulate<Suite>(params);
  *report = output.str();
  return ok;
}

struct registration {
  registration(test t) { tests().push_back(t); }
};

/* Memory as aligned_alloc gives it, but for words that relacy knows. Freed by release. */
sl_atomic_u64 *allocate_words(size_t bytes);
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
  static model::registration register_##SUITE(                                                     \
      model::test{#SUITE, model::run_suite<SUITE>, false, SCHEDULES});
#define MODEL_TEST_EXHAUSTIVE(SUITE, SCHEDULES)                                                    \
  static model::registration register_##SUITE(                                                     \
      model::test{#SUITE, model::run_suite<SUITE>, true, SCHEDULES});

#endif
