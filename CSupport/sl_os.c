#include "sl_os.h"

#include "sl_barrier.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

bool sl_barrier_is_asymmetric_ = false;

__attribute__((constructor)) static void choose_barrier_(void) {
  sl_barrier_is_asymmetric_ = sl_process_barrier_available();
}

void sl_process_barrier(void) {
  syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

void *sl_memory_allocate(size_t bytes, size_t alignment) {
  void *memory = NULL;
  size_t least = alignment < sizeof(void *) ? sizeof(void *) : alignment;
  return posix_memalign(&memory, least, bytes > 0 ? bytes : 1) == 0 ? memory : NULL;
}

void sl_memory_free(void *memory) { free(memory); }

uint64_t sl_now_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

sl_thread sl_thread_self(void) {
  sl_thread self = {(int32_t)syscall(SYS_gettid), -1};
  clockid_t clock;
  if (pthread_getcpuclockid(pthread_self(), &clock) == 0) self.clock = (int32_t)clock;
  return self;
}

uint64_t sl_process_preemptions(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_nivcsw : 0;
}

uint64_t sl_thread_cpu_nanoseconds(sl_thread thread) {
  struct timespec used;
  if (clock_gettime((clockid_t)thread.clock, &used) != 0) return 0;
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

bool sl_thread_is_runnable(sl_thread thread) {
  char text[512];
  snprintf(text, sizeof text, "/proc/self/task/%d/stat", (int)thread.id);
  int file = open(text, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return false;
  text[length] = 0;
  /* "id (name) state …": the name may hold anything, also a parenthesis. */
  const char *end = strrchr(text, ')');
  return end != NULL && end[1] == ' ' && end[2] == 'R';
}

uint32_t sl_core_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    if (count > 0) return (uint32_t)count;
  }
  return 1;
}
