#define _GNU_SOURCE
#include "bench_futex.h"

#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void bench_futex_pass(uint32_t *word, uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

uint32_t bench_futex_await(uint32_t *word, uint32_t last) {
  uint32_t present;
  while ((present = __atomic_load_n(word, __ATOMIC_ACQUIRE)) == last) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, last, NULL, NULL, 0);
  }
  return present;
}

int bench_pin_to_core(int nth) {
  cpu_set_t allowed, chosen;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return -1;
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &allowed) || nth-- > 0) continue;
    CPU_ZERO(&chosen);
    CPU_SET(core, &chosen);
    return sched_setaffinity(0, sizeof chosen, &chosen);
  }
  return -1;
}
