/*
 * sl_spsc_ring.h: a bounded ring between one producer and one consumer.
 *
 * Algorithm. The producer owns `tail`, the consumer owns `head`, both count positions without end;
 * position p lives in slot p & mask, and each side keeps how far it may go by the last position that
 * it saw of the other, so that it reads the other's cache line only when it has got there. The ring
 * holds no elements: it hands out slot numbers of an array that belongs to the caller.
 *
 *     producer's line                   consumer's line          read-mostly line
 *     | tail | limit | closed | pad     | head | tail_seen | pad | capacity | mask | abandoned | pad
 *
 *     slots (the caller's):  . . [h] x x x x [t] . .     x = committed, t - h <= capacity
 *
 * Source. Lamport, "Specifying concurrent program modules" (1983): one writer an index. The copy of
 * the peer's index is from Lee, Bu and Chandranmenon, "A lock-free, cache-efficient shared ring
 * buffer" (MCRingBuffer, 2009/2010). Differences: any capacity >= 1 is kept exactly (slots are the
 * next power of two, the limit is the capacity); claim and commit, take and release are separate
 * steps, so that the caller constructs and moves an element in place; any number of slots at a
 * time.
 *
 * Progress. Every operation is wait-free, in a bounded number of steps, whatever the peer does.
 *
 * Orderings.
 *   [SP1] commit, store release tail -> take, load acquire tail: the elements are visible.
 *   [SP2] release, store release head -> claim, load acquire head: the consumer has moved the old
 *         elements out before the producer writes over them.
 *   [SP3] release, store release head -> count, load acquire head: tail, read after it, is no older,
 *         and the difference is never negative.
 *   [SP4] close, store release closed -> is_drained, load acquire closed, before tail: a consumer
 *         that knows of the close knows of every commit.
 *   [SP5] abandon, store release abandoned -> is_abandoned, load acquire: what came before it.
 * For a caller that sleeps: a commit (release, close, abandon), then sl_fence_seq_cst, is seen by a
 * take (claim, is_drained, is_abandoned) that comes after the sleeper's own sl_fence_seq_cst, since a
 * side that finds "empty" ("full") in its copy reads the real index before it says so.
 *
 * What excludes what ("x": never at the same time, the caller sees to it):
 *                  init   claim/commit   take/release   count, capacity
 *   init            x          x              x               x
 *   claim/commit    x          x              -               -
 *   take/release    x          -              x               -
 *   close           x          x              -               -
 *   abandon         x          -              x               -
 * Producer (consumer) may change from thread to thread if the hand-over itself synchronises.
 *
 * Invariants. 0 <= tail - head <= capacity <= slots, in arithmetic modulo 2^64. Positions wrap
 * around at 2^64; the number of slots divides 2^64, so slots stay in step. Only differences of
 * positions are compared.
 *
 * A stalled or dead peer. A producer that stops between claim and commit has published nothing: the
 * consumer sees what was committed before. A consumer that stops between take and release keeps
 * its slots: the producer sees them as in use. Neither blocks an operation of the other.
 */
#ifndef SL_SPSC_RING_H
#define SL_SPSC_RING_H

#include "sl_atomic.h"

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 tail_; /* next position to commit; the producer writes it */
  uint64_t limit_;     /* the producer may commit up to here: some earlier head_ + capacity */
  sl_atomic_u32 closed_;
  char pad1_[SL_NO_SHARE];
  sl_atomic_u64 head_; /* next position to release; the consumer writes it */
  uint64_t tail_seen_; /* the consumer's copy of tail_, never ahead of it */
  char pad2_[SL_NO_SHARE];
  uint64_t capacity_;
  uint64_t mask_;
  sl_atomic_u32 abandoned_; /* here, since a producer may look at it before each element */
  char pad3_[SL_NO_SHARE];
} sl_spsc_ring;

/* How many elements the caller has to allocate; 0 if there is no such power of two. */
static inline size_t sl_spsc_ring_slots(size_t capacity) {
  size_t slots = 1;
  while (slots != 0 && slots < capacity) slots <<= 1;
  return slots;
}

/*
 * `capacity` >= 1, with sl_spsc_ring_slots(capacity) != 0. `first_position` is 0 but in tests,
 * which start just below the wrap-around. There is nothing to destroy.
 */
static inline void sl_spsc_ring_init(sl_spsc_ring *ring, size_t capacity, uint64_t first_position) {
  sl_store_relaxed_u64(&ring->tail_, first_position);
  sl_store_relaxed_u64(&ring->head_, first_position);
  sl_store_relaxed_u32(&ring->closed_, 0);
  sl_store_relaxed_u32(&ring->abandoned_, 0);
  ring->limit_ = first_position + capacity;
  ring->tail_seen_ = first_position;
  ring->capacity_ = capacity;
  ring->mask_ = sl_spsc_ring_slots(capacity) - 1;
}

static inline size_t sl_spsc_ring_capacity(const sl_spsc_ring *ring) {
  return (size_t)ring->capacity_;
}

static inline size_t sl_spsc_ring_slot_of(const sl_spsc_ring *ring, uint64_t position) {
  return (size_t)(position & ring->mask_);
}

/* Of the slots of `n` positions from `first` on: how many lie in a row, up to the last slot. */
static inline size_t sl_spsc_ring_row(const sl_spsc_ring *ring, uint64_t first, size_t n) {
  size_t to_the_end = (size_t)(ring->mask_ - (first & ring->mask_)) + 1;
  return n < to_the_end ? n : to_the_end;
}

/*
 * Elements committed and not yet released. From the producer's or the consumer's thread it is
 * off only by what the peer does meanwhile; from a third thread it is a snapshot. Between 0 and
 * capacity always.
 */
static inline size_t sl_spsc_ring_count(const sl_spsc_ring *ring) {
  uint64_t head = sl_load_acquire_u64(&ring->head_); /* [SP3] before tail */
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* [SP3] after head */
  uint64_t count = tail - head; /* both may have moved on in between: too large, never negative */
  return (size_t)(count < ring->capacity_ ? count : ring->capacity_);
}

/* Elements released so far, from the first position on: how far the flow has come, for anybody. */
static inline uint64_t sl_spsc_ring_passed(const sl_spsc_ring *ring) {
  return sl_load_acquire_u64(&ring->head_); /* [SP2] for a producer that relies on the room */
}

/* ---- Producer ------------------------------------------------------------------------------ */

/*
 * Claims up to `n` slots, as many as are free; returns how many, and in *first the position of the
 * first. Nothing is published. Claiming again before a commit gives the same positions.
 */
static inline size_t sl_spsc_ring_try_claim_many(sl_spsc_ring *ring, size_t n, uint64_t *first) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: only this side writes it */
  uint64_t free_slots = ring->limit_ - tail;
  if (free_slots < n) {
    uint64_t head = sl_load_acquire_u64(&ring->head_); /* [SP2] the old elements are out */
    ring->limit_ = head + ring->capacity_;
    free_slots = ring->limit_ - tail;
  }
  *first = tail;
  return free_slots < n ? (size_t)free_slots : n;
}

/* Publishes the first `n` of the claimed slots, in one store. */
static inline void sl_spsc_ring_commit_many(sl_spsc_ring *ring, size_t n) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_);
  sl_store_release_u64(&ring->tail_, tail + n); /* [SP1] publishes the elements */
}

/* Claims the next slot; false: the ring is full. Nothing is published. */
static inline bool sl_spsc_ring_try_claim(sl_spsc_ring *ring, size_t *slot) {
  uint64_t first;
  if (sl_spsc_ring_try_claim_many(ring, 1, &first) == 0) return false;
  *slot = sl_spsc_ring_slot_of(ring, first);
  return true;
}

/* Publishes the claimed slot, whose element the caller has initialised. */
static inline void sl_spsc_ring_commit(sl_spsc_ring *ring) { sl_spsc_ring_commit_many(ring, 1); }

/* Whether the consumer has gone for good: nobody will take what is committed. */
static inline bool sl_spsc_ring_is_abandoned(const sl_spsc_ring *ring) {
  return sl_load_acquire_u32(&ring->abandoned_) != 0; /* [SP5] */
}

/* The producer: no more will be committed. */
static inline void sl_spsc_ring_close(sl_spsc_ring *ring) {
  sl_store_release_u32(&ring->closed_, 1); /* [SP4] after the last commit */
}

/* ---- Consumer ------------------------------------------------------------------------------ */

/*
 * Gives up to `n` committed slots, as many as there are; returns how many, and in *first the
 * position of the first. Taking again before a release gives the same positions.
 */
static inline size_t sl_spsc_ring_try_take_many(sl_spsc_ring *ring, size_t n, uint64_t *first) {
  uint64_t head = sl_load_relaxed_u64(&ring->head_); /* relaxed: only this side writes it */
  uint64_t ready = ring->tail_seen_ - head;
  if (ready < n) {
    ring->tail_seen_ = sl_load_acquire_u64(&ring->tail_); /* [SP1] the elements are visible */
    ready = ring->tail_seen_ - head;
  }
  *first = head;
  return ready < n ? (size_t)ready : n;
}

/* Gives the first `n` of the taken slots back, in one store. */
static inline void sl_spsc_ring_release_many(sl_spsc_ring *ring, size_t n) {
  uint64_t head = sl_load_relaxed_u64(&ring->head_);
  sl_store_release_u64(&ring->head_, head + n); /* [SP2] after the elements were moved out */
}

/* Gives the oldest committed slot; false: the ring is empty. */
static inline bool sl_spsc_ring_try_take(sl_spsc_ring *ring, size_t *slot) {
  uint64_t first;
  if (sl_spsc_ring_try_take_many(ring, 1, &first) == 0) return false;
  *slot = sl_spsc_ring_slot_of(ring, first);
  return true;
}

/* The same as a value, for callers that would have to keep a variable in memory: -1 for an empty ring. */
static inline int64_t sl_spsc_ring_next(sl_spsc_ring *ring) {
  uint64_t first;
  return sl_spsc_ring_try_take_many(ring, 1, &first) == 0 ? -1 : (int64_t)sl_spsc_ring_slot_of(ring, first);
}

/* Gives the taken slot back, whose element the caller has moved out. */
static inline void sl_spsc_ring_release(sl_spsc_ring *ring) { sl_spsc_ring_release_many(ring, 1); }

/* Whether the ring is closed and every element released: the end, and it stays so. */
static inline bool sl_spsc_ring_is_drained(const sl_spsc_ring *ring) {
  if (sl_load_acquire_u32(&ring->closed_) == 0) return false; /* [SP4] before tail */
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* the last: [SP4] has brought it */
  return tail == sl_load_relaxed_u64(&ring->head_); /* relaxed: only this side writes it */
}

/* The consumer goes for good. Elements that are committed stay until the ring's owner drains it,
 * once the producer has gone too. */
static inline void sl_spsc_ring_abandon(sl_spsc_ring *ring) {
  sl_store_release_u32(&ring->abandoned_, 1); /* [SP5] */
}

#endif /* SL_SPSC_RING_H */
