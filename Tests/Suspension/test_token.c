/*
 * sl_token.h: all functions but wait_thread are wait-free or lock-free. While the victim is stopped in one, its
 * token may lie where the victim left it, and all calls of others return. At any time one thread or lease holds
 * the token, or a wake-up for it is under way, or it is parked; a parked one can be woken.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_token.h"

#include <stdio.h>

enum { LEASE = 7, OTHER_LEASE = 9 };

typedef enum {
  BEGIN, PARK, PARK_THREAD, UNPARK, UNPARK_WAITING, RESUMED, END, TRY_LEASE, TRY_LEASE_DORMANT, ROUSE, ACCEPT,
  UNLEASE, OPERATIONS
} operation;

typedef struct {
  const char *name;
  unsigned most_steps; /* 0: lock-free */
  /* States that it is called in: the holder's functions only in its own. -1 ends. */
  int states[10];
} description;

#define ANY_STATE {SL_TOKEN_PARKED, SL_TOKEN_QUEUED, SL_TOKEN_RUNNING, SL_TOKEN_NOTIFIED, SL_TOKEN_THREAD_PARKED, \
                   SL_TOKEN_TASK_PARKED, SL_TOKEN_ENDED, SL_TOKEN_LEASED + LEASE, SL_TOKEN_DORMANT + LEASE, -1}

static const description descriptions[OPERATIONS] = {
    [BEGIN] = {"begin", 1, {SL_TOKEN_QUEUED, -1}},
    [PARK] = {"park", 2, {SL_TOKEN_RUNNING, SL_TOKEN_NOTIFIED, -1}},
    [PARK_THREAD] = {"park (thread)", 2, {SL_TOKEN_RUNNING, SL_TOKEN_NOTIFIED, -1}},
    [UNPARK] = {"unpark", 0, ANY_STATE},
    [UNPARK_WAITING] = {"unpark_waiting", 0, ANY_STATE},
    [RESUMED] = {"resumed", 1, {SL_TOKEN_NOTIFIED, -1}},
    [END] = {"end", 1, {SL_TOKEN_RUNNING, SL_TOKEN_NOTIFIED, -1}},
    [TRY_LEASE] = {"try_lease", 1, ANY_STATE},
    [TRY_LEASE_DORMANT] = {"try_lease_dormant", 1, ANY_STATE},
    [ROUSE] = {"rouse", 1, {SL_TOKEN_DORMANT + LEASE, -1}},
    [ACCEPT] = {"accept", 1, {SL_TOKEN_RUNNING, SL_TOKEN_NOTIFIED, -1}},
    [UNLEASE] = {"unlease", 2, {SL_TOKEN_LEASED + LEASE, SL_TOKEN_DORMANT + LEASE, -1}},
};

typedef struct {
  operation operation;
  uint32_t state; /* at the beginning */
  sl_token token;
  bool done;      /* what the victim's operation returned, if that is a bool */
  sl_wake wake;   /* or a wake-up */
  /* Threads that hold the token, by being told to run it or by a lease; never two. */
  int32_t holders;
  uint32_t queued; /* a wake-up that nobody has acted upon yet */
} books;

static void hold(books *b) {
  if (__atomic_fetch_add(&b->holders, 1, __ATOMIC_SEQ_CST) != 0) suspension_fail("two hold the token");
}

/* Before the call that gives it up, so that who gets it next finds nobody. */
static void let_go(books *b) { __atomic_fetch_sub(&b->holders, 1, __ATOMIC_SEQ_CST); }

static bool is_held(uint32_t state) { return state != SL_TOKEN_PARKED && state != SL_TOKEN_ENDED; }

static void set_up(void *context) {
  books *b = (books *)context;
  sl_token_init(&b->token, b->state);
  b->holders = is_held(b->state) ? 1 : 0;
  b->queued = 0;
  b->done = false;
  b->wake = SL_WAKE_NOTHING;
}

static void run(void *context) {
  books *b = (books *)context;
  sl_token *t = &b->token;
  switch (b->operation) {
  case BEGIN: sl_token_begin(t); break;
  case PARK:
    let_go(b);
    b->done = sl_token_park(t, SL_TOKEN_PARKED);
    if (!b->done) hold(b);
    break;
  case PARK_THREAD: b->done = sl_token_park(t, SL_TOKEN_THREAD_PARKED); break;
  case UNPARK: b->wake = sl_token_unpark(t); break;
  case UNPARK_WAITING: b->wake = sl_token_unpark_waiting(t); break;
  case RESUMED: sl_token_resumed(t); break;
  case END:
    let_go(b);
    sl_token_end(t);
    break;
  case TRY_LEASE: b->done = sl_token_try_lease(t, OTHER_LEASE); break;
  case TRY_LEASE_DORMANT: b->done = sl_token_try_lease_dormant(t, OTHER_LEASE); break;
  case ROUSE: b->done = sl_token_rouse(t, LEASE); break;
  case ACCEPT: sl_token_accept(t, LEASE); break;
  case UNLEASE:
    let_go(b);
    b->done = sl_token_unlease(t, LEASE, SL_TOKEN_PARKED);
    break;
  case OPERATIONS: break;
  }
}

static void act_on(books *b, sl_wake wake) {
  if (wake != SL_WAKE_ENQUEUE) return;
  hold(b);
  __atomic_store_n(&b->queued, 1, __ATOMIC_SEQ_CST);
}

/* Whoever finds the token queued runs it and parks it again, for a while. */
static void run_if_queued(books *b) {
  if (__atomic_exchange_n(&b->queued, 0, __ATOMIC_SEQ_CST) == 0) return;
  sl_token_begin(&b->token);
  for (;;) {
    let_go(b);
    if (sl_token_park(&b->token, SL_TOKEN_PARKED)) return;
    hold(b);
  }
}

static void lease_for_a_moment(books *b, bool dormant) {
  sl_token *t = &b->token;
  bool leased = dormant ? sl_token_try_lease_dormant(t, LEASE + 1) : sl_token_try_lease(t, LEASE + 1);
  if (!leased) return;
  hold(b);
  if (dormant && !sl_token_rouse(t, LEASE + 1)) suspension_fail("a dormant lease has lost its token");
  let_go(b);
  if (!sl_token_unlease(t, LEASE + 1, SL_TOKEN_PARKED)) suspension_fail("a lease has lost its token");
}

static void work(void *context, unsigned index) {
  books *b = (books *)context;
  for (int n = 0; n < SUSPENSION_OPERATIONS / SUSPENSION_TEAM; n++) {
    switch (index) {
    case 0: act_on(b, sl_token_unpark(&b->token)); break;
    case 1: act_on(b, n % 2 == 0 ? sl_token_unpark(&b->token) : sl_token_unpark_waiting(&b->token)); break;
    case 2: lease_for_a_moment(b, n % 2 == 0); break;
    default: run_if_queued(b);
    }
  }
}

static void others(void *context) {
  books *b = (books *)context;
  suspension_team(SUSPENSION_TEAM, work, b);
  run_if_queued(b);
  /* If the victim has not taken the token, it can be woken. */
  if (sl_token_state(&b->token) == SL_TOKEN_PARKED) {
    if (sl_token_unpark(&b->token) != SL_WAKE_ENQUEUE) suspension_fail("a parked token is not woken");
    act_on(b, SL_WAKE_ENQUEUE);
    run_if_queued(b);
    if (sl_token_state(&b->token) != SL_TOKEN_PARKED) suspension_fail("a token is not parked again");
  }
}

static const char *const disturbances[] = {"unpark", "unpark, begin and park", "a lease for a moment", NULL};

static void disturb(void *context, unsigned which) {
  books *b = (books *)context;
  if (which == 2) {
    lease_for_a_moment(b, true);
    return;
  }
  act_on(b, sl_token_unpark(&b->token));
  if (which == 1) run_if_queued(b);
}

static bool is(const books *b, uint32_t state) { return sl_token_state(&b->token) == state; }

/* What the victim's operation must have done, whatever the others did: then the token goes back to its place. */
static void tear_down(void *context) {
  books *b = (books *)context;
  sl_token *t = &b->token;
  bool ok = true;
  switch (b->operation) {
  case BEGIN:
  case RESUMED: ok = is(b, SL_TOKEN_RUNNING) || is(b, SL_TOKEN_NOTIFIED); break;
  case PARK_THREAD: ok = is(b, SL_TOKEN_THREAD_PARKED) || is(b, SL_TOKEN_NOTIFIED) || is(b, SL_TOKEN_RUNNING); break;
  case PARK: break;
  case UNPARK:
  case UNPARK_WAITING: act_on(b, b->wake); break;
  case END: ok = is(b, SL_TOKEN_ENDED); break;
  case TRY_LEASE:
  case TRY_LEASE_DORMANT:
    if (!b->done) break;
    hold(b);
    ok = is(b, (b->operation == TRY_LEASE ? SL_TOKEN_LEASED : SL_TOKEN_DORMANT) + OTHER_LEASE);
    let_go(b);
    ok = ok && sl_token_unlease(t, OTHER_LEASE, SL_TOKEN_PARKED);
    break;
  case ROUSE: ok = b->done && sl_token_is_leased(t, LEASE); break;
  case ACCEPT: ok = sl_token_is_leased(t, LEASE); break;
  case UNLEASE: ok = b->done; break;
  case OPERATIONS: break;
  }
  if (!ok) suspension_fail("the token is in state %u afterwards", sl_token_state(t));
  run_if_queued(b);
  int32_t expected = is_held(sl_token_state(t)) ? 1 : 0;
  if (b->holders != expected) suspension_fail("%d hold the token in state %u", b->holders, sl_token_state(t));
}

static void stop_in(operation o) {
  static books b;
  suspension_tally tally = {0, 0, 0};
  const description *d = &descriptions[o];
  unsigned situations = 0;
  for (; d->states[situations] >= 0; situations++) {
    char situation[32];
    b.operation = o;
    b.state = (uint32_t)d->states[situations];
    snprintf(situation, sizeof situation, "in state %#x", b.state);
    suspension_case c = {
        .subject = "sl_token",
        .operation = d->name,
        .situation = situation,
        .context = &b,
        .set_up = set_up,
        .run = run,
        .others = others,
        .tear_down = tear_down,
        .disturbances = disturbances,
        .disturb = disturb,
        .most_steps = d->most_steps,
    };
    suspension_sweep(&c, &tally);
  }
  char remark[64] = "";
  if (d->most_steps != 0) snprintf(remark, sizeof remark, " (wait-free: %u)", d->most_steps);
  suspension_report("sl_token", d->name, situations, &tally, remark);
}

void test_token(void) {
  for (int o = 0; o < OPERATIONS; o++) stop_in((operation)o);
}
