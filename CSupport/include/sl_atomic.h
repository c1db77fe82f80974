/*
 * sl_atomic.h: every atomic operation of the library, its order in its name.
 *
 * This is the one file that includes <stdatomic.h> (or <atomic>, from C++). The other headers use
 * only the functions below, so that the order of each access can be read at the place where it
 * happens, and so that a model checker can put its own atomics underneath: define
 * SL_ATOMIC_HEADER to the header that provides the same names, and the real code runs on it.
 *
 * Two widths: u32 (a futex word, a state) and u64 (a position, a set of bits). Pointers are kept
 * as u64. Orders are written on operations, never as standalone fences, with one exception that
 * no operation can express: sl_fence_seq_cst, for "store, then look at what another thread
 * stored" (Dekker). ThreadSanitizer does not model fences; each use of this one orders two atomic
 * accesses and no plain data, so it costs TSan nothing.
 */
#ifndef SL_ATOMIC_H
#define SL_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two cache lines: the prefetcher of current x86 cores fetches lines in pairs. */
#define SL_NO_SHARE 128

#ifdef SL_ATOMIC_HEADER
#include SL_ATOMIC_HEADER
#else

#ifdef __cplusplus
#include <atomic>
#define SL_ATOMIC_(T) std::atomic<T>
#define SL_ORDER_(o) std::memory_order_##o
#define SL_STD_(f) std::f
#else
#include <stdatomic.h>
#define SL_ATOMIC_(T) _Atomic(T)
#define SL_ORDER_(o) memory_order_##o
#define SL_STD_(f) f
#endif

typedef struct { SL_ATOMIC_(uint32_t) value; } sl_atomic_u32;
typedef struct { SL_ATOMIC_(uint64_t) value; } sl_atomic_u64;

#define SL_DEFINE_LOAD_(W, T, O)                                                                   \
  static inline T sl_load_##O##_##W(const sl_atomic_##W *a) {                                      \
    return SL_STD_(atomic_load_explicit)(&a->value, SL_ORDER_(O));                                 \
  }
#define SL_DEFINE_STORE_(W, T, O)                                                                  \
  static inline void sl_store_##O##_##W(sl_atomic_##W *a, T v) {                                   \
    SL_STD_(atomic_store_explicit)(&a->value, v, SL_ORDER_(O));                                    \
  }
/* Compare and swap; on failure *expected becomes the value found, read with the order FO. */
#define SL_DEFINE_CAS_(W, T, O, FO)                                                                \
  static inline bool sl_cas_##O##_##W(sl_atomic_##W *a, T *expected, T desired) {                  \
    return SL_STD_(atomic_compare_exchange_strong_explicit)(                                       \
        &a->value, expected, desired, SL_ORDER_(O), SL_ORDER_(FO));                                \
  }
#define SL_DEFINE_RMW_(W, T, NAME, STDNAME, O)                                                     \
  static inline T sl_##NAME##_##O##_##W(sl_atomic_##W *a, T v) {                                   \
    return SL_STD_(STDNAME)(&a->value, v, SL_ORDER_(O));                                           \
  }
#define SL_DEFINE_ALL_RMW_(W, T, O)                                                                \
  SL_DEFINE_RMW_(W, T, exchange, atomic_exchange_explicit, O)                                      \
  SL_DEFINE_RMW_(W, T, fetch_add, atomic_fetch_add_explicit, O)                                    \
  SL_DEFINE_RMW_(W, T, fetch_sub, atomic_fetch_sub_explicit, O)                                    \
  SL_DEFINE_RMW_(W, T, fetch_or, atomic_fetch_or_explicit, O)                                      \
  SL_DEFINE_RMW_(W, T, fetch_and, atomic_fetch_and_explicit, O)
#define SL_DEFINE_WIDTH_(W, T)                                                                     \
  SL_DEFINE_LOAD_(W, T, relaxed)                                                                   \
  SL_DEFINE_LOAD_(W, T, acquire)                                                                   \
  SL_DEFINE_LOAD_(W, T, seq_cst)                                                                   \
  SL_DEFINE_STORE_(W, T, relaxed)                                                                  \
  SL_DEFINE_STORE_(W, T, release)                                                                  \
  SL_DEFINE_STORE_(W, T, seq_cst)                                                                  \
  SL_DEFINE_CAS_(W, T, relaxed, relaxed)                                                           \
  SL_DEFINE_CAS_(W, T, acquire, acquire)                                                           \
  SL_DEFINE_CAS_(W, T, release, relaxed)                                                           \
  SL_DEFINE_CAS_(W, T, acq_rel, acquire)                                                           \
  SL_DEFINE_CAS_(W, T, seq_cst, seq_cst)                                                           \
  SL_DEFINE_ALL_RMW_(W, T, relaxed)                                                                \
  SL_DEFINE_ALL_RMW_(W, T, acquire)                                                                \
  SL_DEFINE_ALL_RMW_(W, T, release)                                                                \
  SL_DEFINE_ALL_RMW_(W, T, acq_rel)                                                                \
  SL_DEFINE_ALL_RMW_(W, T, seq_cst)

SL_DEFINE_WIDTH_(u32, uint32_t)
SL_DEFINE_WIDTH_(u64, uint64_t)

/* Orders the stores before it ahead of the loads after it, for Dekker-like hand-shakes. */
static inline void sl_fence_seq_cst(void) {
  SL_STD_(atomic_thread_fence)(SL_ORDER_(seq_cst));
}

/* Keeps the compiler from moving memory accesses across; the processor may still do so. */
static inline void sl_compiler_barrier(void) {
  SL_STD_(atomic_signal_fence)(SL_ORDER_(seq_cst));
}

/* One step of a bounded spin: tells the core that this is a wait. */
static inline void sl_spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

#endif /* SL_ATOMIC_HEADER */

/* Begins to bring a cache line for writing. Nothing depends on it. */
static inline void sl_prefetch_to_write(const void *address) {
#if defined(__x86_64__)
  /* Compilers make a prefetch for reading of the builtin, unless told that the processor is a recent one; those that
   * do not know this instruction pass over it. */
  __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
  __builtin_prefetch(address, 1);
#endif
}

/* The type of a field that is not atomic but that threads hand on to one another. Just T; the model
 * checker puts something in its place that finds races. */
#ifndef SL_HANDED_ON
#define SL_HANDED_ON(T) T
#endif

#endif /* SL_ATOMIC_H */
