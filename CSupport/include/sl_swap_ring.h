/*
 * sl_swap_ring.h: a bounded ring of cell numbers, strictly lock-free, between many producers and
 * many consumers; with wait-free forms where there is one producer, or one consumer.
 *
 * Algorithm. An element lies in a cell, and the ring is an array of entries, each of which names
 * one cell. A thread brings a cell of its own. To enqueue, it puts the element into its cell, and
 * by one compare-and-swap exchanges that cell for the free one that the entry at the tail names. To
 * dequeue, it exchanges its (free) cell for the full one at the head. No thread ever owns an entry,
 * so there is nothing that a thread which stops could keep from the others, but the one cell that
 * it holds.
 *
 *     entries   | turn | closed | cell |     one word each, capacity + 1 of them
 *     turn      2r      free:  the place of round r is to be filled
 *               2r + 1  full:  the place of round r is filled, and to be taken
 *               2r + 2  taken, and free for round r + 1
 *     cells     0 … capacity            named by the entries at first
 *               capacity + 1 …          the threads' own, to begin with
 *
 * The tail is the first place in order that is free, the head the first that is full. `tail` and
 * `head` only say where to begin to look: the entries' turns decide. The queue is full when the
 * place after the tail, a round ago, is still full: so there is one entry more than the capacity,
 * and the place at the tail is always free. A close marks that place as closed for good; no place
 * after it can ever be filled, since places are filled in order.
 *
 * Source. Array queues whose entries carry versions and whose ends are found by help: Shann, Huang
 * and Chen, "A practical nonblocking queue algorithm using compare-and-swap" (2000); ends that lag
 * behind: Tsigas and Zhang (2001); indices in the ring in place of elements: Nikolaev, "A scalable,
 * portable, and memory-efficient lock-free FIFO queue" (SCQ, 2019). Different here: cells are
 * exchanged, so that no second ring for free cells is needed, an operation is one read-modify-write
 * operation, and the capacity is exact, from 1 up, however many threads are inside.
 *
 * Progress. try_enqueue, try_dequeue, close: lock-free; a failed compare-and-swap, after which a thread
 * pauses (sl_backoff.h), means that another thread's succeeded, and a step forward that another thread
 * has enqueued or dequeued. The sole forms of either end and capacity: wait-free. is_closed, has_room
 * and count: wait-free, in at most two rounds over the entries, count in twice that. A thread that
 * stops keeps its own cell, and blocks nothing.
 *
 * Orderings.
 *   [SW1] enqueue or close, compare-and-swap or store release entry -> dequeue (for a close enqueue
 *         too), load acquire entry: the element, or what was done before the close, is visible.
 *   [SW2] dequeue, compare-and-swap or store release entry -> enqueue, load acquire entry: what came
 *         before the take that made the room is visible; so the cell that it gets has been emptied.
 *   [SW3] store release tail -> load acquire tail: all places before it have been filled, for this
 *         thread too, so that an older state of an entry is not taken for the tail, nor "empty"
 *         answered for an element that came before.
 *   [SW4] store release head -> load acquire head: all places before it have been taken, likewise.
 * For a caller that sleeps: after an enqueue (dequeue, close) by A and then sl_fence_seq_cst, a
 * try_dequeue (try_enqueue) by B after its own sl_fence_seq_cst finds the element (room, closed), or
 * another thread has taken it.
 *
 * What excludes what ("x": never at the same time, the caller sees to it):
 *                init  enqueue  sole enqueue  dequeue  sole dequeue  close  others
 *   init          x       x          x           x          x          x      x
 *   enqueue       x       -          x           -          -          -      -
 *   sole enqueue  x       x          x           -          -          x      -
 *   dequeue       x       -          -           -          x          -      -
 *   sole dequeue  x       -          -           x          x          -      -
 * Who gets a thread's cell passes it on with synchronisation.
 *
 * Invariants. Each cell is named by one entry or owned by one thread. Filled and not taken: never
 * more than capacity. Entries' turns only grow. Turns have as many bits as the cells leave (43 or
 * more for 2^19 cells) and are compared with a sign: no thread may sleep inside one operation
 * through half of a wrap-around, which is 2^42 rounds.
 *
 * A dead thread. Its cell is lost, whatever it was doing; all others go on.
 */
#ifndef SL_SWAP_RING_H
#define SL_SWAP_RING_H

#include "sl_backoff.h"
#include "sl_result.h"
#include "sl_swap_ring_places.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Names the cells 0 … capacity; the caller gives each thread one of `spare_cells` more, from
 * capacity + 1 on. Returns 0, ENOMEM, or EINVAL for a capacity or a number of spare cells that is
 * 0, or 2^31 and more. `first_round` is 0 but in tests, which start just below the wrap-around.
 */
int sl_swap_ring_init(sl_swap_ring *ring, size_t capacity, size_t spare_cells, uint64_t first_round);

/* Frees the entries. Elements that are still in cells are the caller's. */
void sl_swap_ring_destroy(sl_swap_ring *ring);

static inline size_t sl_swap_ring_capacity(const sl_swap_ring *ring) {
  return (size_t)ring->shape_.last_index;
}

/* ---- One try, and as many as it takes ------------------------------------------------------- */

/* Whether all places up to the one before `tail` are filled and `capacity` of them not taken. */
static inline bool sl_swap_ring_is_full_(const sl_swap_ring_shape_ *shape, uint64_t tail) {
  uint64_t next = sl_swap_ring_next_(shape, tail);
  uint64_t entry = sl_load_acquire_u64(sl_swap_ring_entry_(shape, next)); /* [SW2] the take is visible */
  return sl_swap_ring_ahead_(shape, entry, sl_swap_ring_word_(shape, next, 0)) < 0;
}

/* Where a try has led to, and its result. */
typedef struct {
  uint64_t place;
  sl_result result;
} sl_swap_ring_step_;

enum { SL_SWAP_RING_AGAIN_ = 100 }; /* no result of the library's */

/* Kept out of line: the first try, which most often is the last, then needs few registers. */
#define SL_SWAP_RING_SELDOM_ __attribute__((noinline, cold, unused)) static

/* ---- Producers ----------------------------------------------------------------------------- */

/* One try to enqueue at the place `tail`: the place after it, and SL_OK; or where to try again, and
 * SL_SWAP_RING_AGAIN_. */
static inline sl_swap_ring_step_ sl_swap_ring_enqueue_at_(sl_swap_ring *ring, uint64_t tail,
                                                          uint32_t *cell) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  sl_swap_ring_step_ step = {tail, SL_SWAP_RING_AGAIN_};
  sl_atomic_u64 *at = sl_swap_ring_entry_(&shape, tail);
  uint64_t free_word = sl_swap_ring_word_(&shape, tail, 0);
  uint64_t entry = sl_load_acquire_u64(at); /* [SW1] the close, [SW2] the cell is empty */
  int64_t ahead = sl_swap_ring_ahead_(&shape, entry, free_word);
  if (__builtin_expect(ahead > 0, 0)) { /* somebody else has filled this place */
    step.place = sl_swap_ring_skip_(&shape, tail, ahead);
  } else if (__builtin_expect((entry & sl_swap_ring_closed_bit_(&shape)) != 0, 0)) {
    step.result = SL_CLOSED;
  } else if (__builtin_expect(sl_swap_ring_is_full_(&shape, tail), 0)) {
    step.result = SL_FULL;
  } else {
    uint64_t full = sl_swap_ring_word_(&shape, tail, 1) | *cell;
    if (sl_cas_release_u64(at, &entry, full)) { /* [SW1] publishes the element */
      *cell = sl_swap_ring_cell_(&shape, entry);
      step.place = sl_swap_ring_next_(&shape, tail);
      step.result = SL_OK;
    }
  }
  return step;
}

SL_SWAP_RING_SELDOM_ sl_swap_ring_step_ sl_swap_ring_enqueue_again_(
    sl_swap_ring *ring, uint64_t tried, uint64_t tail, uint32_t *cell) {
  sl_swap_ring_step_ step = {tail, SL_SWAP_RING_AGAIN_};
  uint32_t pauses = SL_BACKOFF_FIRST;
  while (step.result == SL_SWAP_RING_AGAIN_) {
    if (step.place == tried) sl_backoff(&pauses); /* somebody else was quicker */
    tried = step.place;
    step = sl_swap_ring_enqueue_at_(ring, tried, cell);
  }
  return step;
}

/*
 * As try_enqueue, looking from the place *tail on, which then is the one after the element. Elements
 * in a row cost one access to the tail: *tail comes from begin_enqueues and goes to end_enqueues, once
 * one of them was enqueued. Others find each element at once; until the end they look for the tail a
 * little longer.
 */
static inline sl_result sl_swap_ring_enqueue_next(sl_swap_ring *ring, uint64_t *tail,
                                                  uint32_t *cell) {
  sl_swap_ring_step_ step = sl_swap_ring_enqueue_at_(ring, *tail, cell);
  if (__builtin_expect(step.result == SL_SWAP_RING_AGAIN_, 0))
    step = sl_swap_ring_enqueue_again_(ring, *tail, step.place, cell);
  *tail = step.place;
  return step.result;
}

static inline uint64_t sl_swap_ring_begin_enqueues(const sl_swap_ring *ring) {
  return sl_load_acquire_u64(&ring->tail_); /* [SW3] */
}

static inline void sl_swap_ring_end_enqueues(sl_swap_ring *ring, uint64_t tail) {
  sl_store_release_u64(&ring->tail_, tail); /* [SW3] */
}

/*
 * Enqueues the element in the cell *cell, and puts another, free cell in *cell. SL_FULL or
 * SL_CLOSED: nothing has changed.
 */
static inline sl_result sl_swap_ring_try_enqueue(sl_swap_ring *ring, uint32_t *cell) {
  uint64_t tail = sl_swap_ring_begin_enqueues(ring);
  sl_result result = sl_swap_ring_enqueue_next(ring, &tail, cell);
  if (result == SL_OK) sl_swap_ring_end_enqueues(ring, tail);
  return result;
}

/*
 * The sole producer: the cell to put the next element into. SL_FULL, SL_CLOSED. Nothing is
 * published; a second call gives the same cell.
 */
static inline sl_result sl_swap_ring_sole_claim(sl_swap_ring *ring, uint32_t *cell) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: only this thread writes it */
  uint64_t entry = sl_load_acquire_u64(sl_swap_ring_entry_(&shape, tail)); /* [SW1] the close */
  if ((entry & sl_swap_ring_closed_bit_(&shape)) != 0) return SL_CLOSED;
  if (sl_swap_ring_is_full_(&shape, tail)) return SL_FULL;
  *cell = sl_swap_ring_cell_(&shape, entry);
  return SL_OK;
}

/* The sole producer: publishes the claimed cell. */
static inline void sl_swap_ring_sole_commit(sl_swap_ring *ring, uint32_t cell) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_);
  sl_store_release_u64(sl_swap_ring_entry_(&shape, tail),
                       sl_swap_ring_word_(&shape, tail, 1) | cell); /* [SW1] publishes the element */
  sl_store_release_u64(&ring->tail_, sl_swap_ring_next_(&shape, tail)); /* [SW3] */
}

/* ---- Consumers ----------------------------------------------------------------------------- */

/* One try to dequeue at the place `head`, as enqueue_at_. */
static inline sl_swap_ring_step_ sl_swap_ring_dequeue_at_(sl_swap_ring *ring, uint64_t head,
                                                          uint32_t *cell) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  sl_swap_ring_step_ step = {head, SL_SWAP_RING_AGAIN_};
  sl_atomic_u64 *at = sl_swap_ring_entry_(&shape, head);
  uint64_t full_word = sl_swap_ring_word_(&shape, head, 1);
  uint64_t entry = sl_load_acquire_u64(at); /* [SW1] the element is visible */
  int64_t ahead = sl_swap_ring_ahead_(&shape, entry, full_word);
  if (__builtin_expect(ahead > 0, 0)) { /* somebody else has taken this place */
    step.place = sl_swap_ring_skip_(&shape, head, ahead);
  } else if (__builtin_expect(ahead < 0, 0)) {
    step.result = (entry & sl_swap_ring_closed_bit_(&shape)) != 0 ? SL_CLOSED : SL_EMPTY;
  } else {
    uint64_t taken = (full_word + shape.turn_unit) | *cell;
    if (sl_cas_release_u64(at, &entry, taken)) { /* [SW2] the cell given back is empty */
      *cell = sl_swap_ring_cell_(&shape, entry);
      step.place = sl_swap_ring_next_(&shape, head);
      step.result = SL_OK;
    }
  }
  return step;
}

SL_SWAP_RING_SELDOM_ sl_swap_ring_step_ sl_swap_ring_dequeue_again_(
    sl_swap_ring *ring, uint64_t tried, uint64_t head, uint32_t *cell) {
  sl_swap_ring_step_ step = {head, SL_SWAP_RING_AGAIN_};
  uint32_t pauses = SL_BACKOFF_FIRST;
  while (step.result == SL_SWAP_RING_AGAIN_) {
    if (step.place == tried) sl_backoff(&pauses); /* somebody else was quicker */
    tried = step.place;
    step = sl_swap_ring_dequeue_at_(ring, tried, cell);
  }
  return step;
}

/* As try_dequeue, looking from the place *head on, as enqueue_next does: between begin_dequeues and
 * end_dequeues. */
static inline sl_result sl_swap_ring_dequeue_next(sl_swap_ring *ring, uint64_t *head,
                                                  uint32_t *cell) {
  sl_swap_ring_step_ step = sl_swap_ring_dequeue_at_(ring, *head, cell);
  if (__builtin_expect(step.result == SL_SWAP_RING_AGAIN_, 0))
    step = sl_swap_ring_dequeue_again_(ring, *head, step.place, cell);
  *head = step.place;
  return step.result;
}

static inline uint64_t sl_swap_ring_begin_dequeues(const sl_swap_ring *ring) {
  return sl_load_acquire_u64(&ring->head_); /* [SW4] */
}

static inline void sl_swap_ring_end_dequeues(sl_swap_ring *ring, uint64_t head) {
  sl_store_release_u64(&ring->head_, head); /* [SW4] */
}

/*
 * Exchanges the free cell *cell for the one with the oldest element. SL_EMPTY, or SL_CLOSED if none
 * can come any more: nothing has changed.
 */
static inline sl_result sl_swap_ring_try_dequeue(sl_swap_ring *ring, uint32_t *cell) {
  uint64_t head = sl_swap_ring_begin_dequeues(ring);
  sl_result result = sl_swap_ring_dequeue_next(ring, &head, cell);
  if (result == SL_OK) sl_swap_ring_end_dequeues(ring, head);
  return result;
}

/* The sole consumer: the cell with the oldest element. SL_EMPTY, SL_CLOSED. Nothing is given back;
 * a second call gives the same cell. */
static inline sl_result sl_swap_ring_sole_take(sl_swap_ring *ring, uint32_t *cell) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t head = sl_load_relaxed_u64(&ring->head_); /* relaxed: only this thread writes it */
  uint64_t entry = sl_load_acquire_u64(sl_swap_ring_entry_(&shape, head)); /* [SW1] the element */
  if (sl_swap_ring_ahead_(&shape, entry, sl_swap_ring_word_(&shape, head, 1)) < 0) {
    return (entry & sl_swap_ring_closed_bit_(&shape)) != 0 ? SL_CLOSED : SL_EMPTY;
  }
  *cell = sl_swap_ring_cell_(&shape, entry);
  return SL_OK;
}

/* The sole consumer: gives the taken cell back, whose element it has moved out. */
static inline void sl_swap_ring_sole_release(sl_swap_ring *ring, uint32_t cell) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t head = sl_load_relaxed_u64(&ring->head_);
  uint64_t full_word = sl_swap_ring_word_(&shape, head, 1);
  sl_store_release_u64(sl_swap_ring_entry_(&shape, head),
                       (full_word + shape.turn_unit) | cell); /* [SW2] */
  sl_store_release_u64(&ring->head_, sl_swap_ring_next_(&shape, head)); /* [SW4] */
}

/* ---- Both ends ----------------------------------------------------------------------------- */

/* The first place that was not filled (full = 0) or not taken (full = 1) at some moment of this
 * call; its entry in *entry. In at most two rounds: others may move on for ever. */
static inline uint64_t sl_swap_ring_find_(const sl_swap_ring *ring, uint64_t place, uint64_t full,
                                          uint64_t *entry) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  for (uint64_t steps = 0;; steps++) {
    *entry = sl_load_acquire_u64(sl_swap_ring_entry_(&shape, place)); /* [SW1] [SW2] */
    int64_t ahead = sl_swap_ring_ahead_(&shape, *entry, sl_swap_ring_word_(&shape, place, full));
    if (ahead <= 0 || steps > 2 * shape.last_index) return place;
    place = sl_swap_ring_skip_(&shape, place, ahead);
  }
}

/*
 * Closes the queue: every enqueue that begins after this fails, and dequeues get what is in it and
 * then SL_CLOSED. True for the call that closed it, false if it was closed before.
 */
static inline bool sl_swap_ring_close(sl_swap_ring *ring) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: the compare-and-swap decides */
  for (;;) {
    uint64_t entry;
    tail = sl_swap_ring_find_(ring, tail, 0, &entry);
    if (sl_swap_ring_ahead_(&shape, entry, sl_swap_ring_word_(&shape, tail, 0)) > 0) continue;
    if ((entry & sl_swap_ring_closed_bit_(&shape)) != 0) return false;
    uint64_t closed = entry | sl_swap_ring_closed_bit_(&shape);
    if (sl_cas_release_u64(sl_swap_ring_entry_(&shape, tail), &entry, closed)) return true; /* [SW1] */
  }
}

static inline bool sl_swap_ring_is_closed(const sl_swap_ring *ring) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t entry;
  /* Relaxed: no place after the closed one is ever filled, so the search gets to it. */
  sl_swap_ring_find_(ring, sl_load_relaxed_u64(&ring->tail_), 0, &entry);
  return (entry & sl_swap_ring_closed_bit_(&shape)) != 0;
}

/* Elements in the queue: a snapshot, exact when nobody is inside, at most capacity. */
static inline size_t sl_swap_ring_count(const sl_swap_ring *ring) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t entry;
  uint64_t head = sl_swap_ring_find_(ring, sl_load_acquire_u64(&ring->head_), 1, &entry); /* [SW4] */
  /* Relaxed: the places before head are known to be filled, so the tail is never before it. */
  uint64_t tail = sl_swap_ring_find_(ring, sl_load_relaxed_u64(&ring->tail_), 0, &entry);
  uint64_t turns = (sl_swap_ring_word_(&shape, tail, 0) - sl_swap_ring_word_(&shape, head, 0)) >>
                   shape.turn_shift;
  uint64_t count = turns / 2 * (shape.last_index + 1) + sl_swap_ring_index_(&shape, tail) -
                   sl_swap_ring_index_(&shape, head);
  return (size_t)(count <= shape.last_index ? count : shape.last_index);
}

/* Whether an enqueue would now find room: saves making an element that would have to be unmade. */
static inline bool sl_swap_ring_has_room(const sl_swap_ring *ring) {
  const sl_swap_ring_shape_ shape = ring->shape_;
  uint64_t entry;
  uint64_t tail = sl_swap_ring_find_(ring, sl_load_acquire_u64(&ring->tail_), 0, &entry); /* [SW3] */
  return (entry & sl_swap_ring_closed_bit_(&shape)) == 0 && !sl_swap_ring_is_full_(&shape, tail);
}

#ifdef __cplusplus
}
#endif

#endif /* SL_SWAP_RING_H */
