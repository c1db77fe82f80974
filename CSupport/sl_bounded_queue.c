/* sl_bounded_queue.c: cells, further seats, and the operations of sl_bounded_queue.h on bytes. */
#include "sl_bounded_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t n, size_t power_of_two) {
  return (n + power_of_two - 1) & ~(power_of_two - 1);
}

/* ---- Create and destroy -------------------------------------------------------------------- */

static void destroy_parts(sl_bounded_queue *queue) {
  free(queue->cells_);
  free(queue->seats_);
  sl_swap_ring_destroy(&queue->ring_);
  free(queue);
}

/* Seats first, then the cells, whose numbers begin at `first_cell`. */
static bool make_first_cells(sl_bounded_queue *queue, size_t capacity) {
  size_t cells = capacity + 1 + SL_BOUNDED_FIRST_SEATS_;
  if (queue->cell_bytes_ > (SIZE_MAX >> 1) / cells) return false;
  size_t seat_bytes = SL_BOUNDED_FIRST_SEATS_ * sizeof(sl_bounded_seat);
  size_t align = queue->cell_alignment_ > SL_NO_SHARE ? queue->cell_alignment_ : SL_NO_SHARE;
  queue->seats_ = (sl_bounded_seat *)aligned_alloc(SL_NO_SHARE, seat_bytes);
  queue->cells_ = (char *)aligned_alloc(align, round_up(cells * queue->cell_bytes_, align));
  if (queue->seats_ == NULL || queue->cells_ == NULL) return false;
  for (uint32_t i = 0; i < SL_BOUNDED_FIRST_SEATS_; i++)
    queue->seats_[i].cell_ = (uint32_t)capacity + 1 + i;
  queue->first_cell_beyond_ = (uint32_t)cells;
  return true;
}

sl_bounded_queue *sl_bounded_queue_create(size_t capacity, size_t element_size,
                                          size_t element_alignment) {
  size_t align = element_alignment;
  if (align == 0 || (align & (align - 1)) != 0 || align > SIZE_MAX / 64 ||
      element_size > SIZE_MAX / 64) {
    errno = EINVAL;
    return NULL;
  }
  sl_bounded_queue *queue = (sl_bounded_queue *)calloc(1, sizeof *queue);
  if (queue == NULL) return NULL;
  int error = sl_swap_ring_init(&queue->ring_, capacity, SL_THREAD_NUMBERS, 0);
  if (error != 0) {
    free(queue);
    errno = error;
    return NULL;
  }
  queue->element_bytes_ = element_size;
  queue->cell_alignment_ = align;
  queue->cell_bytes_ = round_up(element_size > 0 ? element_size : 1, align);
  if (!make_first_cells(queue, capacity)) {
    destroy_parts(queue);
    errno = ENOMEM;
    return NULL;
  }
  sl_waiters_init(&queue->not_full_);
  sl_waiters_init(&queue->not_empty_);
  return queue;
}

void sl_bounded_queue_destroy(sl_bounded_queue *queue) {
  if (queue == NULL) return;
  for (int b = 0; b < SL_BOUNDED_BLOCKS_; b++)
    free((void *)(uintptr_t)sl_load_relaxed_u64(&queue->blocks_[b])); /* nobody else is inside */
  sl_waiters_destroy(&queue->not_full_);
  sl_waiters_destroy(&queue->not_empty_);
  destroy_parts(queue);
}

bool sl_bounded_queue_close(sl_bounded_queue *queue) {
  bool first = sl_swap_ring_close(&queue->ring_);
  sl_waiters_notify_all(&queue->not_full_);
  sl_waiters_notify_all(&queue->not_empty_);
  return first;
}

/* ---- Seats and cells of threads with numbers from 16 on ------------------------------------- */

/* Block b is for the threads 16 << b … (32 << b) - 1. */
static uint32_t block_of(uint32_t thread) {
  return 31 - (uint32_t)__builtin_clz(thread / SL_BOUNDED_FIRST_SEATS_);
}

static uint32_t first_thread_of(uint32_t block) {
  return (uint32_t)SL_BOUNDED_FIRST_SEATS_ << block; /* as many seats are in it */
}

/* Where the cells of a block begin, behind its seats. */
static size_t cells_offset(const sl_bounded_queue *queue, uint32_t block) {
  return round_up(first_thread_of(block) * sizeof(sl_bounded_seat), queue->cell_alignment_);
}

static sl_bounded_seat *make_block(const sl_bounded_queue *queue, uint32_t block) {
  uint32_t seats = first_thread_of(block);
  size_t align = queue->cell_alignment_ > SL_NO_SHARE ? queue->cell_alignment_ : SL_NO_SHARE;
  size_t bytes = cells_offset(queue, block) + seats * queue->cell_bytes_;
  sl_bounded_seat *fresh = (sl_bounded_seat *)aligned_alloc(align, round_up(bytes, align));
  if (fresh == NULL) return NULL;
  uint32_t first_cell = (uint32_t)sl_bounded_queue_capacity(queue) + 1 + first_thread_of(block);
  for (uint32_t i = 0; i < seats; i++) fresh[i].cell_ = first_cell + i;
  return fresh;
}

sl_bounded_seat *sl_bounded_queue_far_seat_(sl_bounded_queue *queue, uint32_t thread) {
  uint32_t block = block_of(thread);
  uint64_t word = sl_load_acquire_u64(&queue->blocks_[block]); /* [BQ1] */
  if (word == 0) {
    sl_bounded_seat *fresh = make_block(queue, block);
    if (fresh == NULL) return NULL;
    if (sl_cas_acq_rel_u64(&queue->blocks_[block], &word, (uint64_t)(uintptr_t)fresh)) /* [BQ1] */
      word = (uint64_t)(uintptr_t)fresh;
    else
      free(fresh);
  }
  return (sl_bounded_seat *)(uintptr_t)word + (thread - first_thread_of(block));
}

void *sl_bounded_queue_far_cell_(const sl_bounded_queue *queue, uint32_t cell) {
  uint32_t thread = cell - ((uint32_t)sl_bounded_queue_capacity(queue) + 1); /* whose it was first */
  uint32_t block = block_of(thread);
  /* Relaxed: the cell's number came through the ring, from a thread that had found the block. */
  char *base = (char *)(uintptr_t)sl_load_relaxed_u64(&queue->blocks_[block]);
  return base + cells_offset(queue, block) + (thread - first_thread_of(block)) * queue->cell_bytes_;
}

/* ---- As bytes ------------------------------------------------------------------------------ */

/* Words of 8 bytes are common, and a copy of known length is one instruction. */
static inline void put_element(const sl_bounded_queue *queue, void *cell, const char *from) {
  if (queue->element_bytes_ == 8)
    memcpy(cell, from, 8);
  else
    memcpy(cell, from, queue->element_bytes_);
}

static inline void get_element(const sl_bounded_queue *queue, char *to, void *cell) {
  if (queue->element_bytes_ == 8)
    memcpy(to, cell, 8);
  else
    memcpy(to, cell, queue->element_bytes_);
}

sl_result sl_bounded_queue_try_enqueue_many(sl_bounded_queue *queue, const void *elements,
                                            size_t count, size_t *done) {
  *done = 0;
  sl_bounded_seat *seat = sl_bounded_queue_seat(queue);
  if (seat == NULL) return SL_NO_MEMORY;
  sl_result result = SL_OK;
  const char *next = (const char *)elements;
  uint64_t place = sl_bounded_queue_begin_publishing(queue);
  for (; *done < count; (*done)++, next += queue->element_bytes_) {
    put_element(queue, sl_bounded_queue_element(queue, seat), next);
    result = sl_bounded_queue_publish_next(queue, seat, &place);
    if (result != SL_OK) break;
  }
  if (*done > 0) {
    sl_bounded_queue_end_publishing(queue, place);
    sl_bounded_queue_published(queue, *done);
  }
  return result;
}

sl_result sl_bounded_queue_try_dequeue_many(sl_bounded_queue *queue, void *elements, size_t count,
                                            size_t *done) {
  *done = 0;
  sl_bounded_seat *seat = sl_bounded_queue_seat(queue);
  if (seat == NULL) return SL_NO_MEMORY;
  sl_result result = SL_OK;
  char *next = (char *)elements;
  uint64_t place = sl_bounded_queue_begin_taking(queue);
  for (; *done < count; (*done)++, next += queue->element_bytes_) {
    result = sl_bounded_queue_take_next(queue, seat, &place);
    if (result != SL_OK) break;
    get_element(queue, next, sl_bounded_queue_element(queue, seat));
  }
  if (*done > 0) {
    sl_bounded_queue_end_taking(queue, place);
    sl_bounded_queue_taken(queue, *done);
  }
  return result;
}

sl_result sl_bounded_queue_try_enqueue(sl_bounded_queue *queue, const void *element) {
  sl_bounded_seat *seat = sl_bounded_queue_seat(queue);
  if (seat == NULL) return SL_NO_MEMORY;
  put_element(queue, sl_bounded_queue_element(queue, seat), (const char *)element);
  sl_result result = sl_bounded_queue_publish(queue, seat);
  if (result == SL_OK) sl_bounded_queue_published(queue, 1);
  return result;
}

sl_result sl_bounded_queue_try_dequeue(sl_bounded_queue *queue, void *element) {
  sl_bounded_seat *seat = sl_bounded_queue_seat(queue);
  if (seat == NULL) return SL_NO_MEMORY;
  sl_result result = sl_bounded_queue_take(queue, seat);
  if (result != SL_OK) return result;
  get_element(queue, (char *)element, sl_bounded_queue_element(queue, seat));
  sl_bounded_queue_taken(queue, 1);
  return SL_OK;
}

sl_result sl_bounded_queue_enqueue(sl_bounded_queue *queue, const void *element,
                                   uint64_t timeout_nanoseconds) {
  sl_result result = sl_bounded_queue_try_enqueue(queue, element);
  if (result != SL_FULL) return result;
  sl_wait wait;
  sl_wait_begin(&wait, &queue->not_full_, timeout_nanoseconds);
  while ((result = sl_bounded_queue_try_enqueue(queue, element)) == SL_FULL) {
    if (sl_wait_step(&wait)) continue;
    result = SL_TIMED_OUT;
    break;
  }
  sl_wait_end(&wait);
  return result;
}

sl_result sl_bounded_queue_dequeue(sl_bounded_queue *queue, void *element,
                                   uint64_t timeout_nanoseconds) {
  sl_result result = sl_bounded_queue_try_dequeue(queue, element);
  if (result != SL_EMPTY) return result;
  sl_wait wait;
  sl_wait_begin(&wait, &queue->not_empty_, timeout_nanoseconds);
  while ((result = sl_bounded_queue_try_dequeue(queue, element)) == SL_EMPTY) {
    if (sl_wait_step(&wait)) continue;
    result = SL_TIMED_OUT;
    break;
  }
  sl_wait_end(&wait);
  return result;
}
