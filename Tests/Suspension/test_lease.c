/*
 * sl_lease.h: enter is wait-free, and nothing that a stopped driver or revoker has done keeps the other's calls
 * from returning, but for settle, which waits for a revoker in the middle of its steps, and says so: that it
 * does is shown here too. A request is granted or withdrawn, never both and never neither.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_lease.h"

#include <stdio.h>

enum { STAGE = 3, POSITIONS = 8 };

typedef enum { ENTER, REVOKE, STOP_RUN, REQUEST, WITHDRAW, TAKE_WANTED, GRANT, OPERATIONS } operation;

typedef enum { NEW, REQUESTED, REVOKED, SITUATIONS } situation;

static const char *const situation_names[SITUATIONS] = {"new", "a request stands", "revoked before"};

/* The most steps that each takes (the header promises that of enter alone, but all are bounded), and the
 * situations that it is called in. */
static const struct {
  const char *name;
  unsigned most_steps;
  const char *promise;
  bool in[SITUATIONS];
} descriptions[OPERATIONS] = {
    [ENTER] = {"enter", 2, " (wait-free: 2)", {[NEW] = true, [REVOKED] = true}},
    [REVOKE] = {"revoke", 5, " (bounded: 5)", {[NEW] = true}},
    [STOP_RUN] = {"stop_run", 1, " (bounded: 1)", {[NEW] = true, [REVOKED] = true}},
    [REQUEST] = {"request", 3, " (bounded: 3)", {[NEW] = true}},
    [WITHDRAW] = {"withdraw", 2, " (bounded: 2)", {[REQUESTED] = true}},
    [TAKE_WANTED] = {"take_wanted", 3, " (bounded: 3)", {[NEW] = true, [REQUESTED] = true}},
    [GRANT] = {"grant", 1, " (bounded: 1)", {[REQUESTED] = true}},
};

typedef struct {
  operation operation;
  situation situation;
  sl_lease driver, holder;
  bool done; /* what the victim's operation returned */
  sl_lease *wanted;
  bool open; /* the driver has a request that it has not withdrawn */
  /* Requests that a holder granted, and those that the driver found granted. */
  uint32_t granted, found_granted;
} books;

/* All that a revoker does; whether it was its turn. */
static bool revoke(sl_lease *l) {
  if (!sl_lease_begin_revoke(l)) return false;
  uint32_t position = sl_lease_revoked_position(l);
  if (position >= POSITIONS) suspension_fail("the driver is at %u, where it never was", position);
  sl_lease_end_revoke(l);
  return true;
}

/* The driver asks, or, the next time, asks no longer. */
static void ask_or_withdraw(books *b) {
  if (!b->open)
    sl_lease_request(&b->driver, &b->holder, STAGE);
  else if (sl_lease_withdraw(&b->driver, STAGE))
    b->found_granted++;
  b->open = !b->open;
}

static void grant(books *b) {
  sl_lease *driver = sl_lease_take_wanted(&b->holder, STAGE);
  if (driver != NULL && sl_lease_grant(driver, STAGE)) b->granted++;
}

static void set_up(void *context) {
  books *b = (books *)context;
  sl_lease_init(&b->driver, 1, NULL);
  sl_lease_init(&b->holder, 2, NULL);
  sl_lease_activate(&b->driver);
  b->done = b->open = false;
  b->wanted = NULL;
  b->granted = b->found_granted = 0;
  if (b->situation == REQUESTED) ask_or_withdraw(b);
  if (b->situation == REVOKED) revoke(&b->driver);
}

static void run(void *context) {
  books *b = (books *)context;
  switch (b->operation) {
  case ENTER: b->done = sl_lease_enter(&b->driver, 1); break;
  case REVOKE: b->done = revoke(&b->driver); break;
  case STOP_RUN: sl_lease_stop_run(&b->driver); break;
  case REQUEST: sl_lease_request(&b->driver, &b->holder, STAGE); break;
  case WITHDRAW: b->done = sl_lease_withdraw(&b->driver, STAGE); break;
  case TAKE_WANTED: b->wanted = sl_lease_take_wanted(&b->holder, STAGE); break;
  case GRANT: b->done = sl_lease_grant(&b->driver, STAGE); break;
  case OPERATIONS: break;
  }
}

static bool is_of_driver(operation o) { return o == ENTER || o == REQUEST || o == WITHDRAW; }
static bool is_of_holder(operation o) { return o == TAKE_WANTED || o == GRANT; }

/* Index 0: the driver. 1: the holder of the token that it wants. 2: the revoker. Not the one that is stopped. */
static void work(void *context, unsigned index) {
  books *b = (books *)context;
  operation o = b->operation;
  for (int n = 0; n < SUSPENSION_OPERATIONS / 2; n++) {
    if (index == 0 && !is_of_driver(o)) {
      uint64_t before = suspension_begin();
      sl_lease_enter(&b->driver, (uint32_t)n % POSITIONS);
      if (suspension_end(before) > 2) suspension_fail("the driver's enter is not wait-free");
      ask_or_withdraw(b);
    } else if (index == 1 && !is_of_holder(o)) {
      grant(b);
    } else if (index == 2) {
      if (o != REVOKE) revoke(&b->driver);
      sl_lease_stop_run(&b->driver);
    }
  }
}

static void others(void *context) { suspension_team(3, work, context); }

static const char *const disturbances[] = {"the peer's half of it", NULL};

static void disturb(void *context, unsigned which) {
  books *b = (books *)context;
  (void)which;
  switch (b->operation) {
  case ENTER: revoke(&b->driver); break;
  case REVOKE:
  case STOP_RUN: sl_lease_enter(&b->driver, 2); break;
  case REQUEST:
  case WITHDRAW: grant(b); break;
  case TAKE_WANTED:
  case GRANT: ask_or_withdraw(b); break;
  case OPERATIONS: break;
  }
}

static void tear_down(void *context) {
  books *b = (books *)context;
  switch (b->operation) {
  case ENTER:
    if (sl_lease_revoked_position(&b->driver) != 1) suspension_fail("the driver is not seen at 1");
    break;
  case REVOKE:
    if (!b->done) suspension_fail("the only revoker had no turn");
    if ((sl_lease_stop(&b->driver) & SL_LEASE_REVOKED) == 0) suspension_fail("revoked, and nobody sees it");
    sl_lease_settle(&b->driver);
    break;
  case STOP_RUN:
    if ((sl_lease_stop(&b->driver) & SL_LEASE_RUN_ENDED) == 0) suspension_fail("stopped, and nobody sees it");
    break;
  case REQUEST: b->open = true; break;
  case WITHDRAW:
    if (b->done) b->found_granted++;
    b->open = false;
    break;
  case TAKE_WANTED:
    if (b->wanted != NULL && sl_lease_grant(b->wanted, STAGE)) b->granted++;
    break;
  case GRANT:
    if (b->done) b->granted++;
    break;
  case OPERATIONS: break;
  }
  if (b->open) ask_or_withdraw(b);
  if (b->granted != b->found_granted) {
    suspension_fail("%u requests were granted, and the driver found %u", b->granted, b->found_granted);
  }
}

/* ---- Settle waits ---------------------------------------------------------------------------- */

enum { MANY_STEPS = 1000 };

static void set_up_settle(void *context) {
  set_up(context);
  if (!sl_lease_begin_revoke(&((books *)context)->driver)) suspension_fail("the lease cannot be revoked");
}

static void settle(void *context) { sl_lease_settle(&((books *)context)->driver); }

static void end_revoke(void *context) { sl_lease_end_revoke(&((books *)context)->driver); }

static void nothing(void *context) { (void)context; }

static void show_that_settle_waits(books *b) {
  suspension_tally tally = {0, 0, 0};
  suspension_case c = {
      .subject = "sl_lease",
      .operation = "settle",
      .situation = "a revoker stands still",
      .context = b,
      .set_up = set_up_settle,
      .run = settle,
      .others = end_revoke, /* lets it out again */
      .tear_down = nothing,
  };
  if (!suspension_at(&c, MANY_STEPS, &tally)) suspension_fail("settle did not wait for the revoker");
  printf("%-18s %-17s waits for a stopped revoker, as it says (%d steps and no end)\n", "sl_lease", "settle",
         MANY_STEPS);
}

void test_lease(void) {
  static books b;
  if (!sl_process_barrier_available()) {
    printf("%-18s is not used where membarrier(2) is missing, as here\n", "sl_lease");
    return;
  }
  for (int o = 0; o < OPERATIONS; o++) {
    suspension_tally tally = {0, 0, 0};
    unsigned situations = 0;
    for (int s = 0; s < SITUATIONS; s++) {
      if (!descriptions[o].in[s]) continue;
      b.operation = (operation)o;
      b.situation = (situation)s;
      suspension_case c = {
          .subject = "sl_lease",
          .operation = descriptions[o].name,
          .situation = situation_names[s],
          .context = &b,
          .set_up = set_up,
          .run = run,
          .others = others,
          .tear_down = tear_down,
          .disturbances = disturbances,
          .disturb = disturb,
          .most_steps = descriptions[o].most_steps,
      };
      suspension_sweep(&c, &tally);
      situations++;
    }
    suspension_report("sl_lease", descriptions[o].name, situations, &tally, descriptions[o].promise);
  }
  show_that_settle_waits(&b);
}
