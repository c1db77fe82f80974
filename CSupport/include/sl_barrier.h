/*
 * sl_barrier.h: a full barrier between two sides of which one runs often and the other seldom.
 *
 * "Store, then look at what the other side stored" (Dekker) needs a full barrier on both sides. With
 * membarrier(2), the side that runs seldom can place one on every core that runs a thread of this
 * process, and the side that runs often needs to hold back only its compiler. Where the kernel
 * refuses membarrier, both are full barriers of their own.
 *
 * Both are wait-free; sl_barrier_seldom is a system call of some microseconds.
 */
#ifndef SL_BARRIER_H
#define SL_BARRIER_H

#include "sl_atomic.h"
#include "sl_os.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether sl_process_barrier works here; set before main, never changed after. */
extern bool sl_barrier_is_asymmetric_;

static inline void sl_barrier_often(void) {
  if (__builtin_expect(sl_barrier_is_asymmetric_, 1))
    sl_compiler_barrier();
  else
    sl_fence_seq_cst();
}

static inline void sl_barrier_seldom(void) {
  sl_fence_seq_cst();
  if (sl_barrier_is_asymmetric_) sl_process_barrier();
}

#ifdef __cplusplus
}
#endif

#endif
