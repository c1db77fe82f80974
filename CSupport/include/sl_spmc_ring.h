/*
 * sl_spmc_ring.h: a bounded ring between one producer and many consumers.
 *
 * Algorithm. The producer owns `tail`; consumers move `head` by compare-and-swap. A consumer first copies the
 * element at head and then claims the position: if the claim succeeds, head was there all the time, so the producer
 * cannot have written over the element, and the copy is good; if it fails, the copy is thrown away. So consumers write
 * to nothing but head: the lines of the elements and of tail stay in every consumer's cache until the producer
 * writes to them, and nothing has to be given back after a take.
 *
 *     producer's line        consumers' line   read-only line
 *     | tail | limit | pad   | head | pad      | words | capacity | mask | … | pad
 *
 *     slots:  . . [h] x x x x [t] . .     x = published, t - h <= capacity
 *
 * An element is a row of 64-bit words, copied one by one: the ring holds bytes that may be moved to another
 * address, and a copy that is thrown away means nothing.
 *
 * Source. The top of a work-stealing deque, Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005), with the
 * orders of Lê, Pop, Cohen and Zappa Nardelli, "Correct and Efficient Work-Stealing for Weak Memory Models" (2013),
 * without the owner's end that takes; the producer's limit is that of sl_spsc_ring.h. Differences: any capacity >= 1
 * is kept exactly; elements of several words; several are published at once.
 *
 * Progress. room, put and publish are wait-free. try_take is lock-free: a claim fails only because another consumer's
 * has succeeded, and is then repeated after a pause (sl_backoff.h). A thread that stops anywhere, on either side, keeps
 * nobody from anything: what is not published does not exist, and what is not claimed is there for the others.
 *
 * Orderings.
 *   [SM1] publish, store release tail -> try_take, load acquire tail: the element's words are visible.
 *   [SM2] claim, compare-and-swap release head -> room, load acquire head: the words have been copied before the
 *         producer writes over them, and who relies on the room sees what came before the take.
 *   [SM3] claim, compare-and-swap release head -> try_take, load acquire head, or count, load acquire head: tail, read
 *         after it, is no older, so that "empty" is said of one moment, and the difference is never negative.
 * For a caller that sleeps: a publish (take), then sl_fence_seq_cst, is seen by a try_take (room) that comes after the
 * sleeper's own sl_fence_seq_cst, since a side that finds "empty" ("full") reads the other's end before it says so.
 *
 * What excludes what ("x": never at the same time, the caller sees to it):
 *                       init, destroy   room, put, publish   try_take   count, passed
 *   init, destroy            x                 x                x             x
 *   room, put, publish       x                 x                -             -
 *   try_take                 x                 -                -             -
 * The producer may change from thread to thread if the hand-over itself synchronises.
 *
 * Invariants. 0 <= tail - head <= capacity <= slots, in arithmetic modulo 2^64. Positions wrap around at 2^64, which
 * the number of slots divides; only differences are compared. No thread may sleep inside a try_take through 2^64 others.
 *
 * A dead thread. A producer that dies before publish has added nothing; a consumer that dies after its claim has taken
 * its element with it. Neither blocks anybody.
 */
#ifndef SL_SPMC_RING_H
#define SL_SPMC_RING_H

#include <string.h>

#include "sl_backoff.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 tail_; /* next position to publish; the producer writes it */
  uint64_t limit_;     /* the producer may publish up to here: some earlier head_ + capacity */
  char pad1_[SL_NO_SHARE];
  sl_atomic_u64 head_; /* next position to take */
  char pad2_[SL_NO_SHARE];
  sl_atomic_u64 *words_; /* of all slots */
  uint64_t capacity_;
  uint64_t mask_;
  char pad3_[SL_NO_SHARE];
} sl_spmc_ring;

/* Largest element, in bytes: what is copied for nothing when a claim fails. */
#define SL_SPMC_LARGEST 64u

/* 64-bit words of an element of so many bytes. A constant where `size` is one. */
static inline size_t sl_spmc_words_(size_t size) { return (size + 7) / 8; }

/*
 * A ring for `capacity` elements of `size` bytes, the same in all calls. Returns 0, ENOMEM, or EINVAL for a capacity
 * of 0 or a size beyond SL_SPMC_LARGEST. `first_position` is 0 but in tests, which start just below the wrap-around.
 */
int sl_spmc_ring_init(sl_spmc_ring *ring, size_t capacity, size_t size, uint64_t first_position);

/* Frees the slots; elements that are still in them are dropped as bytes. */
void sl_spmc_ring_destroy(sl_spmc_ring *ring);

static inline size_t sl_spmc_ring_capacity(const sl_spmc_ring *ring) { return (size_t)ring->capacity_; }

static inline sl_atomic_u64 *sl_spmc_ring_slot_(const sl_spmc_ring *ring, uint64_t position, size_t size) {
  return ring->words_ + (position & ring->mask_) * sl_spmc_words_(size);
}

/* Elements published and not taken: exact for the producer but for what consumers do meanwhile, a snapshot for
 * others. Between 0 and capacity always. */
static inline size_t sl_spmc_ring_count(const sl_spmc_ring *ring) {
  uint64_t head = sl_load_acquire_u64(&ring->head_); /* [SM3] before tail */
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: [SM3] has brought it */
  uint64_t count = tail - head; /* both may have moved on in between: too large, never negative */
  return (size_t)(count < ring->capacity_ ? count : ring->capacity_);
}

/* Elements taken so far, from the first position on: how far the flow has come, for anybody. */
static inline uint64_t sl_spmc_ring_passed(const sl_spmc_ring *ring) {
  return sl_load_acquire_u64(&ring->head_); /* [SM2] for a producer that relies on the room */
}

/* ---- Producer ------------------------------------------------------------------------------ */

/* How many of the next n places are free. */
static inline size_t sl_spmc_ring_room(sl_spmc_ring *ring, size_t n) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: only this side writes it */
  uint64_t free_slots = ring->limit_ - tail;
  if (free_slots < n) {
    ring->limit_ = sl_load_acquire_u64(&ring->head_) + ring->capacity_; /* [SM2] the old elements are copied */
    free_slots = ring->limit_ - tail;
  }
  return free_slots < n ? (size_t)free_slots : n;
}

/* Copies an element into the free place number `index`, the first being 0. */
static inline void sl_spmc_ring_put(sl_spmc_ring *ring, size_t index, const void *element, size_t size) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: only this side writes it */
  sl_atomic_u64 *slot = sl_spmc_ring_slot_(ring, tail + index, size);
  for (size_t i = 0; i < sl_spmc_words_(size); i++) {
    uint64_t word = 0;
    size_t left = size - 8 * i;
    memcpy(&word, (const char *)element + 8 * i, left < 8 ? left : 8);
    sl_store_relaxed_u64(slot + i, word); /* relaxed: [SM1] publishes it */
  }
}

/* Publishes the first n places, whose elements have been put there, in one store. */
static inline void sl_spmc_ring_publish(sl_spmc_ring *ring, size_t n) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_);
  sl_store_release_u64(&ring->tail_, tail + n); /* [SM1] */
}

/* ---- Consumers ----------------------------------------------------------------------------- */

/* A consumer will take soon: it had better begin to bring the line that it will write to. */
static inline void sl_spmc_ring_will_take(const sl_spmc_ring *ring) { sl_prefetch_to_write(&ring->head_); }

/* Moves the oldest element to `place`, which is written over also when there is none; false: empty. */
static inline bool sl_spmc_ring_try_take(sl_spmc_ring *ring, void *place, size_t size) {
  uint32_t pauses = SL_BACKOFF_FIRST;
  uint64_t head = sl_load_acquire_u64(&ring->head_); /* [SM3] before tail */
  for (;;) {
    uint64_t tail = sl_load_acquire_u64(&ring->tail_); /* [SM1] */
    if ((int64_t)(tail - head) <= 0) return false;
    sl_atomic_u64 *slot = sl_spmc_ring_slot_(ring, head, size);
    for (size_t i = 0; i < sl_spmc_words_(size); i++) {
      uint64_t word = sl_load_relaxed_u64(slot + i); /* relaxed: [SM1] has brought it, if the claim succeeds */
      size_t left = size - 8 * i;
      memcpy((char *)place + 8 * i, &word, left < 8 ? left : 8);
    }
    if (sl_cas_release_u64(&ring->head_, &head, head + 1)) return true; /* [SM2] [SM3] */
    sl_backoff(&pauses);
    head = sl_load_acquire_u64(&ring->head_); /* [SM3] before tail */
  }
}

#ifdef __cplusplus
}
#endif

#endif /* SL_SPMC_RING_H */
