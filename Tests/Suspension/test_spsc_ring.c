/* sl_spsc_ring.h: wait-free, whatever the peer does. */
#include "queue_suspension.h"
#include "subjects.h"

#include "sl_spsc_ring.h"

#include <stdlib.h>

typedef struct {
  sl_spsc_ring ring;
  uint64_t elements[16];
  bool closed; /* the producer's own knowledge: it puts no more */
} queue;

static void *create(const queue_situation *s) {
  queue *q = (queue *)aligned_alloc(SL_NO_SHARE, (sizeof(queue) + SL_NO_SHARE - 1) / SL_NO_SHARE * SL_NO_SHARE);
  if (q == NULL) return NULL;
  sl_spsc_ring_init(&q->ring, s->capacity, s->first_position);
  q->closed = false;
  return q;
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint64_t first;
  if (q->closed) return QUEUE_ENDED;
  size_t n = sl_spsc_ring_try_claim_many(&q->ring, amount, &first);
  for (size_t i = 0; i < n; i++) q->elements[sl_spsc_ring_slot_of(&q->ring, first + i)] = values[i];
  if (n != 0) sl_spsc_ring_commit_many(&q->ring, n);
  return n;
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint64_t first;
  size_t n = sl_spsc_ring_try_take_many(&q->ring, amount, &first);
  for (size_t i = 0; i < n; i++) values[i] = q->elements[sl_spsc_ring_slot_of(&q->ring, first + i)];
  if (n != 0) sl_spsc_ring_release_many(&q->ring, n);
  return n;
}

static size_t put_one(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  size_t slot;
  (void)amount;
  if (q->closed) return QUEUE_ENDED;
  if (!sl_spsc_ring_try_claim(&q->ring, &slot)) return 0;
  q->elements[slot] = values[0];
  sl_spsc_ring_commit(&q->ring);
  return 1;
}

static size_t get_one(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  size_t slot;
  (void)amount;
  if (!sl_spsc_ring_try_take(&q->ring, &slot)) return 0;
  values[0] = q->elements[slot];
  sl_spsc_ring_release(&q->ring);
  return 1;
}

static size_t count(void *p) { return sl_spsc_ring_count(&((queue *)p)->ring); }

static size_t look(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return count(p);
}

static size_t ask_drained(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return sl_spsc_ring_is_drained(&((queue *)p)->ring) ? QUEUE_ENDED : 0;
}

static size_t get_or_end(void *p, uint64_t *values, size_t amount) {
  return get_one(p, values, amount) == 1 ? 1 : ask_drained(p, values, amount);
}

static bool close(void *p) {
  queue *q = (queue *)p;
  bool first = !q->closed;
  q->closed = true;
  sl_spsc_ring_close(&q->ring);
  return first;
}

static size_t do_close(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return close(p);
}

/* The consumer goes, and gets nothing. The test then drains the ring as its owner. */
static size_t abandon(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  sl_spsc_ring_abandon(&((queue *)p)->ring);
  return 0;
}

/* The producer asks; nobody has gone. */
static size_t ask_abandoned(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  if (sl_spsc_ring_is_abandoned(&((queue *)p)->ring)) suspension_fail("abandoned, it says, by nobody");
  return 0;
}

/* The producer asks, after the operation. */
static void check_abandoned(void *p, const queue_operation *operation) {
  bool gone = sl_spsc_ring_is_abandoned(&((queue *)p)->ring);
  if (gone != (operation->run == abandon)) suspension_fail("is_abandoned is %s", gone ? "true" : "false");
}

/* Two loads at most to claim (take), a load and a store to commit (release); two loads to count. */
static const queue_operation operations[] = {
    {.name = "put", .effect = PUTS, .run = put_one, .most_steps = 4},
    {.name = "get", .effect = GETS, .run = get_one, .most_steps = 4},
    {.name = "put 3", .effect = PUTS, .run = put, .amount = 3, .most_steps = 4},
    {.name = "get 3", .effect = GETS, .run = get, .amount = 3, .most_steps = 4},
    {.name = "count", .effect = LOOKS, .run = look, .most_steps = 2},
    {.name = "close", .effect = CLOSES, .run = do_close, .most_steps = 1},
    {.name = "is_drained", .effect = GETS, .run = ask_drained, .most_steps = 3},
    {.name = "abandon", .effect = GETS, .run = abandon, .most_steps = 1},
    {.name = "is_abandoned", .effect = PUTS, .run = ask_abandoned, .most_steps = 1},
    {0},
};

static const queue_situation situations[] = {
    {.name = "capacity 1, empty", .capacity = 1},
    {.name = "capacity 1, full", .capacity = 1, .held = 1},
    {.name = "capacity 3, empty", .capacity = 3},
    {.name = "capacity 3, one inside, a lap later", .capacity = 3, .passed = 7, .held = 1},
    {.name = "capacity 4, nearly full", .capacity = 4, .passed = 4, .held = 3},
    {.name = "capacity 4, full, a lap later", .capacity = 4, .passed = 6, .held = 4},
    {.name = "capacity 3, full, at the wrap-around", .capacity = 3, .first_position = UINT64_MAX - 1, .held = 3},
    {.name = "capacity 4, empty, at the wrap-around", .capacity = 4, .first_position = UINT64_MAX - 2, .passed = 2},
    {.name = "capacity 3, closed, two inside", .capacity = 3, .passed = 2, .held = 2, .closed = true},
    {.name = "capacity 2, closed, empty", .capacity = 2, .passed = 1, .closed = true},
    {0},
};

void test_spsc_ring(void) {
  static const queue_subject subject = {
      .name = "sl_spsc_ring",
      .create = create,
      .destroy = free,
      .put = put_one,
      .get = get_or_end,
      .count = count,
      .close = close,
      .restore = check_abandoned,
      .sole_producer = true,
      .sole_consumer = true,
      .most_put_steps = 4,
      .most_get_steps = 5, /* one that finds nothing, in a closed ring */
      .operations = operations,
      .situations = situations,
  };
  queue_suspension(&subject);
}
