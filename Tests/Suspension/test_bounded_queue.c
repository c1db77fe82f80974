/*
 * sl_bounded_queue.h: publish, take, the try_ forms and close are lock-free. Each actor has a thread number of
 * its own, so that the disturber, who uses the victim's thread, has another seat; some situations give numbers
 * of which some or all are beyond the first seats. And in some a callback waits at each end, so that who puts
 * or gets has somebody to wake.
 */
#include "queue_suspension.h"
#include "subjects.h"

#include "sl_bounded_queue.h"

#include <stdlib.h>

/* The situation's variant: the thread number of the first actor, and these. */
enum { NUMBERS = 0xff, BLOCK_MISSING = 0x100, WAITED_FOR = 0x200 };

typedef struct {
  sl_bounded_queue *queue;
  uint32_t first_number;
  sl_wait waits[2]; /* for an element, for room */
  bool waited_for;
  uint32_t woken;
} queue;

/* The thread number that was there before. */
static uint32_t be_actor(const queue *q) {
  uint32_t before = sl_thread_number_plus_1_;
  sl_thread_number_plus_1_ = q->first_number + queue_actor + 1;
  return before;
}

static void be_thread(uint32_t before) { sl_thread_number_plus_1_ = before; }

static void *create(const queue_situation *s) {
  queue *q = (queue *)calloc(1, sizeof *q);
  if (q == NULL) return NULL;
  q->queue = sl_bounded_queue_create(s->capacity, sizeof(uint64_t), _Alignof(uint64_t));
  if (q->queue == NULL) return NULL;
  q->first_number = s->variant & NUMBERS;
  if ((s->variant & BLOCK_MISSING) != 0) return q;
  for (queue_actor = 0; queue_actor < QUEUE_ACTORS; queue_actor++) {
    uint32_t before = be_actor(q);
    if (sl_bounded_queue_seat(q->queue) == NULL) suspension_fail("out of memory");
    be_thread(before);
  }
  return q;
}

static void destroy(void *p) {
  queue *q = (queue *)p;
  sl_bounded_queue_destroy(q->queue);
  free(q);
}

static void wake(void *woken) { __atomic_fetch_add((uint32_t *)woken, 1, __ATOMIC_RELAXED); }

static void prepare(void *p, const queue_situation *s) {
  queue *q = (queue *)p;
  q->waited_for = (s->variant & WAITED_FOR) != 0;
  if (!q->waited_for) return;
  sl_waiters *conditions[] = {sl_bounded_queue_not_empty(q->queue), sl_bounded_queue_not_full(q->queue)};
  for (int i = 0; i < 2; i++) {
    sl_wait_begin(&q->waits[i], conditions[i], UINT64_MAX);
    if (!sl_wait_announce(&q->waits[i]) || !sl_wait_suspend(&q->waits[i], wake, &q->woken)) {
      suspension_fail("set-up: the callback is not taken");
    }
  }
}

static void restore(void *p, const queue_operation *o) {
  queue *q = (queue *)p;
  (void)o;
  if (!q->waited_for) return;
  for (int i = 0; i < 2; i++) sl_wait_end(&q->waits[i]);
  if (q->woken > 2) suspension_fail("two callbacks were called %u times", q->woken);
}

static size_t answer(sl_result result, sl_result not_now, size_t done) {
  if (result == SL_CLOSED && done == 0) return QUEUE_ENDED;
  if (result != SL_OK && result != SL_CLOSED && result != not_now) suspension_fail("the answer is %u", result);
  return done;
}

static size_t put_in_place(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  (void)amount;
  uint32_t before = be_actor(q);
  sl_bounded_seat *seat = sl_bounded_queue_seat(q->queue);
  if (seat == NULL) suspension_fail("out of memory");
  *(uint64_t *)sl_bounded_queue_element(q->queue, seat) = values[0];
  sl_result result = sl_bounded_queue_publish(q->queue, seat);
  if (result == SL_OK)
    sl_bounded_queue_published(q->queue, 1);
  else if (*(uint64_t *)sl_bounded_queue_element(q->queue, seat) != values[0])
    suspension_fail("a refused element is no longer in its seat");
  be_thread(before);
  return answer(result, SL_FULL, result == SL_OK);
}

static size_t get_in_place(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  (void)amount;
  uint32_t before = be_actor(q);
  sl_bounded_seat *seat = sl_bounded_queue_seat(q->queue);
  if (seat == NULL) suspension_fail("out of memory");
  sl_result result = sl_bounded_queue_take(q->queue, seat);
  if (result == SL_OK) {
    values[0] = *(uint64_t *)sl_bounded_queue_element(q->queue, seat);
    sl_bounded_queue_taken(q->queue, 1);
  }
  be_thread(before);
  return answer(result, SL_EMPTY, result == SL_OK);
}

static size_t put(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  (void)amount;
  uint32_t before = be_actor(q);
  sl_result result = sl_bounded_queue_try_enqueue(q->queue, values);
  be_thread(before);
  return answer(result, SL_FULL, result == SL_OK);
}

static size_t get(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  (void)amount;
  uint32_t before = be_actor(q);
  sl_result result = sl_bounded_queue_try_dequeue(q->queue, values);
  be_thread(before);
  return answer(result, SL_EMPTY, result == SL_OK);
}

static size_t put_many(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  size_t done;
  uint32_t before = be_actor(q);
  sl_result result = sl_bounded_queue_try_enqueue_many(q->queue, values, amount, &done);
  be_thread(before);
  if ((result == SL_OK) != (done == amount)) suspension_fail("%zu of %zu are put, result %u", done, amount, result);
  return answer(result, SL_FULL, done);
}

static size_t get_many(void *p, uint64_t *values, size_t amount) {
  queue *q = (queue *)p;
  size_t done;
  uint32_t before = be_actor(q);
  sl_result result = sl_bounded_queue_try_dequeue_many(q->queue, values, amount, &done);
  be_thread(before);
  if ((result == SL_OK) != (done == amount)) suspension_fail("%zu of %zu are got, result %u", done, amount, result);
  return answer(result, SL_EMPTY, done);
}

static size_t count(void *p) { return sl_bounded_queue_count(((queue *)p)->queue); }

static bool close(void *p) { return sl_bounded_queue_close(((queue *)p)->queue); }

static size_t do_close(void *p, uint64_t *values, size_t amount) {
  (void)values, (void)amount;
  return close(p);
}

static bool is_closed(void *p) { return sl_bounded_queue_is_closed(((queue *)p)->queue); }

static const queue_operation operations[] = {
    {.name = "publish", .effect = PUTS, .run = put_in_place},
    {.name = "take", .effect = GETS, .run = get_in_place},
    {.name = "try_enqueue", .effect = PUTS, .run = put},
    {.name = "try_dequeue", .effect = GETS, .run = get},
    {.name = "try_enqueue_many", .effect = PUTS, .run = put_many, .amount = 3},
    {.name = "try_dequeue_many", .effect = GETS, .run = get_many, .amount = 3},
    {.name = "close", .effect = CLOSES, .run = do_close},
    {0},
};

static const queue_situation situations[] = {
    {.name = "capacity 1, empty", .capacity = 1, .calm = true},
    {.name = "capacity 3, one inside, laps later", .capacity = 3, .passed = 7, .held = 1, .calm = true},
    {.name = "capacity 4, full, far seats", .capacity = 4, .held = 4, .variant = 40},
    {.name = "capacity 2, one inside, near and far seats", .capacity = 2, .passed = 20, .held = 1, .variant = 13},
    {.name = "capacity 1, full, waited for", .capacity = 1, .held = 1, .variant = WAITED_FOR},
    {.name = "capacity 4, two inside, waited for, far seats", .capacity = 4, .held = 2, .calm = true,
     .variant = WAITED_FOR + 18},
    {.name = "capacity 2, empty, block missing", .capacity = 2, .calm = true, .variant = BLOCK_MISSING + 20},
    {.name = "capacity 3, closed, two inside", .capacity = 3, .held = 2, .closed = true, .calm = true, .variant = 40},
    {0},
};

void test_bounded_queue(void) {
  static const queue_subject subject = {
      .name = "sl_bounded_queue",
      .create = create,
      .destroy = destroy,
      .put = put_in_place,
      .get = get_in_place,
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
