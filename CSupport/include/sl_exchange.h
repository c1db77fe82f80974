/*
 * sl_exchange.h: a parent and one worker process exchange items through a shared segment.
 *
 * Algorithm. Over the two rings of sl_exchange_rings.h. What says how far the requests go is not a position in
 * their ring but one word, *admission*: how many items the parent has admitted so far, how many of them the worker
 * has started, and whether it must start no more. The worker starts an item by a compare-and-swap on that word, so
 * that the parent can take items back that are not started: it lowers the number of admitted ones to that of the
 * started ones by the same means, and writes over their records.
 *
 *     admission:  | admitted (32 bits) | stopped (1) | started (31) |
 *
 * Source. One word for two counters that move together: the owner's and the thieves' ends of work-stealing queues,
 * as in Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005).
 *
 * Trust. What the worker has written into the word is checked as sl_exchange_rings.h says, by the caller too: how
 * many items are taken back, or are started, may be any number.
 *
 * Progress. Everything but start is wait-free, whatever the other side does or writes; recall in as many
 * tries as there are places for records. start is lock-free: it repeats only when the parent has moved the word.
 * None waits.
 *
 * Orderings.
 *   [XC1] admit, fetch_add seq_cst admission -> start, load and compare-and-swap seq_cst admission: the
 *         requests are visible. recall and stop change the same word in between, which breaks no release sequence.
 *   [XC5] close, store seq_cst closed -> worker, load seq_cst: whoever sees it sees all that was admitted or
 *         stopped before.
 *   [XC6] sleeper, store seq_cst sleeps, then loads what it waits for seq_cst; the other side, writes
 *         that seq_cst, then loads sleeps seq_cst: one of them sees the other's write, so nobody sleeps
 *         through what it waits for. Who waits for an item waits by starting it, and a joining stage's parent
 *         waits for items to be started: so start is seq_cst all through. A worker commits with release only,
 *         and looks at parent_sleeps_ without this guarantee; it gives it before it sleeps (publish).
 * recall and stop are relaxed: one word, which all change by read-modify-write, tells each of them where it came.
 * An item either was started before, or will not be by anybody who learns that they have returned. What is
 * recalled the worker has never looked at, so it may be written over.
 *
 * What excludes what. One thread at a time on each side; stop and close may come from any other thread of the parent.
 *
 * Invariants. 0 <= admitted - started, and all admitted items' records lie between request_head and the
 * parent's tail; counts wrap around at 2^31, and a ring holds fewer records than that.
 *
 * A dead worker. The item that it had started and not answered is the one that `started` counts beyond the
 * answers; those from there on were never seen by it.
 */
#ifndef SL_EXCHANGE_H
#define SL_EXCHANGE_H

#include "sl_exchange_rings.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SL_EXCHANGE_COUNT_ UINT64_C(0x7fffffff)
#define SL_EXCHANGE_STOPPED_ UINT64_C(0x80000000)

/* ---- Parent ------------------------------------------------------------------------------ */

/* Lets the worker start n more items, whose requests were put. */
static inline void sl_exchange_admit(sl_exchange *x, uint32_t n) {
  sl_fetch_add_seq_cst_u64(&x->facts->admission_, (uint64_t)n << 32); /* [XC1] [XC6] */
}

/* How many items the worker says that it has started, since it exists, modulo 2^31: at least those whose
 * responses have been seen. */
static inline uint32_t sl_exchange_started(const sl_exchange *x) {
  /* relaxed: a count, by which nothing is read */
  return (uint32_t)sl_load_relaxed_u64(&x->facts->admission_) & SL_EXCHANGE_COUNT_;
}

/*
 * Takes back the items that are admitted and not started, `admitted` being the number admitted so far; how
 * many. The caller sets request_tail to the first one's place, and counts them as not admitted. More than
 * there can be: the worker has written nonsense, and nothing is taken back.
 */
static inline uint32_t sl_exchange_recall(sl_exchange *x, uint32_t admitted) {
  uint64_t most = x->request_bytes / 8;
  uint64_t word = sl_load_relaxed_u64(&x->facts->admission_); /* relaxed: the compare-and-swap checks it */
  /* Another try means that the worker has started an item meanwhile, or that somebody has stopped it. */
  for (uint64_t tries = 0; tries <= most + 1; tries++) {
    uint64_t started = word & SL_EXCHANGE_COUNT_, waiting = (admitted - started) & SL_EXCHANGE_COUNT_;
    if (waiting > most) break;
    uint64_t next = started << 32 | (word & SL_EXCHANGE_STOPPED_) | started;
    /* relaxed: see above, under the orderings */
    if (sl_cas_relaxed_u64(&x->facts->admission_, &word, next)) return (uint32_t)waiting;
  }
  return SL_EXCHANGE_COUNT_;
}

/* Any thread of the parent: no further item starts, for whoever knows that this has returned. */
static inline void sl_exchange_stop(sl_exchange_facts *facts) {
  sl_fetch_or_relaxed_u64(&facts->admission_, SL_EXCHANGE_STOPPED_); /* relaxed: as recall */
}

/* Any thread of the parent: no item will be admitted any more, and who yields an output is to stop. */
static inline void sl_exchange_close(sl_exchange_facts *facts) {
  sl_store_seq_cst_u32(&facts->closed_, 1); /* [XC5] [XC6] */
}

/* The worker may go on while it has written fewer responses than this, all together. */
static inline void sl_exchange_limit_output(sl_exchange *x, uint64_t responses) {
  sl_store_seq_cst_u64(&x->facts->output_limit_, responses); /* [XC6] */
}

/* ---- Worker ------------------------------------------------------------------------------ */

/* Whether an item that is admitted is not started, and may be. */
static inline bool sl_exchange_may_start_(uint64_t word) {
  return ((word >> 32) & SL_EXCHANGE_COUNT_) != (word & SL_EXCHANGE_COUNT_) && (word & SL_EXCHANGE_STOPPED_) == 0;
}

/* Starts the next item, if one is admitted. */
static inline bool sl_exchange_start(sl_exchange *x) {
  uint64_t word = sl_load_seq_cst_u64(&x->facts->admission_), next; /* [XC1] [XC6] */
  do {
    if (!sl_exchange_may_start_(word)) return false;
    next = (word & ~SL_EXCHANGE_COUNT_) | ((word + 1) & SL_EXCHANGE_COUNT_);
  } while (!sl_cas_seq_cst_u64(&x->facts->admission_, &word, next)); /* [XC1] [XC6] */
  return true;
}

/* Whether `responses` that were written leave the worker free to go on. */
static inline bool sl_exchange_may_go_on(const sl_exchange *x, uint64_t responses) {
  return responses < sl_load_seq_cst_u64(&x->facts->output_limit_); /* [XC6] */
}

static inline bool sl_exchange_is_closed(const sl_exchange *x) {
  return sl_load_seq_cst_u32(&x->facts->closed_) != 0; /* [XC5] [XC6] */
}

/* Whether an item could be started now. */
static inline bool sl_exchange_has_item(const sl_exchange *x) {
  return sl_exchange_may_start_(sl_load_seq_cst_u64(&x->facts->admission_)); /* [XC6] */
}

/* ---- Sleeping ---------------------------------------------------------------------------- */

/* Each side, before it looks once more and sleeps, and after it slept. */
static inline void sl_exchange_parent_sleeps(sl_exchange *x) {
  sl_store_seq_cst_u32(&x->facts->parent_sleeps_, 1); /* [XC6] */
}
static inline void sl_exchange_worker_sleeps(sl_exchange *x) {
  sl_store_seq_cst_u32(&x->facts->worker_sleeps_, 1); /* [XC6] */
}
static inline void sl_exchange_parent_woke(sl_exchange *x) {
  sl_store_relaxed_u32(&x->facts->parent_sleeps_, 0); /* relaxed: at worst it is woken for nothing */
}
static inline void sl_exchange_worker_woke(sl_exchange *x) {
  sl_store_relaxed_u32(&x->facts->worker_sleeps_, 0); /* relaxed: at worst it is woken for nothing */
}

static inline bool sl_exchange_must_wake_(sl_atomic_u32 *sleeps) {
  if (sl_load_seq_cst_u32(sleeps) == 0) return false; /* [XC6] */
  return sl_exchange_relaxed_u32(sleeps, 0) != 0;     /* relaxed: so that one of several writes wakes */
}

/* A hint: the parent sleeps. */
static inline bool sl_exchange_parent_is_asleep(const sl_exchange *x) {
  return sl_load_relaxed_u32(&x->facts->parent_sleeps_) != 0;
}

/* After a write that the other side may wait for: whether it sleeps, so that the caller has to wake it. */
static inline bool sl_exchange_must_wake_worker(sl_exchange *x) {
  return sl_exchange_must_wake_(&x->facts->worker_sleeps_);
}
static inline bool sl_exchange_must_wake_parent(sl_exchange *x) {
  return sl_exchange_must_wake_(&x->facts->parent_sleeps_);
}

#ifdef __cplusplus
}
#endif
#endif /* SL_EXCHANGE_H */
