/*
 * sl_spmc_ring.h: nobody is kept from anything. The producer is wait-free whatever consumers do; a consumer that stops
 * with a copy has no claim to it, and one that stops after its claim has its element.
 */
#include "queue_suspension.h"
#include "subjects.h"

#include "sl_spmc_ring.h"

#include <stdlib.h>

/* Two words: a copy that is half of one element and half of another shows. */
typedef struct {
  uint64_t value, check;
} element;

typedef struct {
  sl_spmc_ring ring;
} queue;

static void *create(const queue_situation *s) {
  queue *q = (queue *)malloc(sizeof(queue));
  if (q != NULL && sl_spmc_ring_init(&q->ring, s->capacity, sizeof(element), s->first_position) != 0) {
    free(q);
    return NULL;
  }
  return q;
}

static void destroy(void *p) {
  sl_spmc_ring_destroy(&((queue *)p)->ring);
  free(p);
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  size_t n = sl_spmc_ring_room(&q->ring, amount);
  for (size_t i = 0; i < n; i++) {
    element e = {values[i], ~values[i]};
    sl_spmc_ring_put(&q->ring, i, &e, sizeof e);
  }
  if (n != 0) sl_spmc_ring_publish(&q->ring, n);
  return n;
}

static size_t get_one(queue *q, uint64_t *value) {
  element e;
  if (!sl_spmc_ring_try_take(&q->ring, &e, sizeof e)) return 0;
  if (e.check != ~e.value) suspension_fail("the element %#lx is torn", (unsigned long)e.value);
  *value = e.value;
  return 1;
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  size_t n = 0;
  while (n < amount && get_one((queue *)p, &values[n]) == 1) n++;
  return n;
}

static size_t count(void *p) { return sl_spmc_ring_count(&((queue *)p)->ring); }

static size_t look(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return count(p);
}

/* Any number may have passed meanwhile. */
static size_t look_how_far(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  sl_spmc_ring_passed(&((queue *)p)->ring);
  return 0;
}

/* The producer's question, and no more. */
static size_t look_for_room(void *p, uint64_t *values, size_t amount) {
  (void)values;
  sl_spmc_ring_room(&((queue *)p)->ring, amount);
  return 0;
}

/* Two loads at most for the room, a load and two stores for each element, a load and a store to publish. */
static const queue_operation operations[] = {
    {.name = "put", .effect = PUTS, .run = put, .most_steps = 7},
    {.name = "put 3", .effect = PUTS, .run = put, .amount = 3, .most_steps = 13},
    {.name = "room 3", .effect = PUTS, .run = look_for_room, .amount = 3, .most_steps = 2},
    {.name = "get", .effect = GETS, .run = get},
    {.name = "get 3", .effect = GETS, .run = get, .amount = 3},
    {.name = "count", .effect = LOOKS, .run = look, .most_steps = 2},
    {.name = "passed", .effect = LOOKS, .run = look_how_far, .most_steps = 1},
    {0},
};

static const queue_situation situations[] = {
    {.name = "capacity 1, empty", .capacity = 1},
    {.name = "capacity 1, full", .capacity = 1, .held = 1},
    {.name = "capacity 2, one inside, at the wrap-around", .capacity = 2, .first_position = UINT64_MAX, .held = 1},
    {.name = "capacity 3, one inside, a lap later", .capacity = 3, .passed = 7, .held = 1},
    {.name = "capacity 3, full, at the wrap-around", .capacity = 3, .first_position = UINT64_MAX - 1, .held = 3},
    {.name = "capacity 4, nearly full", .capacity = 4, .passed = 4, .held = 3},
    {.name = "capacity 4, full, a lap later", .capacity = 4, .passed = 6, .held = 4},
    {0},
};

void test_spmc_ring(void) {
  static const queue_subject subject = {
      .name = "sl_spmc_ring",
      .create = create,
      .destroy = destroy,
      .put = put,
      .get = get,
      .count = count,
      .sole_producer = true,
      .most_put_steps = 7,
      .operations = operations,
      .situations = situations,
  };
  queue_suspension(&subject);
}
