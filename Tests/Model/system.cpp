/* system.cpp: sl_os.h for the model. */
#include "system.hpp"

#include "sl_barrier.h"
#include "sl_os.h"

bool sl_barrier_is_asymmetric_;

namespace model {

/* Plain words: relacy changes threads only at its own operations. */
enum { MOST_THREADS = 8 };
static const sl_atomic_u32 *sleeps_on[MOST_THREADS];
static bool time_is_over[MOST_THREADS];
static bool barrier_orders;

void begin_system(barriers kind) {
  sl_barrier_is_asymmetric_ = kind != SYMMETRIC;
  barrier_orders = kind == ASYMMETRIC;
  for (int i = 0; i < MOST_THREADS; i++) {
    sleeps_on[i] = nullptr;
    time_is_over[i] = false;
  }
}

}  // namespace model

bool sl_futex_wait(sl_atomic_u32 *word, uint32_t expected, uint64_t timeout_nanoseconds) {
  /* A read-modify-write operation, since the kernel sees the newest value. */
  uint32_t now = word->value.rmw(rl::rmw_type_t<rl::rmw_type_add>(), 0u, rl::mo_relaxed, $);
  if (now != expected) return true;
  unsigned self = rl::thread_index();
  model::sleeps_on[self] = word;
  bool is_timed = timeout_nanoseconds != UINT64_MAX;
  rl::unpark_reason reason = rl::ctx().park_current_thread(is_timed, false, false, $);
  model::sleeps_on[self] = nullptr;
  model::time_is_over[self] = reason == rl::unpark_reason_timeout;
  return !model::time_is_over[self];
}

void sl_futex_wake(sl_atomic_u32 *word, uint32_t count) {
  unsigned first = rl::rand(model::MOST_THREADS); /* no order among the sleepers */
  for (unsigned i = 0; i < model::MOST_THREADS && count > 0; i++) {
    unsigned thread = (first + i) % model::MOST_THREADS;
    if (model::sleeps_on[thread] != word) continue;
    model::sleeps_on[thread] = nullptr;
    count--;
    rl::ctx().unpark_thread(thread, false, $);
  }
}

uint64_t sl_now_nanoseconds(void) { return model::time_is_over[rl::thread_index()] ? UINT64_MAX - 1 : 0; }

uint32_t sl_core_count(void) { return 1; }
bool sl_process_barrier_available(void) { return sl_barrier_is_asymmetric_; }

void model::process_barrier(const site &s) {
  if (is_left_out(s) || !barrier_orders) return;
  rl::ctx().sched();
  rl::ctx().rl_global_fence();
}
