/*
 * sl_mpmc_ring.h: not lock-free, and says so. Its calls return whatever a stopped thread has done, nothing is
 * lost, commit and release are wait-free. And it is the proof that this test can fail: a thread that is stopped
 * between claim and commit, or between take and release, must be found to block the others, and elsewhere not.
 */
#include "queue_suspension.h"
#include "subjects.h"

#include "sl_mpmc_ring.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  sl_mpmc_ring ring;
} queue;

static void *create(const queue_situation *s) {
  queue *q = (queue *)malloc(sizeof(queue));
  if (q != NULL && sl_mpmc_ring_init(&q->ring, s->capacity, sizeof(uint64_t), sizeof(uint64_t), s->first_position) != 0) {
    free(q);
    return NULL;
  }
  return q;
}

static void destroy(void *p) {
  sl_mpmc_ring_destroy(&((queue *)p)->ring);
  free(p);
}

static uint64_t *element(queue *q, sl_mpmc_ticket first, size_t index) {
  return (uint64_t *)sl_mpmc_ring_element(sl_mpmc_ring_ticket_at(&q->ring, first, index), sizeof(uint64_t));
}

static void check_wait_free(uint64_t before, size_t slots, const char *what) {
  if (suspension_steps() - before > slots)
    suspension_fail("%s is wait-free, it says, and takes more than a step a slot", what);
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  sl_mpmc_ticket ticket;
  size_t n = sl_mpmc_ring_try_claim_many(&q->ring, amount, &ticket);
  if (n == 0) return sl_mpmc_ring_is_closed(&q->ring) ? QUEUE_ENDED : 0;
  for (size_t i = 0; i < n; i++) *element(q, ticket, i) = values[i];
  uint64_t before = suspension_steps();
  sl_mpmc_ring_commit_many(&q->ring, ticket, n);
  check_wait_free(before, n, "commit");
  return n;
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  sl_mpmc_ticket ticket;
  size_t n = sl_mpmc_ring_try_take_many(&q->ring, amount, &ticket);
  if (n == 0) return sl_mpmc_ring_is_drained(&q->ring) ? QUEUE_ENDED : 0;
  for (size_t i = 0; i < n; i++) values[i] = *element(q, ticket, i);
  uint64_t before = suspension_steps();
  sl_mpmc_ring_release_many(&q->ring, ticket, n);
  check_wait_free(before, n, "release");
  return n;
}

static size_t count(void *p) { return sl_mpmc_ring_count(&((queue *)p)->ring); }

static size_t look(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return count(p);
}

static bool close(void *p) { return sl_mpmc_ring_close(&((queue *)p)->ring); }

static size_t do_close(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return close(p);
}

static bool is_closed(void *p) { return sl_mpmc_ring_is_closed(&((queue *)p)->ring); }

static size_t ask(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return is_closed(p);
}

/* A get of nothing, which may be told of the end. */
static size_t ask_drained(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return sl_mpmc_ring_is_drained(&((queue *)p)->ring) ? QUEUE_ENDED : 0;
}

static const queue_operation operations[] = {
    {.name = "put", .effect = PUTS, .run = put},
    {.name = "get", .effect = GETS, .run = get},
    {.name = "put 3", .effect = PUTS, .run = put, .amount = 3},
    {.name = "get 3", .effect = GETS, .run = get, .amount = 3},
    {.name = "count", .effect = LOOKS, .run = look, .most_steps = 2},
    {.name = "close", .effect = CLOSES, .run = do_close, .most_steps = 1},
    {.name = "is_closed", .effect = ASKS, .run = ask, .most_steps = 1},
    {.name = "is_drained", .effect = GETS, .run = ask_drained, .most_steps = 2},
    {0},
};

static const queue_situation situations[] = {
    {.name = "capacity 1, empty", .capacity = 1},
    {.name = "capacity 1, full", .capacity = 1, .held = 1},
    {.name = "capacity 3, one inside, a lap later", .capacity = 3, .passed = 7, .held = 1},
    {.name = "capacity 4, nearly full", .capacity = 4, .held = 3},
    {.name = "capacity 4, full, at the wrap-around", .capacity = 4, .first_position = UINT64_MAX / 2 - 1, .held = 4},
    {.name = "capacity 3, closed, two inside", .capacity = 3, .passed = 2, .held = 2, .closed = true},
    {0},
};

/* Blocked just before a slot is handed on, which are the last steps, and nowhere else. */
static void check_blocks(const queue_subject *s, const queue_operation *o) {
  unsigned long slots = o->amount == 3 ? 2 : 1; /* what there is room for, or elements */
  static const queue_situation half_full[] = {
      {.name = "capacity 4, two inside", .capacity = 4, .held = 2},
      {.name = "capacity 4, two inside, laps later", .capacity = 4, .passed = 9, .held = 2},
  };
  for (int i = 0; i < 2; i++) {
    unsigned long steps;
    uint64_t blocks = queue_suspension_blocks(s, o, &half_full[i], &steps);
    uint64_t expected = (((uint64_t)1 << slots) - 1) << (steps - slots + 1);
    if (blocks != expected) {
      suspension_fail("the others were blocked at the steps %#lx (bits); it should be at the last %lu of %lu",
                      (unsigned long)blocks, slots, steps);
    }
    printf("%-18s %-17s blocks the others at the last %lu of %lu steps, as it must (%s)\n", s->name, o->name, slots,
           steps, half_full[i].name);
  }
}

void test_mpmc_ring(void) {
  static const queue_subject subject = {
      .name = "sl_mpmc_ring",
      .create = create,
      .destroy = destroy,
      .put = put,
      .get = get,
      .count = count,
      .close = close,
      .is_closed = is_closed,
      .may_block = true,
      .operations = operations,
      .situations = situations,
  };
  queue_suspension(&subject);
  for (int o = 0; o < 4; o++) check_blocks(&subject, &operations[o]);
}
