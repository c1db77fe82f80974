/*
 * sl_event_count.h: announce and retract are wait-free, take is lock-free. Waiters that announce themselves and
 * retract, and notifiers that take, go on whoever is stopped; each announcement ends once, by its retraction or
 * by one notifier, or still stands. The victim is a waiter, or a notifier, of its own.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_event_count.h"

#include <stdio.h>
#include <string.h>

/* Two words, the second one not full. */
enum { WAITERS = 70, VICTIM_WAITER = 2, DISTURBER_WAITER = 3, LAST_WORDS_WAITER = 69 };

typedef struct {
  const char *name;
  const uint32_t *announced; /* ended by SL_EVENT_COUNT_NONE */
} situation;

typedef enum { ANNOUNCE, RETRACT, TAKE } operation;

typedef struct {
  operation operation;
  const situation *situation;
  sl_event_count event;
  sl_atomic_u64 words[2];
  uint32_t taken; /* by the victim */
  bool retracted; /* by the victim */
  /* Announcements less those that have ended: 1 where the bit stands, otherwise 0. */
  int32_t standing[WAITERS];
} books;

static void note(books *b, uint32_t waiter, int32_t change) {
  __atomic_fetch_add(&b->standing[waiter], change, __ATOMIC_RELAXED);
}

static void announce(books *b, uint32_t waiter) {
  uint64_t before = suspension_begin();
  sl_event_count_announce(&b->event, waiter);
  if (suspension_end(before) > 2) suspension_fail("announce is not wait-free");
  note(b, waiter, 1);
}

static void retract(books *b, uint32_t waiter) {
  uint64_t before = suspension_begin();
  bool retracted = sl_event_count_retract(&b->event, waiter);
  if (suspension_end(before) > 1) suspension_fail("retract is not wait-free");
  if (retracted) note(b, waiter, -1);
}

static bool take(books *b) {
  uint64_t before = suspension_begin();
  uint32_t waiter = sl_event_count_take(&b->event);
  suspension_end(before);
  if (waiter == SL_EVENT_COUNT_NONE) return false;
  if (waiter >= WAITERS) suspension_fail("took waiter %u, which does not exist", waiter);
  note(b, waiter, -1);
  return true;
}

static void set_up(void *context) {
  books *b = (books *)context;
  memset(b->standing, 0, sizeof b->standing);
  sl_event_count_init(&b->event, b->words, WAITERS);
  for (const uint32_t *w = b->situation->announced; *w != SL_EVENT_COUNT_NONE; w++) announce(b, *w);
  if (b->operation == RETRACT) announce(b, VICTIM_WAITER);
  b->taken = SL_EVENT_COUNT_NONE;
  b->retracted = false;
}

static void run(void *context) {
  books *b = (books *)context;
  switch (b->operation) {
  case ANNOUNCE: sl_event_count_announce(&b->event, VICTIM_WAITER); break;
  case RETRACT: b->retracted = sl_event_count_retract(&b->event, VICTIM_WAITER); break;
  case TAKE: b->taken = sl_event_count_take(&b->event); break;
  }
}

static void work(void *context, unsigned index) {
  books *b = (books *)context;
  for (int n = 0; n < SUSPENSION_OPERATIONS / SUSPENSION_TEAM; n += 2) {
    if (index < 2) {
      announce(b, index);
      retract(b, index);
    } else {
      take(b);
      take(b);
    }
  }
}

static void others(void *context) {
  books *b = (books *)context;
  suspension_team(SUSPENSION_TEAM, work, b);
  /* Alone, a notifier finds each waiter that stands, in as many tries as there can be. */
  announce(b, LAST_WORDS_WAITER);
  int n = 0;
  while (take(b)) n++;
  if (n < 1 || n > WAITERS) suspension_fail("a notifier alone took %d waiters", n);
  for (uint32_t i = 0; i < WAITERS; i++) {
    if (sl_event_count_is_announced(&b->event, i)) suspension_fail("take left waiter %u", i);
  }
}

static const char *const disturbances[] = {"an announcement", "a retraction", "a take", "all of these", NULL};

static void disturb(void *context, unsigned which) {
  books *b = (books *)context;
  switch (which) {
  case 0:
  case 1: /* in turn, since a waiter announces itself once */
    if (sl_event_count_is_announced(&b->event, DISTURBER_WAITER) == (which == 1)) {
      if (which == 0)
        announce(b, DISTURBER_WAITER);
      else
        retract(b, DISTURBER_WAITER);
    }
    break;
  case 2: take(b); break;
  default:
    if (!sl_event_count_is_announced(&b->event, DISTURBER_WAITER)) announce(b, DISTURBER_WAITER);
    take(b);
    retract(b, DISTURBER_WAITER);
  }
}

static void tear_down(void *context) {
  books *b = (books *)context;
  if (b->operation == ANNOUNCE) note(b, VICTIM_WAITER, 1);
  if (b->retracted) note(b, VICTIM_WAITER, -1);
  if (b->taken != SL_EVENT_COUNT_NONE) note(b, b->taken, -1);
  for (uint32_t i = 0; i < WAITERS; i++) {
    int32_t bit = sl_event_count_is_announced(&b->event, i) ? 1 : 0;
    if (b->standing[i] != bit) {
      suspension_fail("waiter %u: %d announcements have not ended, and its bit is %d", i, b->standing[i], bit);
    }
  }
}

void test_event_count(void) {
  static const uint32_t none[] = {SL_EVENT_COUNT_NONE}, one[] = {5, SL_EVENT_COUNT_NONE},
                        last[] = {68, SL_EVENT_COUNT_NONE},
                        many[] = {5, 6, 62, 63, 64, 68, SL_EVENT_COUNT_NONE};
  static const situation situations[] = {
      {"nobody waits", none}, {"one waits", one}, {"one waits, in the last word", last}, {"many wait", many}};
  static const struct {
    const char *name;
    unsigned most_steps;
  } operations[] = {{"announce", 2}, {"retract", 1}, {"take", 0}};
  static books b;
  for (int o = 0; o < 3; o++) {
    suspension_tally tally = {0, 0, 0};
    for (int s = 0; s < 4; s++) {
      b.operation = (operation)o;
      b.situation = &situations[s];
      suspension_case c = {
          .subject = "sl_event_count",
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
    if (operations[o].most_steps != 0) {
      snprintf(remark, sizeof remark, " (wait-free: %u)", operations[o].most_steps);
    }
    suspension_report("sl_event_count", operations[o].name, 4, &tally, remark);
  }
}
