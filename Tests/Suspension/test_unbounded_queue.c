/*
 * sl_unbounded_queue.h: lock-free. The elements are of 96 bytes, so that 10,000 operations go through many
 * segments. While the victim is stopped inside a section no segment is reused: memory grows, and is given back
 * afterwards.
 */
#include "queue_suspension.h"
#include "subjects.h"

#include "sl_unbounded_queue.h"

#include <stdlib.h>

enum { ELEMENT_BYTES = 96, MOST_STALLED = 20 };

typedef struct {
  sl_unbounded_queue *queue;
  unsigned stalled;
  sl_unbounded_ticket tickets[MOST_STALLED];
} queue;

static void *create(const queue_situation *s) {
  queue *q = (queue *)calloc(1, sizeof *q);
  (void)s;
  if (q == NULL) return NULL;
  q->queue = sl_unbounded_queue_create(ELEMENT_BYTES, sizeof(uint64_t));
  /* Not part of an operation: the header says that a stop in it is a stop of all. */
  sl_unbounded_queue_start_reclaimer();
  return q;
}

static void destroy(void *p) {
  sl_unbounded_queue_destroy(((queue *)p)->queue);
  free(p);
}

/* False: the queue is closed. */
static bool claim(queue *q, sl_unbounded_ticket *ticket) {
  sl_result result = sl_unbounded_queue_claim(q->queue, ticket);
  if (result == SL_NO_MEMORY) suspension_fail("out of memory");
  if (result != SL_OK && result != SL_CLOSED) suspension_fail("claim answers %u", result);
  return result == SL_OK;
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  sl_unbounded_ticket ticket;
  (void)amount;
  for (;;) {
    if (!claim(q, &ticket)) return QUEUE_ENDED;
    *(uint64_t *)ticket.element = values[0];
    if (sl_unbounded_queue_commit(q->queue, &ticket)) return 1;
    sl_unbounded_queue_abandon(q->queue, &ticket);
  }
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  sl_unbounded_ticket ticket;
  (void)amount;
  sl_result result = sl_unbounded_queue_try_take(q->queue, &ticket);
  if (result == SL_CLOSED) return QUEUE_ENDED;
  if (result == SL_EMPTY) return 0;
  if (result != SL_OK) suspension_fail("try_take answers %u", result);
  values[0] = *(uint64_t *)ticket.element;
  *(uint64_t *)ticket.element = UINT64_MAX; /* nobody reads it again */
  sl_unbounded_queue_release(q->queue, &ticket);
  return 1;
}

static size_t count(void *p) { return sl_unbounded_queue_count(((queue *)p)->queue); }

static size_t look(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return count(p);
}

static bool close(void *p) { return sl_unbounded_queue_close(((queue *)p)->queue); }

static size_t do_close(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return close(p);
}

static bool is_closed(void *p) { return sl_unbounded_queue_is_closed(((queue *)p)->queue); }

static size_t ask(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return is_closed(p);
}

/* The situation's variant is how many producers stand still in front of the elements inside. */
static void prepare(void *p, const queue_situation *s) {
  queue *q = (queue *)p;
  q->stalled = s->variant;
  for (unsigned i = 0; i < q->stalled; i++) {
    if (!claim(q, &q->tickets[i])) suspension_fail("set-up: the new queue is closed");
  }
}

static void restore(void *p, const queue_operation *o) {
  queue *q = (queue *)p;
  (void)o;
  for (unsigned i = 0; i < q->stalled; i++) sl_unbounded_queue_abandon(q->queue, &q->tickets[i]);
}

/* How many cells a segment has: the put after them takes more steps, since it links another segment. */
static size_t cells_of_segment(void) {
  static const queue_situation new_queue;
  void *q = create(&new_queue);
  size_t n = 0;
  uint64_t value = 0, before = suspension_steps();
  put(q, &value, 1);
  uint64_t usual = suspension_steps() - before, steps = usual;
  for (; steps == usual; n++) {
    before = suspension_steps();
    put(q, &value, 1);
    steps = suspension_steps() - before;
  }
  while (get(q, &value, 1) == 1) continue;
  destroy(q);
  return n;
}

/* Count loads four words. */
static const queue_operation operations[] = {
    {.name = "put", .effect = PUTS, .run = put},
    {.name = "get", .effect = GETS, .run = get},
    {.name = "count", .effect = LOOKS, .run = look, .most_steps = 4},
    {.name = "close", .effect = CLOSES, .run = do_close},
    {.name = "is_closed", .effect = ASKS, .run = ask, .most_steps = 3},
    {0},
};

void test_unbounded_queue(void) {
  size_t cells = cells_of_segment();
  const queue_situation situations[] = {
      {.name = "new"},
      {.name = "one inside", .held = 1},
      {.name = "empty after some", .passed = 5},
      {.name = "40 inside", .held = 40},
      {.name = "more than a segment inside", .held = cells + 20},
      {.name = "before the last cell, empty", .passed = cells - 1},
      {.name = "at the segment's end, empty", .passed = cells},
      {.name = "at the segment's end, full", .held = cells},
      {.name = "segment drained, one in the next", .passed = cells, .held = 1},
      {.name = "eight segments drained: a batch", .passed = 8 * cells, .held = 1},
      {.name = "many segments later, at the end of one", .passed = 20 * cells},
      {.name = "closed, three inside", .held = 3, .closed = true},
      {.name = "closed at the segment's end, empty", .passed = cells, .closed = true, .calm = true},
      {.name = "one stalled producer", .calm = true, .variant = 1},
      {.name = "one behind a stalled producer", .held = 1, .calm = true, .variant = 1},
      {.name = "20 behind a stalled producer", .held = 20, .calm = true, .variant = 1},
      {.name = "17 stalled producers", .calm = true, .variant = 17},
      {.name = "a stalled producer in the last cell", .passed = cells - 1, .held = 1, .calm = true, .variant = 1},
      {0},
  };
  const queue_subject subject = {
      .name = "sl_unbounded_queue",
      .create = create,
      .destroy = destroy,
      .put = put,
      .get = get,
      .count = count,
      .close = close,
      .is_closed = is_closed,
      .prepare = prepare,
      .restore = restore,
      .operations = operations,
      .situations = situations,
  };
  queue_suspension(&subject);
}
