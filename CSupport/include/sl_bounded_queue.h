/*
 * sl_bounded_queue.h: a bounded queue of elements of any size, strictly lock-free, between any
 * number of producers and consumers, that can be closed and waited for.
 *
 * Design. A swap ring (sl_swap_ring.h) over cells that hold the elements; a cell for each thread
 * that uses the queue, found by its number (sl_thread_number.h), its *seat*; and two conditions to
 * wait for (sl_waiters.h). Seats and cells for the first 16 threads come with the queue, blocks of
 * 16, 32, 64, … more are allocated when threads with higher numbers come, and kept.
 *
 * Two ways to use it. Elements that may be copied as bytes:
 *
 *     sl_bounded_queue *queue = sl_bounded_queue_create(1024, sizeof(job), _Alignof(job));
 *     if (sl_bounded_queue_enqueue(queue, &job, UINT64_MAX) == SL_CLOSED) …
 *     while (sl_bounded_queue_dequeue(queue, &job, UINT64_MAX) == SL_OK) …
 *
 * or elements that are made and moved in place, by the calling thread's cell:
 *
 *     sl_bounded_seat *seat = sl_bounded_queue_seat(queue);
 *     make(sl_bounded_queue_element(queue, seat));
 *     if (sl_bounded_queue_publish(queue, seat) != SL_OK) … unmake …
 *     else sl_bounded_queue_published(queue, 1);       // once for many
 *
 * Guarantees. First in, first out, and linearizable. Never more than `capacity` elements. After
 * close, enqueues fail at once, and dequeues get what is there and then SL_CLOSED.
 *
 * Progress. publish, take, the try_ forms and close: lock-free in the strict sense, a thread that
 * stops for good at any instruction stops no other; but for the first operation on this queue by a
 * thread whose number is a new high, which calls malloc. published and taken: as sl_waiters_notify.
 * enqueue and dequeue wait.
 *
 * When to use another one. One producer and one consumer: sl_spsc_ring.h, which is wait-free and
 * quicker. No bound: sl_unbounded_queue.h. Threads that may hold each other up for the time of a
 * preemption: sl_mpmc_ring.h, at half the cost.
 *
 * Orderings.
 *   [BQ1] block of seats installed, compare-and-swap release -> found, load acquire: it is
 *         initialised.
 *
 * What excludes what. create and destroy exclude all others. A seat is the calling thread's until
 * its next operation on the queue: what a take has put into it is moved out before that. Not
 * async-signal-safe.
 *
 * A dead thread loses the element in its cell, if there is one, and nothing else.
 */
#ifndef SL_BOUNDED_QUEUE_H
#define SL_BOUNDED_QUEUE_H

#include "sl_result.h"
#include "sl_swap_ring.h"
#include "sl_thread_number.h"
#include "sl_waiters.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SL_BOUNDED_FIRST_SEATS_ = 16, SL_BOUNDED_BLOCKS_ = 15 };

typedef struct {
  SL_HANDED_ON(uint32_t) cell_;
  char pad_[SL_NO_SHARE - sizeof(uint32_t)];
} sl_bounded_seat;

typedef struct {
  sl_swap_ring ring_;
  char *cells_;            /* those of the ring, then those of the first seats */
  sl_bounded_seat *seats_; /* the first */
  size_t cell_bytes_;
  size_t element_bytes_;
  size_t cell_alignment_;
  uint32_t first_cell_beyond_;               /* the number of the first cell that is in a block */
  sl_atomic_u64 blocks_[SL_BOUNDED_BLOCKS_]; /* 16 << b seats each, then their cells */
  sl_waiters not_full_;
  sl_waiters not_empty_;
} sl_bounded_queue;

/*
 * A queue for `capacity` elements of `element_size` bytes at multiples of `element_alignment`, a
 * power of two. NULL with errno EINVAL (capacity 0, or 2^31 and more) or ENOMEM.
 */
sl_bounded_queue *sl_bounded_queue_create(size_t capacity, size_t element_size,
                                          size_t element_alignment);

/* Elements that are still in the queue are dropped as bytes. NULL is ignored. */
void sl_bounded_queue_destroy(sl_bounded_queue *queue);

static inline size_t sl_bounded_queue_capacity(const sl_bounded_queue *queue) {
  return sl_swap_ring_capacity(&queue->ring_);
}

/* A snapshot, exact when nobody is inside, at most the capacity. */
static inline size_t sl_bounded_queue_count(const sl_bounded_queue *queue) {
  return sl_swap_ring_count(&queue->ring_);
}

/* True for the call that closed the queue. Wakes everyone who waits. */
bool sl_bounded_queue_close(sl_bounded_queue *queue);

static inline bool sl_bounded_queue_is_closed(const sl_bounded_queue *queue) {
  return sl_swap_ring_is_closed(&queue->ring_);
}

static inline bool sl_bounded_queue_has_room(const sl_bounded_queue *queue) {
  return sl_swap_ring_has_room(&queue->ring_);
}

/* ---- In place ------------------------------------------------------------------------------ */

sl_bounded_seat *sl_bounded_queue_far_seat_(sl_bounded_queue *queue, uint32_t thread);
void *sl_bounded_queue_far_cell_(const sl_bounded_queue *queue, uint32_t cell);

/* The calling thread's seat; NULL: no memory for it. */
static inline sl_bounded_seat *sl_bounded_queue_seat(sl_bounded_queue *queue) {
  uint32_t thread = sl_thread_number();
  if (__builtin_expect(thread < SL_BOUNDED_FIRST_SEATS_, 1)) return &queue->seats_[thread];
  return sl_bounded_queue_far_seat_(queue, thread);
}

/* The element in the cell of the seat. */
static inline void *sl_bounded_queue_element(const sl_bounded_queue *queue,
                                             const sl_bounded_seat *seat) {
  if (__builtin_expect(seat->cell_ < queue->first_cell_beyond_, 1))
    return queue->cells_ + seat->cell_ * queue->cell_bytes_;
  return sl_bounded_queue_far_cell_(queue, seat->cell_);
}

/* Enqueues the element in the seat's cell. SL_FULL, SL_CLOSED: it is still there. */
static inline sl_result sl_bounded_queue_publish(sl_bounded_queue *queue, sl_bounded_seat *seat) {
  return sl_swap_ring_try_enqueue(&queue->ring_, &seat->cell_);
}

/* Dequeues the oldest element into the seat's cell. SL_EMPTY, or SL_CLOSED: and it stays so. */
static inline sl_result sl_bounded_queue_take(sl_bounded_queue *queue, sl_bounded_seat *seat) {
  return sl_swap_ring_try_dequeue(&queue->ring_, &seat->cell_);
}

/*
 * Several elements in a row: as publish and take, with one access to the queue's end for all. *place
 * comes from begin, is the same variable in each call, and goes to end when the call has succeeded at
 * least once; then published or taken. Others find each element and its room at once.
 */
static inline uint64_t sl_bounded_queue_begin_publishing(const sl_bounded_queue *queue) {
  return sl_swap_ring_begin_enqueues(&queue->ring_);
}
static inline sl_result sl_bounded_queue_publish_next(sl_bounded_queue *queue, sl_bounded_seat *seat,
                                                      uint64_t *place) {
  return sl_swap_ring_enqueue_next(&queue->ring_, place, &seat->cell_);
}
static inline void sl_bounded_queue_end_publishing(sl_bounded_queue *queue, uint64_t place) {
  sl_swap_ring_end_enqueues(&queue->ring_, place);
}

static inline uint64_t sl_bounded_queue_begin_taking(const sl_bounded_queue *queue) {
  return sl_swap_ring_begin_dequeues(&queue->ring_);
}
static inline sl_result sl_bounded_queue_take_next(sl_bounded_queue *queue, sl_bounded_seat *seat,
                                                   uint64_t *place) {
  return sl_swap_ring_dequeue_next(&queue->ring_, place, &seat->cell_);
}
static inline void sl_bounded_queue_end_taking(sl_bounded_queue *queue, uint64_t place) {
  sl_swap_ring_end_dequeues(&queue->ring_, place);
}

/* After `count` times publish: wakes as many consumers that wait. */
static inline void sl_bounded_queue_published(sl_bounded_queue *queue, size_t count) {
  sl_waiters_notify(&queue->not_empty_, count);
}

/* After `count` times take: wakes as many producers that wait. */
static inline void sl_bounded_queue_taken(sl_bounded_queue *queue, size_t count) {
  sl_waiters_notify(&queue->not_full_, count);
}

static inline sl_waiters *sl_bounded_queue_not_full(sl_bounded_queue *queue) {
  return &queue->not_full_;
}

static inline sl_waiters *sl_bounded_queue_not_empty(sl_bounded_queue *queue) {
  return &queue->not_empty_;
}

/* ---- As bytes ------------------------------------------------------------------------------ */

/* Never waits. SL_OK, SL_FULL, SL_CLOSED, SL_NO_MEMORY. */
sl_result sl_bounded_queue_try_enqueue(sl_bounded_queue *queue, const void *element);

/* Never waits. SL_OK, SL_EMPTY, SL_CLOSED, SL_NO_MEMORY. */
sl_result sl_bounded_queue_try_dequeue(sl_bounded_queue *queue, void *element);

/*
 * Enqueues up to `count` elements, one after the other, as long as there is room; how many in
 * *done. SL_OK if all were, else why the next was not.
 */
sl_result sl_bounded_queue_try_enqueue_many(sl_bounded_queue *queue, const void *elements,
                                            size_t count, size_t *done);

/* Dequeues up to `count` elements; SL_OK if as many were there, else why there was no more. */
sl_result sl_bounded_queue_try_dequeue_many(sl_bounded_queue *queue, void *elements, size_t count,
                                            size_t *done);

/* Waits for room. SL_OK, SL_CLOSED, SL_TIMED_OUT, SL_NO_MEMORY. UINT64_MAX: without end. */
sl_result sl_bounded_queue_enqueue(sl_bounded_queue *queue, const void *element,
                                   uint64_t timeout_nanoseconds);

/* Waits for an element. SL_OK, SL_CLOSED, SL_TIMED_OUT, SL_NO_MEMORY. */
sl_result sl_bounded_queue_dequeue(sl_bounded_queue *queue, void *element,
                                   uint64_t timeout_nanoseconds);

#ifdef __cplusplus
}
#endif

#endif /* SL_BOUNDED_QUEUE_H */
