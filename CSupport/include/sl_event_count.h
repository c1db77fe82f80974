/*
 * sl_event_count.h: waiting for a condition of a lock-free structure without losing a wake-up.
 *
 * Algorithm. Each of a fixed set of waiters (the workers at one end of a queue) owns one bit.
 * A waiter announces itself (sets its bit), looks at the condition once more, and sleeps only if it
 * still does not hold. Who makes the condition true looks for set bits afterwards, takes one and
 * wakes its owner. *How* a waiter sleeps and is woken is not known here (sl_token.h: a parked
 * thread, a Swift continuation, or a token that goes to the run queue), so all three kinds wait on
 * the same event.
 *
 *   bits   [ w0 w1 w2 … w63 ][ w64 … ]      one 64-bit word for each 64 waiters
 *
 * Source. Event counts: Reed and Kanodia 1979; the announce / look again / sleep form: Vyukov's
 * eventcount (2008) and folly's EventCount. This one keeps the identity of each waiter instead of an
 * epoch and a number: a wake-up goes to one known waiter, cancelling is exact, and waiters need
 * neither list nodes nor memory that outlives them.
 *
 * Progress. announce, retract, take_waiter: wait-free. take: lock-free (a CAS that fails means that another
 * notifier took a waiter). Nothing here blocks.
 *
 * Orderings.
 *   [EC1] announce fence  <->  take fence: of a waiter that announces and then looks, and a notifier
 *         that changes the condition and then takes, at least one sees the other (Dekker). Where
 *         notifiers look often and waiters sleep seldom, both use the forms that end in _seldom and
 *         _often, whose barriers are those of sl_barrier.h. Or a waiter announces without _seldom to notifiers with
 *         _often, and is looked at later: somebody else, who knows that it is announced, passes sl_process_barrier,
 *         and wakes it if the condition holds and it is still announced. Who notifies after that barrier sees it.
 *         Then no wake-up is lost, but one that was overlooked comes late.
 *   [EC2] take, compare-and-swap release (or the fence before it) -> retract, fetch_and acquire: who finds its bit gone
 *         knows that a wake-up for it is under way, and sees what the notifier did before.
 *   [EC3] announce, fetch_or release -> take, compare-and-swap or fetch_and acquire: what the waiter did before
 *         (how it is to be woken) comes before what the notifier does to wake it.
 *
 * Exclusion. announce and retract of one waiter: by that waiter alone. take: anybody.
 *
 * Who is woken in another way than through its bit (by a close, or by a notifier that was slow to wake
 * it for an earlier announcement) takes its bit back before it goes on: it would be given wake-ups that
 * belong to its neighbours.
 *
 * Invariants. A set bit: its owner is about to sleep, sleeps, or has found work by itself and will
 * retract. A wake-up that reaches a waiter which needs it no more is not passed on here: the waiter
 * that gives up for good does that (there are none in the engine: workers end only when all do).
 * No counters, so no wrap-around. A thread that dies between announce and sleep takes at most one
 * wake-up with it.
 */
#ifndef SL_EVENT_COUNT_H
#define SL_EVENT_COUNT_H

#include "sl_atomic.h"
#include "sl_barrier.h"

#define SL_EVENT_COUNT_BITS_ 64u
#define SL_EVENT_COUNT_NONE UINT32_MAX

typedef struct {
  sl_atomic_u64 *words;
  uint32_t word_count;
} sl_event_count;

/* Number of 64-bit words that `waiters` waiters need; the caller allocates them. */
static inline uint32_t sl_event_count_words(uint32_t waiters) {
  return (waiters + SL_EVENT_COUNT_BITS_ - 1) / SL_EVENT_COUNT_BITS_;
}

static inline void sl_event_count_init(sl_event_count *e, sl_atomic_u64 *words, uint32_t waiters) {
  e->words = words;
  e->word_count = sl_event_count_words(waiters);
  for (uint32_t i = 0; i < e->word_count; i++) sl_store_relaxed_u64(&words[i], 0);
}

static inline void sl_event_count_set_(sl_event_count *e, uint32_t waiter) {
  uint64_t bit = (uint64_t)1 << (waiter % SL_EVENT_COUNT_BITS_);
  sl_fetch_or_release_u64(&e->words[waiter / SL_EVENT_COUNT_BITS_], bit); /* [EC3] */
}

/* Says that `waiter` is about to sleep. The caller then looks at its condition again, and either
 * sleeps or retracts. */
static inline void sl_event_count_announce(sl_event_count *e, uint32_t waiter) {
  sl_event_count_set_(e, waiter);
  sl_fence_seq_cst(); /* [EC1] */
}

static inline void sl_event_count_announce_seldom(sl_event_count *e, uint32_t waiter) {
  sl_event_count_set_(e, waiter);
  sl_barrier_seldom(); /* [EC1] */
}

/* Takes the announcement back. False: a notifier was quicker, and its wake-up is under way. */
static inline bool sl_event_count_retract(sl_event_count *e, uint32_t waiter) {
  uint64_t bit = (uint64_t)1 << (waiter % SL_EVENT_COUNT_BITS_);
  return (sl_fetch_and_acquire_u64(&e->words[waiter / SL_EVENT_COUNT_BITS_], ~bit) & bit) != 0; /* [EC2] */
}

static inline bool sl_event_count_is_announced(const sl_event_count *e, uint32_t waiter) {
  uint64_t bit = (uint64_t)1 << (waiter % SL_EVENT_COUNT_BITS_);
  return (sl_load_relaxed_u64(&e->words[waiter / SL_EVENT_COUNT_BITS_]) & bit) != 0;
}

static inline uint32_t sl_event_count_take_(sl_event_count *e, uint32_t first) {
  uint32_t shift = first % SL_EVENT_COUNT_BITS_;
  for (uint32_t i = 0; i < e->word_count; i++) {
    uint64_t bits = sl_load_relaxed_u64(&e->words[i]);
    while (bits != 0) {
      uint64_t from_first = bits >> shift << shift;
      uint64_t candidates = from_first != 0 ? from_first : bits;
      uint64_t lowest = candidates & (~candidates + 1);
      if (sl_cas_acq_rel_u64(&e->words[i], &bits, bits & ~lowest)) { /* [EC2] [EC3] */
        return i * SL_EVENT_COUNT_BITS_ + (uint32_t)__builtin_ctzll(lowest);
      }
    }
  }
  return SL_EVENT_COUNT_NONE;
}

/* Takes one announced waiter, which the caller must wake; SL_EVENT_COUNT_NONE when there is none.
 * The caller has made the condition true before. */
static inline uint32_t sl_event_count_take(sl_event_count *e) {
  sl_fence_seq_cst(); /* [EC1] */
  return sl_event_count_take_(e, 0);
}

/* Whether a waiter is announced. */
static inline bool sl_event_count_has_any(const sl_event_count *e) {
  uint32_t i = 0;
  do { /* at least one word, and most often no further one */
    if (sl_load_relaxed_u64(&e->words[i]) != 0) return true;
  } while (__builtin_expect(++i < e->word_count, 0));
  return false;
}

/* Whether another waiter than this one is announced. */
static inline bool sl_event_count_has_other(const sl_event_count *e, uint32_t waiter) {
  for (uint32_t i = 0; i < e->word_count; i++) {
    uint64_t own = i == waiter / SL_EVENT_COUNT_BITS_ ? (uint64_t)1 << (waiter % SL_EVENT_COUNT_BITS_) : 0;
    if ((sl_load_relaxed_u64(&e->words[i]) & ~own) != 0) return true;
  }
  return false;
}

/* Takes this waiter if it is announced; the caller must wake it. For who has made several conditions true, and
 * has then passed a sl_fence_seq_cst [EC1] [EC2], and knows which waiters wait for them; or who looks later on a
 * waiter's behalf, after sl_process_barrier. */
static inline bool sl_event_count_take_waiter(sl_event_count *e, uint32_t waiter) {
  if (!sl_event_count_is_announced(e, waiter)) return false;
  uint64_t bit = (uint64_t)1 << (waiter % SL_EVENT_COUNT_BITS_);
  /* Acquire alone: the caller's fence is the release of [EC2]. */
  return (sl_fetch_and_acquire_u64(&e->words[waiter / SL_EVENT_COUNT_BITS_], ~bit) & bit) != 0; /* [EC3] */
}

/* Whether there may be an announced waiter to take; the caller has made the condition true. Waiters
 * announce with _seldom, or are looked at later. */
static inline bool sl_event_count_has_any_often(const sl_event_count *e) {
  sl_barrier_often(); /* [EC1] */
  return sl_event_count_has_any(e);
}

/* After that: takes the first announced waiter from `first` on, in each word, so that a caller who
 * moves `first` along lets none wait for ever. */
static inline uint32_t sl_event_count_take_from(sl_event_count *e, uint32_t first) {
  return sl_event_count_take_(e, first);
}

#endif
