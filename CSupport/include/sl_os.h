/*
 * sl_os.h: the calls to the operating system that waiting needs. All of them are in sl_os.c.
 */
#ifndef SL_OS_H
#define SL_OS_H

#include "sl_atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sleeps while *word == expected, until a wake-up or for timeout_nanoseconds (UINT64_MAX: no end).
 * May return early for no reason: the caller looks again. False only when the time ran out. */
bool sl_futex_wait(sl_atomic_u32 *word, uint32_t expected, uint64_t timeout_nanoseconds);

/* Wakes up to `count` threads that sleep on the word. */
void sl_futex_wake(sl_atomic_u32 *word, uint32_t count);

/* Whether this process can use sl_process_barrier; asks the kernel once. */
bool sl_process_barrier_available(void);

/* A full memory barrier on every core that runs a thread of this process (membarrier(2), private
 * expedited). It is the dear half of an asymmetric fence; the cheap half is sl_compiler_barrier. */
void sl_process_barrier(void);

/* Memory for `bytes` bytes at a multiple of `alignment`, a power of two; NULL: there is none. */
void *sl_memory_allocate(size_t bytes, size_t alignment);

/* Gives back what sl_memory_allocate has given. NULL is ignored. */
void sl_memory_free(void *memory);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t sl_now_nanoseconds(void);

/* A thread, as another one can ask about it while it lives. */
typedef struct {
  int32_t id;
  int32_t clock;
} sl_thread;

/* The calling thread. */
sl_thread sl_thread_self(void);

/* Processor time that the thread has used, in nanoseconds; 0 if it cannot be told. */
uint64_t sl_thread_cpu_nanoseconds(sl_thread thread);

/* How often a thread of this process had to leave its core to another one before its time; 0 if it cannot be told. */
uint64_t sl_process_preemptions(void);

/* Whether the thread runs or waits for a core, rather than for an event. A few microseconds. */
bool sl_thread_is_runnable(sl_thread thread);

/* Number of cores that this process may run on, at least 1. */
uint32_t sl_core_count(void);

#ifdef __cplusplus
}
#endif
#endif
