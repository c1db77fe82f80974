/*
 * stepping_atomic.h: the atomics of sl_atomic.h for the suspension test (SL_ATOMIC_HEADER names it). They do
 * the same, with the same orders, and each is a step: before it takes place, its thread can be stopped for
 * good. Between two steps a thread does nothing that another thread may look at, so to be stopped anywhere
 * between them is to be stopped at the second.
 *
 * Only for C: the test is written in it, as are the sources of the core.
 */
#ifndef STEPPING_ATOMIC_H
#define STEPPING_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

/* How many steps the thread has made since it last set this to 0, and the one at which it is to call
 * step_reached_ (0: none). One comparison a step, so that the others run at nearly full speed. */
extern __thread uint64_t step_count_;
extern __thread uint64_t step_of_interest_;
void step_reached_(void);

static inline void step_(void) {
  if (__builtin_expect(++step_count_ == step_of_interest_, 0)) step_reached_();
}

typedef struct { uint32_t value; } sl_atomic_u32;
typedef struct { uint64_t value; } sl_atomic_u64;

#define STEP_RELAXED_ __ATOMIC_RELAXED
#define STEP_ACQUIRE_ __ATOMIC_ACQUIRE
#define STEP_RELEASE_ __ATOMIC_RELEASE
#define STEP_ACQ_REL_ __ATOMIC_ACQ_REL
#define STEP_SEQ_CST_ __ATOMIC_SEQ_CST

#define STEP_LOAD_(W, T, O, ORDER)                                                                 \
  static inline T sl_load_##O##_##W(const sl_atomic_##W *a) {                                      \
    step_();                                                                                       \
    return __atomic_load_n(&a->value, ORDER);                                                      \
  }
#define STEP_STORE_(W, T, O, ORDER)                                                                \
  static inline void sl_store_##O##_##W(sl_atomic_##W *a, T v) {                                   \
    step_();                                                                                       \
    __atomic_store_n(&a->value, v, ORDER);                                                         \
  }
#define STEP_CAS_(W, T, O, ORDER, FAILED)                                                          \
  static inline bool sl_cas_##O##_##W(sl_atomic_##W *a, T *expected, T desired) {                  \
    step_();                                                                                       \
    return __atomic_compare_exchange_n(&a->value, expected, desired, false, ORDER, FAILED);        \
  }
#define STEP_RMW_(W, T, NAME, BUILTIN, O, ORDER)                                                   \
  static inline T sl_##NAME##_##O##_##W(sl_atomic_##W *a, T v) {                                   \
    step_();                                                                                       \
    return BUILTIN(&a->value, v, ORDER);                                                           \
  }
#define STEP_ALL_RMW_(W, T, O, ORDER)                                                              \
  STEP_RMW_(W, T, exchange, __atomic_exchange_n, O, ORDER)                                         \
  STEP_RMW_(W, T, fetch_add, __atomic_fetch_add, O, ORDER)                                         \
  STEP_RMW_(W, T, fetch_sub, __atomic_fetch_sub, O, ORDER)                                         \
  STEP_RMW_(W, T, fetch_or, __atomic_fetch_or, O, ORDER)                                           \
  STEP_RMW_(W, T, fetch_and, __atomic_fetch_and, O, ORDER)
#define STEP_WIDTH_(W, T)                                                                          \
  STEP_LOAD_(W, T, relaxed, STEP_RELAXED_)                                                         \
  STEP_LOAD_(W, T, acquire, STEP_ACQUIRE_)                                                         \
  STEP_LOAD_(W, T, seq_cst, STEP_SEQ_CST_)                                                         \
  STEP_STORE_(W, T, relaxed, STEP_RELAXED_)                                                        \
  STEP_STORE_(W, T, release, STEP_RELEASE_)                                                        \
  STEP_STORE_(W, T, seq_cst, STEP_SEQ_CST_)                                                        \
  STEP_CAS_(W, T, relaxed, STEP_RELAXED_, STEP_RELAXED_)                                           \
  STEP_CAS_(W, T, acquire, STEP_ACQUIRE_, STEP_ACQUIRE_)                                           \
  STEP_CAS_(W, T, release, STEP_RELEASE_, STEP_RELAXED_)                                           \
  STEP_CAS_(W, T, acq_rel, STEP_ACQ_REL_, STEP_ACQUIRE_)                                           \
  STEP_CAS_(W, T, seq_cst, STEP_SEQ_CST_, STEP_SEQ_CST_)                                           \
  STEP_ALL_RMW_(W, T, relaxed, STEP_RELAXED_)                                                      \
  STEP_ALL_RMW_(W, T, acquire, STEP_ACQUIRE_)                                                      \
  STEP_ALL_RMW_(W, T, release, STEP_RELEASE_)                                                      \
  STEP_ALL_RMW_(W, T, acq_rel, STEP_ACQ_REL_)                                                      \
  STEP_ALL_RMW_(W, T, seq_cst, STEP_SEQ_CST_)

STEP_WIDTH_(u32, uint32_t)
STEP_WIDTH_(u64, uint64_t)

static inline void sl_fence_seq_cst(void) {
  step_();
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* No steps: they do nothing that another thread could see. */
static inline void sl_compiler_barrier(void) { __atomic_signal_fence(__ATOMIC_SEQ_CST); }
static inline void sl_spin_pause(void) {}

#endif
