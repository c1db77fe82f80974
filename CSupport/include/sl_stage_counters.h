/*
 * sl_stage_counters.h: what one worker has done, written by its holder alone and read by anybody at
 * any time (relaxed: each number is exact for itself, not in step with the others).
 */
#ifndef SL_STAGE_COUNTERS_H
#define SL_STAGE_COUNTERS_H

#include "sl_atomic.h"

typedef struct {
  sl_atomic_u64 taken;
  sl_atomic_u64 produced;
  sl_atomic_u64 busy_nanoseconds;
  sl_atomic_u64 peak_queue_length;
  sl_atomic_u64 short_bodies;
  uint64_t timing_mask; /* the holder's: bodies are timed when (produced & mask) == 0 */
  char pad[SL_NO_SHARE];
} sl_stage_counters;

static inline void sl_stage_counters_init(sl_stage_counters *c) {
  sl_store_relaxed_u64(&c->taken, 0);
  sl_store_relaxed_u64(&c->produced, 0);
  sl_store_relaxed_u64(&c->busy_nanoseconds, 0);
  sl_store_relaxed_u64(&c->peak_queue_length, 0);
  sl_store_relaxed_u64(&c->short_bodies, 0);
  c->timing_mask = 0;
}

static inline uint64_t sl_stage_counters_taken(const sl_stage_counters *c) {
  return sl_load_relaxed_u64(&c->taken);
}
static inline uint64_t sl_stage_counters_produced(const sl_stage_counters *c) {
  return sl_load_relaxed_u64(&c->produced);
}
static inline uint64_t sl_stage_counters_busy(const sl_stage_counters *c) {
  return sl_load_relaxed_u64(&c->busy_nanoseconds);
}
static inline uint64_t sl_stage_counters_peak(const sl_stage_counters *c) {
  return sl_load_relaxed_u64(&c->peak_queue_length);
}

static inline void sl_stage_counters_take(sl_stage_counters *c) {
  sl_store_relaxed_u64(&c->taken, sl_load_relaxed_u64(&c->taken) + 1);
}
static inline void sl_stage_counters_produce(sl_stage_counters *c) {
  sl_store_relaxed_u64(&c->produced, sl_load_relaxed_u64(&c->produced) + 1);
}

static inline void sl_stage_counters_produce_many(sl_stage_counters *c, uint64_t n) {
  sl_store_relaxed_u64(&c->produced, sl_load_relaxed_u64(&c->produced) + n);
}

/* Of `most` pieces of work that begin now: those before the next one that is timed. */
static inline uint64_t sl_stage_counters_before_timed(const sl_stage_counters *c, uint64_t most) {
  uint64_t before = (0 - sl_load_relaxed_u64(&c->produced)) & c->timing_mask;
  return before < most ? before : most;
}

/* Whether the piece of work that begins now is timed. */
static inline bool sl_stage_counters_timed(const sl_stage_counters *c) {
  return (sl_load_relaxed_u64(&c->produced) & c->timing_mask) == 0;
}

/* The mask after a timed piece of work: it grows to 255 while work is short, since reading the clock
 * twice would take longer than the work, and falls to 0 with a long one. */
static inline uint64_t sl_stage_counters_next_mask(uint64_t mask, uint64_t nanoseconds) {
  if (nanoseconds >= 4000) return 0;
  return mask >= 255 ? 255 : 2 * mask + 1;
}

/* A timed body took this long. A short one stands for those that were not timed; a long one for itself
 * alone, or one slow page fault would count for 256. */
static inline void sl_stage_counters_busy_add(sl_stage_counters *c, uint64_t nanoseconds) {
  uint64_t next = sl_stage_counters_next_mask(c->timing_mask, nanoseconds);
  uint64_t weight = next == 0 ? 1 : c->timing_mask + 1;
  sl_store_relaxed_u64(&c->busy_nanoseconds,
                       sl_load_relaxed_u64(&c->busy_nanoseconds) + nanoseconds * weight);
  c->timing_mask = next;
  sl_store_relaxed_u64(&c->short_bodies, next);
}

/* Whether the last timed body was short. Exact for the holder, a hint for others. */
static inline bool sl_stage_counters_are_short(const sl_stage_counters *c) {
  return sl_load_relaxed_u64(&c->short_bodies) != 0;
}

/* Time that stands for itself alone, however often bodies are timed. */
static inline void sl_stage_counters_busy_add_once(sl_stage_counters *c, uint64_t nanoseconds) {
  sl_store_relaxed_u64(&c->busy_nanoseconds, sl_load_relaxed_u64(&c->busy_nanoseconds) + nanoseconds);
}

static inline void sl_stage_counters_queue_length(sl_stage_counters *c, uint64_t length) {
  if (length > sl_load_relaxed_u64(&c->peak_queue_length)) {
    sl_store_relaxed_u64(&c->peak_queue_length, length);
  }
}

#endif
