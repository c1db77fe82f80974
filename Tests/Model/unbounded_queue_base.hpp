/*
 * unbounded_queue_base.hpp: sl_unbounded_queue.c over the model's RCU and with segments of two cells, and what
 * all tests of it have. A file that includes this one has the queue's code for itself.
 */
#ifndef SL_MODEL_UNBOUNDED_QUEUE_BASE_HPP
#define SL_MODEL_UNBOUNDED_QUEUE_BASE_HPP

#include "objects.hpp"
#include "rcu.hpp"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sl_unbounded_queue.h"

#define SL_UNBOUNDED_SIZES_
enum {
  SEGMENT_BYTES = 1 << 12,
  MIN_CELLS = 2,
  MAX_CELLS = 2,
  MAX_SPARE = 2,
  NEARLY_EMPTY = 1,
  SPINS_BEFORE_POISON = 1,
};

static sl_unbounded_queue *made_queue();
static void *made_segment();
static void unmade(void *segment);
#undef errno /* relacy's cannot be set */
#define errno (*__errno_location())
#undef calloc
#undef free
#undef new
#define calloc(count, bytes) made_queue()
#define free(object) model::unmake(object)
#define mmap(address, bytes, ...) made_segment()
#define munmap(segment, bytes) unmade(segment)
#include "../../CSupport/sl_unbounded_queue.c"
#undef calloc
#undef free
#undef mmap
#undef munmap

typedef rl::var<int> model_element;

/* Of a queue of model_element, as create has it; checked by the tests. */
enum {
  ELEMENT_ALIGNMENT = 16,
  ELEMENT_OFFSET = (sizeof(sl_atomic_u32) + 15) / 16 * 16,
  CELL_BYTES = (ELEMENT_OFFSET + sizeof(model_element) + 15) / 16 * 16,
};

/* calloc and mmap give zeroes, but words and fields are to be made one by one. */
static sl_unbounded_queue *made_queue() {
  sl_unbounded_queue *queue = model::make<sl_unbounded_queue>();
  for (sl_atomic_u64 *word : {&queue->tail, &queue->head, &queue->references, &queue->retired, &queue->retired_count})
    sl_store_relaxed_u64(word, 0);
  for (auto &word : queue->spare) sl_store_relaxed_u64(&word, 0);
  return queue;
}

static char *first_cell(void *segment_memory) {
  return (char *)round_up((size_t)segment_memory + sizeof(segment), ELEMENT_ALIGNMENT);
}

static void *made_segment() {
  void *memory = rl::rl_malloc(sizeof(segment) + ELEMENT_ALIGNMENT + MAX_CELLS * CELL_BYTES, $);
  segment *s = ::new (memory) segment();
  for (sl_atomic_u64 *word : {&s->claimed, &s->taken, &s->next}) sl_store_relaxed_u64(word, 0);
  s->number = 0;
  for (int i = 0; i < MAX_CELLS; i++) {
    char *cell = first_cell(memory) + i * CELL_BYTES;
    sl_store_relaxed_u32(::new (cell) sl_atomic_u32(), EMPTY);
    ::new (cell + ELEMENT_OFFSET) model_element();
  }
  return memory;
}

static void unmade(void *memory) {
  for (int i = 0; i < MAX_CELLS; i++) {
    char *cell = first_cell(memory) + i * CELL_BYTES;
    ((sl_atomic_u32 *)cell)->~atomic_word();
    ((model_element *)(cell + ELEMENT_OFFSET))->~model_element();
  }
  ((segment *)memory)->~segment();
  rl::rl_free(memory, $);
}

/* WORKERS threads use the queue, a further one runs RCU's callbacks. BATCH segments are retired together. */
template <typename Suite, unsigned WORKERS, size_t BATCH = 1>
struct unbounded_base : rl::test_suite<Suite, WORKERS + 1> {
  enum { ELEMENTS = 32 };
  sl_unbounded_queue *queue;
  int taken[ELEMENTS]; /* how often each element came out */
  int accepted;

  void before() {
    model::rcu_begin(WORKERS);
    queue = sl_unbounded_queue_create(sizeof(model_element), ELEMENT_ALIGNMENT);
    RL_ASSERT(queue->cell_bytes == CELL_BYTES && queue->element_offset == ELEMENT_OFFSET);
    RL_ASSERT(queue->cell_count == MAX_CELLS && queue->batch == MAX_SPARE);
    queue->batch = BATCH;
    memset(taken, 0, sizeof taken);
    accepted = 0;
  }

  void thread(unsigned index) {
    if (index == WORKERS) return model::rcu_reclaim();
    static_cast<Suite *>(this)->work(index);
    model::rcu_worker_ends();
  }

  /* Tries as often as a consumer gives up on its cell. */
  sl_result enqueue(int element) {
    for (;;) {
      sl_unbounded_ticket ticket;
      sl_result result = sl_unbounded_queue_claim(queue, &ticket);
      if (result != SL_OK) return result;
      VAR((*(model_element *)ticket.element)) = element;
      if (sl_unbounded_queue_commit(queue, &ticket)) break;
      int mine = VAR((*(model_element *)ticket.element));
      RL_ASSERT(mine == element);
      sl_unbounded_queue_abandon(queue, &ticket);
    }
    accepted++;
    return SL_OK;
  }

  /* The element; -1: empty; -2: closed and drained. */
  int dequeue() {
    sl_unbounded_ticket ticket;
    sl_result result = sl_unbounded_queue_try_take(queue, &ticket);
    if (result != SL_OK) return result == SL_EMPTY ? -1 : -2;
    int element = VAR((*(model_element *)ticket.element));
    VAR((*(model_element *)ticket.element)) = -1; /* moved out */
    sl_unbounded_queue_release(queue, &ticket);
    RL_ASSERT(element >= 0 && element < ELEMENTS && ++taken[element] == 1);
    return element;
  }

  void after() {
    model::rcu_end();
    if (queue == nullptr) return;
    int before = 0, more = 0;
    for (int n : taken) before += n;
    RL_ASSERT(sl_unbounded_queue_count(queue) >= (size_t)(accepted - before)); /* and poisoned cells */
    while (dequeue() >= 0) more++;
    RL_ASSERT(before + more == accepted);
    RL_ASSERT(sl_unbounded_queue_count(queue) == 0);
    sl_unbounded_queue_destroy(queue);
  }
};

#endif
