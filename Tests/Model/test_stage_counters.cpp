/* sl_stage_counters.h under the model: numbers that one thread writes and another reads, in no step. */
#include "model.hpp"

#include "sl_stage_counters.h"

struct stage_counters : rl::test_suite<stage_counters, 2> {
  sl_stage_counters counters;
  void before() { sl_stage_counters_init(&counters); }
  void thread(unsigned index) {
    if (index == 0) {
      for (uint64_t i = 1; i <= 2; i++) {
        sl_stage_counters_take(&counters);
        RL_ASSERT(sl_stage_counters_before_timed(&counters, 2) == i - 1);
        if (sl_stage_counters_timed(&counters)) sl_stage_counters_busy_add(&counters, 100);
        if (i == 1)
          sl_stage_counters_produce(&counters);
        else
          sl_stage_counters_produce_many(&counters, 1);
        sl_stage_counters_queue_length(&counters, i);
      }
      sl_stage_counters_busy_add_once(&counters, 1000);
      return;
    }
    /* None ever goes back. */
    uint64_t taken = 0, produced = 0, busy = 0, peak = 0;
    for (int i = 0; i < 2; i++) {
      uint64_t now[] = {sl_stage_counters_taken(&counters), sl_stage_counters_produced(&counters),
                        sl_stage_counters_busy(&counters), sl_stage_counters_peak(&counters)};
      RL_ASSERT(now[0] >= taken && now[1] >= produced && now[2] >= busy && now[3] >= peak);
      taken = now[0], produced = now[1], busy = now[2], peak = now[3];
    }
  }
  void after() {
    RL_ASSERT(sl_stage_counters_taken(&counters) == 2 && sl_stage_counters_produced(&counters) == 2);
    RL_ASSERT(sl_stage_counters_peak(&counters) == 2 && sl_stage_counters_are_short(&counters));
    /* The first body for itself; the second, whose number is odd, was not timed. */
    RL_ASSERT(sl_stage_counters_busy(&counters) == 1100);
  }
};
MODEL_TEST(stage_counters, 2000)
