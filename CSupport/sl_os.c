#include "sl_os.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool sl_futex_wait(sl_atomic_u32 *word, uint32_t expected, uint64_t timeout_nanoseconds) {
  struct timespec limit, *timeout = NULL;
  if (timeout_nanoseconds != UINT64_MAX) {
    limit.tv_sec = (time_t)(timeout_nanoseconds / 1000000000u);
    limit.tv_nsec = (long)(timeout_nanoseconds % 1000000000u);
    timeout = &limit;
  }
  long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout, NULL, 0);
  return !(result == -1 && errno == ETIMEDOUT);
}

void sl_futex_wake(sl_atomic_u32 *word, uint32_t count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count > INT_MAX ? INT_MAX : (int)count, NULL, NULL, 0);
}

static pthread_once_t barrier_once_ = PTHREAD_ONCE_INIT;
static bool barrier_available_;

static void register_barrier_(void) {
  barrier_available_ =
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool sl_process_barrier_available(void) {
  pthread_once(&barrier_once_, register_barrier_);
  return barrier_available_;
}

void sl_process_barrier(void) {
  syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

uint64_t sl_now_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t sl_core_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    if (count > 0) return (uint32_t)count;
  }
  return 1;
}
