/*
 * sl_thread_number.h: a small number for each living thread, to index tables with.
 *
 * No two threads that live at the same time have the same number. The number of a thread that has
 * ended is given to a new one, the lowest first: so what is kept at an index needs no atomic
 * operation, and tables stay as small as the most threads that there have been at a time.
 *
 * Progress. The first call of a thread takes the lowest free bit of a table by compare-and-swap
 * (lock-free) and has the number given back when the thread ends (pthread_key_create, once). Later
 * calls are one load. Aborts if there are SL_THREAD_NUMBERS threads, or no thread keys are left:
 * the system's own limits come first.
 *
 * Orderings.
 *   [TN1] a thread ends, fetch_and release -> another gets its number, compare-and-swap acquire: all
 *         that the first one did at that index is visible.
 *
 * A signal handler may interrupt an operation of its own thread at that index: no operation that
 * uses the number is async-signal-safe.
 */
#ifndef SL_THREAD_NUMBER_H
#define SL_THREAD_NUMBER_H

#include "sl_atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SL_THREAD_NUMBERS (1u << 19)

/* The number plus 1; 0: this thread has none yet. (C++ would wrap a `thread_local` in a call.) */
extern __thread uint32_t sl_thread_number_plus_1_;

uint32_t sl_thread_number_assign_(void);

static inline uint32_t sl_thread_number(void) {
  uint32_t plus_1 = sl_thread_number_plus_1_;
  return __builtin_expect(plus_1 != 0, 1) ? plus_1 - 1 : sl_thread_number_assign_();
}

#ifdef __cplusplus
}
#endif

#endif
