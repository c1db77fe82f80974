/*
 * sl_order_ring.h: every operation but try_take is wait-free in a fixed number of steps, and try_take goes on
 * whoever is stopped. Nothing waits inside an operation: what a stopped thread keeps from others is what the order
 * says. A producer that has not written its number lets others write up to the capacity, and take nothing behind
 * it; a consumer that has not released its place lets others pass until that place's turn comes again.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_order_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 40000 };

typedef enum { WRITE, SKIP, TAKE, LOOK, OPERATIONS } operation;

typedef struct {
  const char *name;
  size_t capacity;
  uint64_t first;
  uint64_t standing; /* numbers that are written before */
} situation;

typedef struct {
  operation operation;
  const situation *situation;
  sl_order_ring ring;
  uint64_t mine;     /* the victim's number, for WRITE and SKIP: the next one */
  uint64_t upcoming; /* the next number that nobody has yet, from 0 */
  uint8_t written[NUMBERS], taken[NUMBERS]; /* as elements */
} books;

static uint64_t in_ring(const books *b, uint64_t number) { return b->situation->first + number; }

static bool is_writing(const books *b) { return b->operation == WRITE || b->operation == SKIP; }

static bool write(books *b, uint64_t number, bool is_hole) {
  if (!sl_order_ring_has_room(&b->ring, in_ring(b, number))) return false;
  if (is_hole) {
    sl_order_ring_skip(&b->ring, in_ring(b, number));
  } else {
    *(uint64_t *)sl_order_ring_place(&b->ring, in_ring(b, number), sizeof(uint64_t)) = number;
    b->written[number] = 1;
    sl_order_ring_commit(&b->ring, in_ring(b, number));
  }
  sl_order_ring_written(&b->ring, in_ring(b, number));
  return true;
}

static sl_order_found take(books *b) {
  sl_order_ticket ticket;
  sl_order_found found = sl_order_ring_try_take(&b->ring, &ticket);
  if (found == SL_ORDER_NOTHING) return found;
  if (found == SL_ORDER_ELEMENT) {
    uint64_t number = *(uint64_t *)sl_order_ring_element(ticket, sizeof(uint64_t));
    if (number >= NUMBERS) suspension_fail("took what nobody wrote");
    if (__atomic_fetch_add(&b->taken[number], 1, __ATOMIC_RELAXED) != 0) suspension_fail("taken twice");
  }
  sl_order_ring_release(&b->ring, ticket);
  sl_order_ring_released(&b->ring);
  return found;
}

/* The same by the others, watched. */
static bool put(books *b, uint64_t number, bool is_hole) {
  uint64_t before = suspension_begin();
  bool has_room = write(b, number, is_hole);
  if (suspension_end(before) > 5) suspension_fail("writing a number is not wait-free");
  return has_room;
}

static sl_order_found get(books *b) {
  uint64_t before = suspension_begin();
  sl_order_found found = take(b);
  suspension_end(before);
  return found;
}

static void set_up(void *context) {
  books *b = (books *)context;
  memset(b->written, 0, sizeof b->written);
  memset(b->taken, 0, sizeof b->taken);
  if (sl_order_ring_init(&b->ring, b->situation->capacity, sizeof(uint64_t), sizeof(uint64_t), b->situation->first) != 0)
    abort();
  b->upcoming = 0;
  while (b->upcoming < b->situation->standing) write(b, b->upcoming++, false);
  b->mine = is_writing(b) ? b->upcoming++ : NUMBERS;
}

static void run(void *context) {
  books *b = (books *)context;
  switch (b->operation) {
  case WRITE:
  case SKIP: write(b, b->mine, b->operation == SKIP); break;
  case TAKE: take(b); break;
  default:
    sl_order_ring_is_ready(&b->ring);
    sl_order_ring_span(&b->ring, in_ring(b, 0));
    sl_order_ring_has_room(&b->ring, in_ring(b, b->upcoming));
  }
}

/* Whether the stopped victim keeps nobody from anything: it looks, or has taken nothing so far. */
static bool may_pass(const books *b) {
  return b->operation == LOOK || (b->operation == TAKE && suspension_stop() <= 3 && !suspension_is_disturbed());
}

static void work(void *context, unsigned index) {
  books *b = (books *)context;
  uint64_t number = NUMBERS;
  for (int n = 0; n < SUSPENSION_OPERATIONS / SUSPENSION_TEAM; n++) {
    if (index >= 2) {
      get(b);
      continue;
    }
    if (number == NUMBERS) number = __atomic_fetch_add(&b->upcoming, 1, __ATOMIC_RELAXED);
    if (put(b, number, number % 5 == 4)) number = NUMBERS;
  }
  /* Everything that comes later hangs by this number. */
  while (number != NUMBERS && may_pass(b) && !put(b, number, false)) get(b);
}

/* Takes all there is, then tells how many of the next numbers one thread can pass through the ring. */
static uint64_t passes(books *b, uint64_t most) {
  uint64_t n = 0;
  while (get(b) != SL_ORDER_NOTHING) {}
  for (; n < most && put(b, b->upcoming, false); n++) {
    b->upcoming++;
    if (get(b) == SL_ORDER_NOTHING) break;
  }
  return n;
}

static void others(void *context) {
  books *b = (books *)context;
  /* It looks at one turn, or at two where there are more slots than places, and then writes. */
  unsigned long looks = b->situation->capacity == sl_order_ring_slots(&b->ring) ? 1 : 2;
  if (is_writing(b) && suspension_stop() <= looks + 1 && !suspension_is_disturbed()) {
    /* Its number is not there yet: nothing behind it comes out, and there is room up to the capacity. */
    uint64_t capacity = b->situation->capacity;
    while (get(b) != SL_ORDER_NOTHING) {}
    for (uint64_t n = 1; n < capacity; n++)
      if (!put(b, b->upcoming++, false)) suspension_fail("no room %lu behind a number that is not written", (unsigned long)n);
    if (put(b, b->upcoming, false)) suspension_fail("more than the capacity");
    if (get(b) != SL_ORDER_NOTHING) suspension_fail("taken out of order");
    for (int n = 0; n < SUSPENSION_OPERATIONS; n++) get(b);
    return;
  }
  suspension_team(SUSPENSION_TEAM, work, b);
  if (may_pass(b) && passes(b, 100) < 100) suspension_fail("a thread that has taken nothing holds others up");
}

static const char *const disturbances[] = {"a number written", "a number taken", "both", NULL};

static void disturb(void *context, unsigned which) {
  books *b = (books *)context;
  if (which != 1 && put(b, b->upcoming, false)) b->upcoming++;
  if (which != 0) get(b);
}

static void tear_down(void *context) {
  books *b = (books *)context;
  while (get(b) != SL_ORDER_NOTHING) {}
  size_t left = 0, missing = 0;
  for (size_t slot = 0; slot < sl_order_ring_slots(&b->ring); slot++)
    left += sl_order_ring_left(&b->ring, slot, sizeof(uint64_t)) != NULL;
  for (size_t n = 0; n < NUMBERS; n++) missing += b->written[n] != b->taken[n];
  if (left != missing) suspension_fail("%zu elements are missing, and %zu are left", missing, left);
  sl_order_ring_destroy(&b->ring);
}

void test_order_ring(void) {
  static const situation situations[] = {
      {"capacity 1, empty", 1, 0, 0},
      {"capacity 1, full", 1, 0, 1},
      {"capacity 4, two inside", 4, 0, 2},
      {"capacity 3, full, at the wrap-around", 3, UINT64_MAX - 1, 3},
      {"capacity 3, one inside", 3, 0, 1},
  };
  enum { SITUATIONS = sizeof situations / sizeof situations[0] };
  static const struct {
    const char *name;
    unsigned most_steps;
  } operations[OPERATIONS] = {{"write", 5}, {"skip", 5}, {"take", 0}, {"look", 5}};
  static books b;
  for (int o = 0; o < OPERATIONS; o++) {
    suspension_tally tally = {0, 0, 0};
    for (int s = 0; s < SITUATIONS; s++) {
      b.operation = (operation)o;
      b.situation = &situations[s];
      suspension_case c = {
          .subject = "sl_order_ring",
          .operation = operations[o].name,
          .situation = situations[s].name,
          .context = &b,
          .set_up = set_up,
          .run = run,
          .others = others,
          .tear_down = tear_down,
          .disturbances = disturbances,
          .disturb = disturb,
          .most_steps = operations[o].most_steps,
      };
      suspension_sweep(&c, &tally);
    }
    char remark[64] = "";
    if (operations[o].most_steps != 0) snprintf(remark, sizeof remark, " (wait-free: %u)", operations[o].most_steps);
    suspension_report("sl_order_ring", operations[o].name, SITUATIONS, &tally, remark);
  }
}
