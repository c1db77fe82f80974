/*
 * sl_lanes.h: each thread that puts has a lane of its own; one thread gets. Whoever stops keeps nobody else from
 * getting on, but for the places that it was granted and has not spent: one here, or a portion of two.
 */
#include "queue_suspension.h"
#include "subjects.h"

#include "sl_lanes.h"

#include <stdlib.h>

enum { MOST_PLACES = 8 };
enum { ONE_BY_ONE, IN_PORTIONS }; /* situation.variant */

typedef struct {
  sl_lanes lanes;
  sl_lane lane[QUEUE_ACTORS];
  uint64_t elements[QUEUE_ACTORS][MOST_PLACES];
} queue;

static void *create(const queue_situation *s) {
  queue *q = (queue *)aligned_alloc(SL_NO_SHARE, (sizeof(queue) + SL_NO_SHARE - 1) / SL_NO_SHARE * SL_NO_SHARE);
  if (q == NULL) return NULL;
  sl_lanes_init(&q->lanes, q->lane, QUEUE_ACTORS, s->capacity, s->capacity, s->first_position);
  /* In a queue of so few places all is done one by one; in larger ones it is not. */
  if (s->variant == IN_PORTIONS) q->lanes.portion_ = q->lanes.telling_ = 2;
  return q;
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  size_t slot, n = 0;
  for (; n < amount; n++) {
    if (!sl_lanes_try_claim(&q->lanes, queue_actor, &slot)) break;
    q->elements[queue_actor][slot] = values[n];
    sl_lanes_commit(&q->lanes, queue_actor);
  }
  return n;
}

/* Whoever puts waits afterwards, and so leaves what it does not need to the others. */
static size_t put_and_wait(void *p, uint64_t *values, size_t amount) {
  size_t n = put(p, values, amount);
  sl_lanes_give_back(&((queue *)p)->lanes, queue_actor);
  return n;
}

/* It may hold two places, and puts one element. */
static size_t put_one_and_wait(void *p, uint64_t *values, size_t amount) {
  (void)amount;
  return put_and_wait(p, values, 1);
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint32_t lane;
  size_t slot;
  (void)amount;
  if (!sl_lanes_try_take(&q->lanes, &lane, &slot)) return 0;
  values[0] = q->elements[lane][slot];
  sl_lanes_release(&q->lanes);
  return 1;
}

static size_t count(void *p) { return sl_lanes_count(&((queue *)p)->lanes); }

static size_t look(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return count(p);
}

static size_t count_at_most(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return sl_lanes_count_at_most(&((queue *)p)->lanes);
}

static size_t look_for_room(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return sl_lanes_has_room(&((queue *)p)->lanes, queue_actor);
}

/* Nothing was granted that was not spent at once, since portions are of one place here. */
static size_t give_back(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return sl_lanes_give_back(&((queue *)p)->lanes, queue_actor);
}

static const queue_operation operations[] = {
    {.name = "put", .effect = PUTS, .run = put},
    /* A look at each lane, two loads at most, and four more steps. */
    {.name = "get", .effect = GETS, .run = get, .most_steps = 2 * QUEUE_ACTORS + 6},
    {.name = "count", .effect = LOOKS, .run = look, .most_steps = 2 * QUEUE_ACTORS},
    {.name = "count at most", .effect = LOOKS, .run = count_at_most, .most_steps = 2},
    /* Two for the lane, one for what it holds, two for the room as told and one for each lane. */
    {.name = "has room", .effect = LOOKS, .run = look_for_room, .most_steps = QUEUE_ACTORS + 5},
    {.name = "give back", .effect = LOOKS, .run = give_back, .most_steps = 3},
    {0},
};

static const queue_operation operations_in_portions[] = {
    {.name = "put one of two", .effect = PUTS, .run = put_one_and_wait, .amount = 2},
    {.name = "put two", .effect = PUTS, .run = put_and_wait, .amount = 2},
    {.name = "get", .effect = GETS, .run = get, .most_steps = 2 * QUEUE_ACTORS + 6},
    {0},
};

static const queue_situation situations[] = {
    /* Of one place there would be nothing left to share while a producer stops with it. */
    {.name = "capacity 2, empty", .capacity = 2},
    {.name = "capacity 2, full", .capacity = 2, .held = 2},
    {.name = "capacity 3, one inside, later", .capacity = 3, .passed = 7, .held = 1},
    {.name = "capacity 4, nearly full, at the wrap-around", .capacity = 4, .first_position = UINT64_MAX - 1, .held = 3},
    {.name = "capacity 4, full", .capacity = 4, .held = 4},
    {0},
};

static const queue_situation situations_in_portions[] = {
    {.name = "capacity 4, empty", .capacity = 4, .variant = IN_PORTIONS},
    {.name = "capacity 4, one place left", .capacity = 4, .passed = 5, .held = 3, .variant = IN_PORTIONS},
    {.name = "capacity 5, two places left, at the wrap-around",
     .capacity = 5,
     .first_position = UINT64_MAX - 2,
     .held = 3,
     .variant = IN_PORTIONS},
    {.name = "capacity 4, full", .capacity = 4, .held = 4, .variant = IN_PORTIONS},
    {0},
};

void test_lanes(void) {
  queue_subject subject = {
      .name = "sl_lanes",
      .create = create,
      .destroy = free,
      .put = put,
      .get = get,
      .count = count,
      .sole_consumer = true,
      .operations = operations,
      .situations = situations,
  };
  queue_suspension(&subject);
  subject.name = "sl_lanes, in portions";
  subject.put = put_and_wait;
  subject.operations = operations_in_portions;
  subject.situations = situations_in_portions;
  queue_suspension(&subject);
}
