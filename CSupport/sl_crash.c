/* sl_crash.c: the chosen step of sl_crash.h. */
#include "sl_crash.h"

#include <signal.h>
#include <unistd.h>

#include "sl_atomic.h"

/* All relaxed: the numbers themselves, and nothing that they stand for, are read by other threads. */
static sl_atomic_u64 passed, chosen;

void sl_crash_at(uint64_t point) {
  sl_store_relaxed_u64(&passed, 0);
  sl_store_relaxed_u64(&chosen, point);
}

uint64_t sl_crash_points_passed(void) { return sl_load_relaxed_u64(&passed); }

void sl_crash_point(void) {
  uint64_t point = sl_fetch_add_relaxed_u64(&passed, 1) + 1;
  if (point == sl_load_relaxed_u64(&chosen)) kill(getpid(), SIGKILL);
}
