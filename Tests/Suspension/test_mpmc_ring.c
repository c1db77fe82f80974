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
  uint64_t elements[16];
} queue;

static void *create(const queue_situation *s) {
  queue *q = (queue *)malloc(sizeof(queue));
  if (q != NULL && sl_mpmc_ring_init(&q->ring, s->capacity, s->first_position) != 0) {
    free(q);
    return NULL;
  }
  return q;
}

static void destroy(void *p) {
  sl_mpmc_ring_destroy(&((queue *)p)->ring);
  free(p);
}

static void check_wait_free(uint64_t before, const char *what) {
  if (suspension_steps() - before > 1) suspension_fail("%s is wait-free, it says, and takes more than a step", what);
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint64_t ticket;
  (void)amount;
  if (!sl_mpmc_ring_try_claim(&q->ring, &ticket)) return 0;
  q->elements[sl_mpmc_ring_slot_of(&q->ring, ticket)] = values[0];
  uint64_t before = suspension_steps();
  sl_mpmc_ring_commit(&q->ring, ticket);
  check_wait_free(before, "commit");
  return 1;
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  uint64_t ticket;
  (void)amount;
  if (!sl_mpmc_ring_try_take(&q->ring, &ticket)) return 0;
  values[0] = q->elements[sl_mpmc_ring_slot_of(&q->ring, ticket)];
  uint64_t before = suspension_steps();
  sl_mpmc_ring_release(&q->ring, ticket);
  check_wait_free(before, "release");
  return 1;
}

static size_t count(void *p) { return sl_mpmc_ring_count(&((queue *)p)->ring); }

static size_t look(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return count(p);
}

static const queue_operation operations[] = {
    {.name = "put", .effect = PUTS, .run = put},
    {.name = "get", .effect = GETS, .run = get},
    {.name = "count", .effect = LOOKS, .run = look, .most_steps = 2},
    {0},
};

static const queue_situation situations[] = {
    {.name = "capacity 1, empty", .capacity = 1},
    {.name = "capacity 1, full", .capacity = 1, .held = 1},
    {.name = "capacity 3, one inside, a lap later", .capacity = 3, .passed = 7, .held = 1},
    {.name = "capacity 4, nearly full", .capacity = 4, .held = 3},
    {.name = "capacity 4, full, at the wrap-around", .capacity = 4, .first_position = UINT64_MAX - 1, .held = 4},
    {0},
};

/* Blocked at step n of n, just before the slot is handed on, and nowhere else. */
static void check_blocks(const queue_subject *s, const queue_operation *o) {
  static const queue_situation half_full[] = {
      {.name = "capacity 4, two inside", .capacity = 4, .held = 2},
      {.name = "capacity 3, one inside, a lap later", .capacity = 3, .passed = 9, .held = 1},
  };
  for (int i = 0; i < 2; i++) {
    unsigned long steps;
    uint64_t blocks = queue_suspension_blocks(s, o, &half_full[i], &steps);
    if (blocks != (uint64_t)1 << steps) {
      suspension_fail("the others were blocked at the steps %#lx (bits); it should be at step %lu alone",
                      (unsigned long)blocks, steps);
    }
    printf("%-18s %-17s blocks the others at step %lu of %lu, as it must (%s)\n", s->name, o->name, steps, steps,
           half_full[i].name);
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
      .may_block = true,
      .operations = operations,
      .situations = situations,
  };
  queue_suspension(&subject);
  check_blocks(&subject, &operations[0]);
  check_blocks(&subject, &operations[1]);
}
