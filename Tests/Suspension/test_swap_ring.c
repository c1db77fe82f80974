/*
 * sl_swap_ring.h: lock-free, whoever stops and wherever; the sole forms, and what only looks, wait-free. The
 * victim keeps the cell that it holds, and nothing else: that the others can fill the ring exactly and drain
 * it, and that each cell is in one place when all is over, is checked in each case.
 */
#include "queue_suspension.h"
#include "subjects.h"

#include "sl_swap_ring.h"

#include <stdlib.h>

enum { MOST_CAPACITY = 4, MOST_CELLS = MOST_CAPACITY + 1 + QUEUE_ACTORS, AT_THE_WRAP_AROUND = 1 };

typedef struct {
  sl_swap_ring ring;
  uint64_t cells[MOST_CELLS];
  uint32_t mine[QUEUE_ACTORS];
} queue;

static void *create(const queue_situation *s) {
  queue *q = (queue *)aligned_alloc(SL_NO_SHARE, (sizeof(queue) + SL_NO_SHARE - 1) / SL_NO_SHARE * SL_NO_SHARE);
  if (q == NULL || sl_swap_ring_init(&q->ring, s->capacity, QUEUE_ACTORS, 0) != 0) return NULL;
  if (s->variant == AT_THE_WRAP_AROUND) { /* the turn wraps around after the first round */
    uint64_t last = ((uint64_t)1 << (63 - q->ring.shape_.turn_shift)) - 1;
    sl_swap_ring_destroy(&q->ring);
    if (sl_swap_ring_init(&q->ring, s->capacity, QUEUE_ACTORS, last) != 0) return NULL;
  }
  for (uint32_t i = 0; i < MOST_CELLS; i++) q->cells[i] = UINT64_MAX;
  for (uint32_t i = 0; i < QUEUE_ACTORS; i++) q->mine[i] = (uint32_t)s->capacity + 1 + i;
  return q;
}

static void see(bool *seen, uint32_t cells, uint32_t cell) {
  if (cell >= cells) suspension_fail("there is no cell %u", cell);
  if (seen[cell]) suspension_fail("cell %u is in two places", cell);
  seen[cell] = true;
}

static void destroy(void *p) {
  queue *q = (queue *)p;
  bool seen[MOST_CELLS] = {false};
  uint32_t entries = (uint32_t)sl_swap_ring_capacity(&q->ring) + 1, cells = entries + QUEUE_ACTORS;
  for (uint32_t i = 0; i < entries; i++) {
    see(seen, cells, sl_swap_ring_cell_(&q->ring.shape_, sl_load_relaxed_u64(&q->ring.shape_.entries[i])));
  }
  for (uint32_t i = 0; i < QUEUE_ACTORS; i++) see(seen, cells, q->mine[i]);
  sl_swap_ring_destroy(&q->ring);
  free(q);
}

/* Looks into the cell before it is anybody else's: one that is still full would be in two hands. */
static void write_cell(queue *q, uint32_t cell, uint64_t value) {
  if (q->cells[cell] != UINT64_MAX) suspension_fail("cell %u is not empty", cell);
  q->cells[cell] = value;
}

static uint64_t empty_cell(queue *q, uint32_t cell) {
  uint64_t value = q->cells[cell];
  q->cells[cell] = UINT64_MAX;
  return value;
}

static size_t answer(sl_result result, sl_result not_now) {
  if (result == SL_OK) return 1;
  if (result == SL_CLOSED) return QUEUE_ENDED;
  if (result != not_now) suspension_fail("the answer is %u", result);
  return 0;
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint32_t *cell = &q->mine[queue_actor], before = *cell;
  (void)amount;
  write_cell(q, before, values[0]);
  sl_result result = sl_swap_ring_try_enqueue(&q->ring, cell);
  if (result != SL_OK && (*cell != before || empty_cell(q, *cell) != values[0])) {
    suspension_fail("a refused put has changed its cell");
  }
  return answer(result, SL_FULL);
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint32_t *cell = &q->mine[queue_actor], before = *cell;
  (void)amount;
  sl_result result = sl_swap_ring_try_dequeue(&q->ring, cell);
  if (result == SL_OK)
    values[0] = empty_cell(q, *cell);
  else if (*cell != before)
    suspension_fail("a get of nothing has changed its cell");
  return answer(result, SL_EMPTY);
}

static size_t sole_put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint32_t cell;
  (void)amount;
  sl_result result = sl_swap_ring_sole_claim(&q->ring, &cell);
  if (result == SL_OK) {
    write_cell(q, cell, values[0]);
    sl_swap_ring_sole_commit(&q->ring, cell);
  }
  return answer(result, SL_FULL);
}

static size_t sole_get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint32_t cell;
  (void)amount;
  sl_result result = sl_swap_ring_sole_take(&q->ring, &cell);
  if (result == SL_OK) {
    values[0] = empty_cell(q, cell);
    sl_swap_ring_sole_release(&q->ring, cell);
  }
  return answer(result, SL_EMPTY);
}

static size_t count(void *p) { return sl_swap_ring_count(&((queue *)p)->ring); }

static size_t look(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return count(p);
}

static size_t look_for_room(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return sl_swap_ring_has_room(&((queue *)p)->ring);
}

static bool close(void *p) { return sl_swap_ring_close(&((queue *)p)->ring); }

static size_t do_close(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return close(p);
}

static bool is_closed(void *p) { return sl_swap_ring_is_closed(&((queue *)p)->ring); }

static size_t ask(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return is_closed(p);
}

/*
 * A search looks at the entries, of which there is one more than the capacity, in two rounds at most: 2 + 2 a
 * place. Before it comes a load of the tail, or of the head; count searches twice; has_room then looks at one
 * entry more.
 */
#define LOOKING_OPERATIONS                                                                            \
  {.name = "count", .effect = LOOKS, .run = look, .most_steps = 6, .and_a_place = 4},                 \
      {.name = "has_room", .effect = LOOKS, .run = look_for_room, .most_steps = 4, .and_a_place = 2}, \
      {.name = "is_closed", .effect = ASKS, .run = ask, .most_steps = 3, .and_a_place = 2}

/* Three loads to claim, two to take; a load and two stores to commit and to release. */
enum { SOLE_PUT = 6, SOLE_GET = 5 };
#define WRAPS .variant = AT_THE_WRAP_AROUND
static const queue_situation situations[] = {
    {.name = "capacity 1, empty", .capacity = 1},
    {.name = "capacity 1, full", .capacity = 1, .held = 1},
    {.name = "capacity 1, full, laps later", .capacity = 1, .passed = 7, .held = 1},
    {.name = "capacity 1, empty, at the wrap-around", .capacity = 1, .passed = 1, WRAPS},
    {.name = "capacity 2, one inside", .capacity = 2, .held = 1},
    {.name = "capacity 2, full, at the wrap-around", .capacity = 2, .passed = 2, .held = 2, WRAPS},
    {.name = "capacity 3, empty, laps later", .capacity = 3, .passed = 11},
    {.name = "capacity 3, one inside, a lap later", .capacity = 3, .passed = 4, .held = 1},
    {.name = "capacity 3, full, at the wrap-around", .capacity = 3, .passed = 3, .held = 3, WRAPS},
    {.name = "capacity 4, nearly full", .capacity = 4, .passed = 3, .held = 3},
    {.name = "capacity 4, full, laps later", .capacity = 4, .passed = 13, .held = 4},
    {.name = "capacity 4, one inside, at the wrap-around", .capacity = 4, .passed = 4, .held = 1, WRAPS},
    {.name = "capacity 1, closed, full", .capacity = 1, .held = 1, .closed = true},
    {.name = "capacity 3, closed, two inside", .capacity = 3, .passed = 2, .held = 2, .closed = true},
    {.name = "capacity 2, closed, empty, at the wrap-around", .capacity = 2, .passed = 3, .closed = true, WRAPS},
    {0},
};

/* For the sole forms. */
static const queue_situation fewer_situations[] = {
    {.name = "capacity 1, empty", .capacity = 1},
    {.name = "capacity 1, full, laps later", .capacity = 1, .passed = 7, .held = 1},
    {.name = "capacity 2, one inside, at the wrap-around", .capacity = 2, .passed = 2, .held = 1, WRAPS},
    {.name = "capacity 3, empty, laps later", .capacity = 3, .passed = 11},
    {.name = "capacity 4, nearly full", .capacity = 4, .passed = 3, .held = 3},
    {.name = "capacity 4, full, at the wrap-around", .capacity = 4, .passed = 4, .held = 4, WRAPS},
    {.name = "capacity 2, closed, one inside", .capacity = 2, .held = 1, .closed = true},
    {0},
};

static void stop_in(const char *name, bool sole_producer, bool sole_consumer, const queue_operation *operations) {
  const queue_subject subject = {
      .name = name,
      .create = create,
      .destroy = destroy,
      .put = sole_producer ? sole_put : put,
      .get = sole_consumer ? sole_get : get,
      .count = count,
      .close = close,
      .is_closed = is_closed,
      .sole_producer = sole_producer,
      .sole_consumer = sole_consumer,
      .most_put_steps = sole_producer ? SOLE_PUT : 0,
      .most_get_steps = sole_consumer ? SOLE_GET : 0,
      .operations = operations,
      .situations = sole_producer || sole_consumer ? fewer_situations : situations,
  };
  queue_suspension(&subject);
}

void test_swap_ring(void) {
  static const queue_operation puts = {.name = "put", .effect = PUTS, .run = put};
  static const queue_operation gets = {.name = "get", .effect = GETS, .run = get};
  static const queue_operation closes = {.name = "close", .effect = CLOSES, .run = do_close};
  static const queue_operation sole_puts = {
      .name = "put (sole)", .effect = PUTS, .run = sole_put, .most_steps = SOLE_PUT};
  static const queue_operation sole_gets = {
      .name = "get (sole)", .effect = GETS, .run = sole_get, .most_steps = SOLE_GET};
  const queue_operation many_to_many[] = {puts, gets, closes, LOOKING_OPERATIONS, {0}};
  const queue_operation one_to_many[] = {sole_puts, gets, {0}};
  const queue_operation many_to_one[] = {puts, sole_gets, {0}};
  const queue_operation one_to_one[] = {sole_puts, sole_gets, {0}};
  stop_in("sl_swap_ring", false, false, many_to_many);
  stop_in("sl_swap_ring SPMC", true, false, one_to_many);
  stop_in("sl_swap_ring MPSC", false, true, many_to_one);
  stop_in("sl_swap_ring SPSC", true, true, one_to_one);
}
