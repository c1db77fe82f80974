/*
 * sl_order_ring.h: a bounded ring whose elements have numbers: written in any order, taken in the order of
 * their numbers.
 *
 * Algorithm. Every number from the first one on belongs to exactly one producer. Number n lies at position n
 * of a ring: its producer writes it there as soon as there is room for it (n < released + capacity), whether
 * those before it are there or not, or leaves a *hole* there if nothing comes of it. Consumers take what
 * stands at the head by compare-and-swap, and find nothing there until the head's own number has come.
 *
 *      head                                       E: element, o: hole, .: not written yet
 *       v
 *     | . | E | o | E | . | . |                   the next one to take is missing: nothing to take
 *       |<---- capacity ----->|
 *
 *     slots:   | turn, element | turn, element | …     a power of two of bytes each, at least 16
 *
 *     turn:    lap          free for the number of this lap
 *              lap + 1      an element
 *              lap + 2      a hole
 *              next lap     released
 *
 * A position is a number in bytes of slots; the slot lies at its low bits, and its lap is the rest. So a new
 * ring is all zeroes, and its memory is touched only where it is used.
 *
 * Source. The turns are those of sl_mpmc_ring.h (Vyukov, 2010), without its tail: a producer brings its
 * position instead of competing for one. The reorder buffers of processors (Smith and Pleszkun, "Implementing
 * precise interrupts in pipelined processors", 1988) do the same with results.
 *
 * Progress. has_room, place, commit, skip, written, is_ready, span, release, released: wait-free, in a fixed number
 * of steps. try_take: lock-free; it never waits, and repeats a step only when another consumer has taken, after a
 * pause. What order means stands beside that: whoever has a number and does not write it keeps all that
 * come after it from being taken, and, a capacity later, from being written. A consumer that stops between take
 * and release keeps its place from being written.
 *
 * Orderings.
 *   [OR1] commit or skip, store release turn -> take, load acquire turn: the element is visible; of a hole,
 *         what came before it, back to who moved the last element out of the slot.
 *   [OR2] release, store release turn -> has_room, load acquire turn: the old element has been moved out before
 *         the slot is written over, and who relies on the room made by a release sees what came before it.
 *   [OR3] written, fence between the turn and head  <->  released, fence between head and the turn: of a
 *         producer that has written n and a consumer that has taken what was before it, at least one sees the other
 *         (Dekker). So one of them wakes whoever sleeps for n.
 * The compare-and-swap on head publishes nothing, so it is relaxed.
 *
 * For callers that sleep, and announce themselves as in sl_event_count.h, whose fence these calls meet too.
 *   - A consumer sleeps until is_ready. Who has committed or skipped a number calls written, and wakes a consumer
 *     only if that says so: otherwise nothing can be taken because of this number, and whoever takes what is before
 *     it looks. With several consumers, who has released calls released, and wakes another one if that says so.
 *   - A producer sleeps until has_room(n), which stays true once it is. Who has released calls released, and then
 *     wakes all producers that sleep, or those among them that have room.
 *
 * What excludes what ("x": never at the same time, the caller sees to it):
 *                            init, destroy   has_room … commit/skip of n   take … release   the others
 *   init, destroy                  x                     x                       x              x
 *   has_room … commit/skip of n    x                     x                       -              -
 *   take … release                 x                     -                       -              -
 * Those of different numbers do not exclude each other. left: as destroy, before it.
 *
 * Invariants. For all numbers between head and the highest one written: it, too, is at most released + capacity.
 * Never more than `capacity` elements are written and not released. Positions wrap around at 2^64 bytes of
 * slots, which the ring's size divides; only signed differences are compared, and no producer may be half of
 * all positions behind.
 *
 * A dead thread. One that dies with a number that it has not written ends the ring: the elements after it stay
 * where they are until `left` finds them.
 */
#ifndef SL_ORDER_RING_H
#define SL_ORDER_RING_H

#include "sl_backoff.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 head_; /* the position of the next number to take */
  char pad1_[SL_NO_SHARE];
  char *slots_;
  void *memory_;
  uint64_t mask_;     /* of a position: where its slot lies */
  uint64_t capacity_; /* in bytes of slots */
  uint32_t slot_shift_;
  char pad2_[SL_NO_SHARE];
} sl_order_ring;

enum { SL_ORDER_ELEMENT_ = 1, SL_ORDER_HOLE_ = 2 };

/* What a take has found. */
typedef enum {
  SL_ORDER_NOTHING = 0, /* the next number has not been written */
  SL_ORDER_ELEMENT = SL_ORDER_ELEMENT_,
  SL_ORDER_HOLE = SL_ORDER_HOLE_
} sl_order_found;

/* What was taken. */
typedef struct {
  sl_atomic_u64 *turn_;
  uint64_t position_;
} sl_order_ticket;

/*
 * A ring for `capacity` elements of `element_size` bytes (a multiple of the alignment) at multiples of
 * `element_alignment`, a power of two. A slot has the next power of two above 8 bytes and an element.
 * Returns 0, ENOMEM, or EINVAL for a capacity of 0, or a size and an alignment that do not fit.
 * `first_number` is 0 but in tests, which start just below the wrap-around.
 */
int sl_order_ring_init(sl_order_ring *ring, size_t capacity, size_t element_size, size_t element_alignment,
                       uint64_t first_number);

/* Frees the slots; elements that are still in them are dropped as bytes. */
void sl_order_ring_destroy(sl_order_ring *ring);

static inline size_t sl_order_ring_capacity(const sl_order_ring *ring) {
  return (size_t)(ring->capacity_ >> ring->slot_shift_);
}

static inline uint64_t sl_order_ring_position_(const sl_order_ring *ring, uint64_t number) {
  return number << ring->slot_shift_;
}

static inline sl_atomic_u64 *sl_order_ring_turn_(const sl_order_ring *ring, uint64_t position) {
  return (sl_atomic_u64 *)(void *)(ring->slots_ + (position & ring->mask_));
}

static inline uint64_t sl_order_ring_lap_(const sl_order_ring *ring, uint64_t position) {
  return position & ~ring->mask_;
}

static inline void *sl_order_ring_behind_(sl_atomic_u64 *turn, size_t alignment) {
  return (char *)turn + (alignment > sizeof(sl_atomic_u64) ? alignment : sizeof(sl_atomic_u64));
}

/* The number of the slot that a number lies in: below the capacity's next power of two. */
static inline size_t sl_order_ring_slot_of(const sl_order_ring *ring, uint64_t number) {
  return (size_t)((sl_order_ring_position_(ring, number) & ring->mask_) >> ring->slot_shift_);
}

/* ---- Producers: who has the number --------------------------------------------------------- */

/* Whether the number may be written: the one `capacity` before it has been released. True for numbers that
 * were written before, whoever asks. */
static inline bool sl_order_ring_has_room(const sl_order_ring *ring, uint64_t number) {
  uint64_t position = sl_order_ring_position_(ring, number), slots = ring->mask_ + 1;
  uint64_t turn = sl_load_acquire_u64(sl_order_ring_turn_(ring, position)); /* [OR2] the slot is empty */
  if ((int64_t)(turn - sl_order_ring_lap_(ring, position)) < 0) return false;
  if (ring->capacity_ == slots) return true; /* that was the slot's own last number */
  uint64_t before = position - ring->capacity_;
  turn = sl_load_acquire_u64(sl_order_ring_turn_(ring, before)); /* [OR2] */
  return (int64_t)(turn - (sl_order_ring_lap_(ring, before) + slots)) >= 0;
}

/* The memory of the number's element, to be initialised once there is room; `alignment` is the ring's. */
static inline void *sl_order_ring_place(const sl_order_ring *ring, uint64_t number, size_t alignment) {
  return sl_order_ring_behind_(sl_order_ring_turn_(ring, sl_order_ring_position_(ring, number)), alignment);
}

/* Publishes the number's element, which the caller has initialised. */
static inline void sl_order_ring_commit(sl_order_ring *ring, uint64_t number) {
  uint64_t position = sl_order_ring_position_(ring, number);
  sl_store_release_u64(sl_order_ring_turn_(ring, position),
                       sl_order_ring_lap_(ring, position) + SL_ORDER_ELEMENT_); /* [OR1] */
}

/* Nothing comes of the number, for which there is room. */
static inline void sl_order_ring_skip(sl_order_ring *ring, uint64_t number) {
  uint64_t position = sl_order_ring_position_(ring, number);
  sl_store_release_u64(sl_order_ring_turn_(ring, position),
                       sl_order_ring_lap_(ring, position) + SL_ORDER_HOLE_); /* [OR1] */
}

/* After a commit or skip: whether the number is the next one to take, so that the caller wakes a consumer. */
static inline bool sl_order_ring_written(const sl_order_ring *ring, uint64_t number) {
  sl_fence_seq_cst(); /* [OR3] */
  return sl_load_relaxed_u64(&ring->head_) == sl_order_ring_position_(ring, number);
}

/* How many numbers up to this one, and with it, have not been taken: at most the capacity, a snapshot. */
static inline size_t sl_order_ring_span(const sl_order_ring *ring, uint64_t number) {
  uint64_t slot = (uint64_t)1 << ring->slot_shift_;
  uint64_t bytes = sl_order_ring_position_(ring, number) + slot - sl_load_relaxed_u64(&ring->head_);
  if ((int64_t)bytes < 0) return 0;
  return (size_t)((bytes < ring->capacity_ ? bytes : ring->capacity_) >> ring->slot_shift_);
}

/* ---- Consumers ----------------------------------------------------------------------------- */

/* Takes the next number, an element or a hole. A hole is released like an element. */
static inline sl_order_found sl_order_ring_try_take(sl_order_ring *ring, sl_order_ticket *ticket) {
  uint32_t pauses = SL_BACKOFF_FIRST;
  for (;; sl_backoff(&pauses)) {
    uint64_t head = sl_load_relaxed_u64(&ring->head_), next = head + ((uint64_t)1 << ring->slot_shift_);
    ticket->turn_ = sl_order_ring_turn_(ring, head);
    ticket->position_ = head;
    uint64_t turn = sl_load_acquire_u64(ticket->turn_); /* [OR1] the element */
    uint64_t found = turn - sl_order_ring_lap_(ring, head);
    if (found == SL_ORDER_ELEMENT_ || found == SL_ORDER_HOLE_) {
      if (sl_cas_relaxed_u64(&ring->head_, &head, next)) return (sl_order_found)found;
    } else if ((int64_t)found <= 0) {
      return SL_ORDER_NOTHING;
    } /* else somebody else has taken this number */
  }
}

static inline uint64_t sl_order_ring_number_of(const sl_order_ring *ring, sl_order_ticket ticket) {
  return ticket.position_ >> ring->slot_shift_;
}

/* The element that was taken; `alignment` is the ring's. */
static inline void *sl_order_ring_element(sl_order_ticket ticket, size_t alignment) {
  return sl_order_ring_behind_(ticket.turn_, alignment);
}

/* Gives the slot back, whose element the caller has moved out. */
static inline void sl_order_ring_release(const sl_order_ring *ring, sl_order_ticket ticket) {
  uint64_t next_lap = sl_order_ring_lap_(ring, ticket.position_) + ring->mask_ + 1;
  sl_store_release_u64(ticket.turn_, next_lap); /* [OR2] it is out */
}

/* Whether there is something to take, or there was and another consumer was quicker: look again. */
static inline bool sl_order_ring_is_ready(const sl_order_ring *ring) {
  uint64_t head = sl_load_relaxed_u64(&ring->head_);
  uint64_t turn = sl_load_relaxed_u64(sl_order_ring_turn_(ring, head)); /* relaxed: a take follows */
  return (int64_t)(turn - sl_order_ring_lap_(ring, head)) > 0;
}

/* After a release: whether there is more to take, so that the caller wakes another consumer. It wakes producers
 * that have room in any case. */
static inline bool sl_order_ring_released(const sl_order_ring *ring) {
  sl_fence_seq_cst(); /* [OR3] */
  return sl_order_ring_is_ready(ring);
}

/* When nobody uses the ring any more: the element in this slot that was written and never taken, or NULL.
 * Slots are numbered from 0 to below the capacity's next power of two. */
void *sl_order_ring_left(const sl_order_ring *ring, size_t slot, size_t alignment);

/* Number of slots: the capacity's next power of two. */
static inline size_t sl_order_ring_slots(const sl_order_ring *ring) {
  return (size_t)((ring->mask_ + 1) >> ring->slot_shift_);
}

#ifdef __cplusplus
}
#endif

#endif /* SL_ORDER_RING_H */
