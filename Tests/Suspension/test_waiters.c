/*
 * sl_waiters.h: who notifies, waits or cancels goes on whoever is stopped, and a stopped one keeps at most one
 * notification from the others.
 *
 * What is waited for are permits. Tasks, which are callbacks, get as many as there are and then wait; each put
 * brings some and notifies. So at rest there is no permit while somebody sleeps: while the victim is stopped,
 * one at most (the notification that it keeps), and when it has ended, none. The time of a victim that waits
 * as a thread passes only while it is parked, which is no place to be stopped in.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_waiters.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

/* The keeper waits on and on and does not end its wait, so that it may be woken at any time. */
enum { TASKS = 4, KEEPER = TASKS, VICTIM, ALL_TASKS };
enum { TIMEOUT = 1000, MOST_SEATS = 64 };

typedef enum { NOTIFY, PUT, PUT_ALL, GIVE_UP, SUSPEND, WAKE, WAIT, WAIT_TIMED, OPERATIONS } operation;

static const char *const names[OPERATIONS] = {
    "notify", "put and notify", "put, notify all", "announce and end", "wait (callback)", "wake", "wait (thread)",
    "wait (timed)"};

typedef struct {
  const char *name;
  uint32_t asleep;   /* tasks that wait */
  uint32_t passed;   /* notifications before: whose turn it is to be notified */
  uint32_t seats;    /* that are in use in the first page, by nobody who can be notified */
  bool asymmetric;   /* barriers; each announcement is then a system call */
  bool calm;         /* no disturbances */
} situation;

typedef struct {
  sl_wait wait;
  bool begun;
  uint32_t asleep, woken;
} task;

typedef struct {
  operation operation;
  const situation *situation;
  sl_waiters waiters;
  sl_wait dummies[MOST_SEATS];
  task tasks[ALL_TASKS];
  sl_atomic_u32 permits;
  uint32_t puts, gets;
  uint32_t putters; /* of the team, still at work */
  uint64_t clock;
  bool clock_stands; /* but for the victim, when it parks */
} books;

static books b;

/* ---- Permits and tasks ----------------------------------------------------------------------- */

static uint32_t permits(void) { return __atomic_load_n(&b.permits.value, __ATOMIC_SEQ_CST); }

static bool try_get(void) {
  uint32_t n = sl_load_relaxed_u32(&b.permits);
  while (n > 0) {
    if (!sl_cas_relaxed_u32(&b.permits, &n, n - 1)) continue;
    __atomic_fetch_add(&b.gets, 1, __ATOMIC_RELAXED);
    return true;
  }
  return false;
}

static void put(uint32_t n, size_t notified) {
  __atomic_fetch_add(&b.puts, n, __ATOMIC_RELAXED);
  sl_fetch_add_relaxed_u32(&b.permits, n);
  sl_waiters_notify(&b.waiters, notified);
}

static void wake(void *context) {
  task *t = (task *)context;
  if (__atomic_exchange_n(&t->asleep, 0, __ATOMIC_SEQ_CST) == 0) suspension_fail("a task is woken that is awake");
  __atomic_store_n(&t->woken, 1, __ATOMIC_SEQ_CST);
}

/* Gets all that there is, and then goes to sleep. */
static void run_task(task *t) {
  if (t->begun) sl_wait_resumed(&t->wait);
  for (bool announced = false;;) {
    if (try_get()) {
      if (t->begun && t != &b.tasks[KEEPER]) {
        sl_wait_end(&t->wait);
        t->begun = false;
      }
      announced = false;
    } else if (!announced) {
      if (!t->begun) sl_wait_begin(&t->wait, &b.waiters, UINT64_MAX);
      t->begun = true;
      if (!sl_wait_announce(&t->wait)) suspension_fail("out of memory");
      announced = true;
    } else {
      __atomic_store_n(&t->asleep, 1, __ATOMIC_SEQ_CST);
      if (sl_wait_suspend(&t->wait, wake, t)) return;
      if (__atomic_exchange_n(&t->asleep, 0, __ATOMIC_SEQ_CST) == 0) suspension_fail("woken, and not suspended");
      sl_wait_resumed(&t->wait);
      announced = false;
    }
  }
}

/* By another than the victim. */
static void run_other(task *t) {
  uint64_t before = suspension_begin();
  run_task(t);
  suspension_end(before);
}

static void put_other(void *unused) {
  (void)unused;
  uint64_t before = suspension_begin();
  put(1, 1);
  suspension_end(before);
}

/* The tasks that have been woken, each run by who finds it first. False: there were none. */
static bool run_woken(void) {
  bool any = false;
  for (int i = 0; i < ALL_TASKS; i++) {
    if (__atomic_exchange_n(&b.tasks[i].woken, 0, __ATOMIC_SEQ_CST) == 0) continue;
    run_other(&b.tasks[i]);
    any = true;
  }
  return any;
}

static bool is_new(const task *t) { return !t->begun && t->woken == 0; }

/* ---- The case -------------------------------------------------------------------------------- */

static void set_up(void *unused) {
  (void)unused;
  const situation *s = b.situation;
  memset(b.tasks, 0, sizeof b.tasks);
  b.permits.value = b.puts = b.gets = 0;
  b.clock = 1;
  b.clock_stands = true;
  sl_barrier_is_asymmetric_ = s->asymmetric;
  sl_waiters_init(&b.waiters);
  b.waiters.most_spins_ = 2; /* more of the same would be more of the same */
  sl_store_relaxed_u32(&b.waiters.spin_limit_, 2);
  for (uint32_t i = 0; i < s->seats; i++) {
    sl_wait_begin(&b.dummies[i], &b.waiters, UINT64_MAX);
    if (!sl_wait_announce(&b.dummies[i])) suspension_fail("out of memory");
  }
  sl_waiters_notify_all(&b.waiters);
  for (uint32_t i = 0; i < s->asleep; i++) run_task(&b.tasks[i]);
  for (uint32_t i = 0; i < s->passed; i++) {
    put(1, 1);
    while (run_woken()) continue;
  }
  if (b.operation == WAKE) run_task(&b.tasks[KEEPER]);
}

/* The futex wait of a victim that waits without an end, which others would end. */
static void be_woken(const sl_atomic_u32 *word, uint32_t expected) {
  for (int i = 0; i <= ALL_TASKS; i++) {
    if (__atomic_load_n(&word->value, __ATOMIC_SEQ_CST) != expected) return;
    suspension_by_another(put_other, NULL);
  }
  suspension_fail("a thread that is parked is not woken by %d notifications", ALL_TASKS + 1);
}

bool __real_sl_futex_wait(sl_atomic_u32 *word, uint32_t expected, uint64_t timeout);
bool __wrap_sl_futex_wait(sl_atomic_u32 *word, uint32_t expected, uint64_t timeout);
bool __wrap_sl_futex_wait(sl_atomic_u32 *word, uint32_t expected, uint64_t timeout) {
  if (!b.clock_stands) return __real_sl_futex_wait(word, expected, timeout);
  if (timeout == UINT64_MAX) {
    be_woken(word, expected);
    return true;
  }
  if (__atomic_load_n(&word->value, __ATOMIC_SEQ_CST) != expected) return true;
  b.clock += timeout;
  return false;
}

uint64_t __real_sl_now_nanoseconds(void);
uint64_t __wrap_sl_now_nanoseconds(void);
uint64_t __wrap_sl_now_nanoseconds(void) { return b.clock_stands ? b.clock : __real_sl_now_nanoseconds(); }

static void wait_as_thread(uint64_t timeout) {
  sl_wait wait;
  bool got;
  sl_wait_begin(&wait, &b.waiters, timeout);
  while (!(got = try_get())) {
    if (!sl_wait_step(&wait)) break;
  }
  sl_wait_end(&wait);
  if (!got && timeout == UINT64_MAX) suspension_fail("a wait without an end has ended");
  if (!got && b.clock < timeout) suspension_fail("a wait has ended before its time");
}

/* Gets a permit, or gives up: a notification that it has not needed goes to another. */
static void announce_and_end(void) {
  sl_wait wait;
  sl_wait_begin(&wait, &b.waiters, UINT64_MAX);
  if (!sl_wait_announce(&wait)) suspension_fail("out of memory");
  (void)try_get();
  sl_wait_end(&wait);
}

static void run(void *unused) {
  (void)unused;
  switch (b.operation) {
  case NOTIFY: sl_waiters_notify(&b.waiters, 1); break;
  case PUT: put(1, 1); break;
  case PUT_ALL: put(ALL_TASKS, SIZE_MAX); break;
  case GIVE_UP: announce_and_end(); break;
  case SUSPEND: run_task(&b.tasks[VICTIM]); break;
  case WAKE: sl_wait_wake(&b.tasks[KEEPER].wait); break;
  case WAIT: wait_as_thread(UINT64_MAX); break;
  case WAIT_TIMED: wait_as_thread(TIMEOUT); break;
  case OPERATIONS: break;
  }
}

/* ---- The others ------------------------------------------------------------------------------ */

/* One thread: a put, and whoever is woken by it gets. */
static void put_and_get(uint32_t rounds) {
  uint32_t kept = 0;
  for (uint32_t n = 0; n < rounds; n++) {
    put_other(NULL);
    while (run_woken()) continue;
    if (permits() != 0) kept++;
    if (kept > 1) suspension_fail("two notifications have woken nobody, and four wait");
  }
}

static void work(void *unused, unsigned index) {
  (void)unused;
  if (index < 2) {
    for (int n = 0; n < SUSPENSION_OPERATIONS / 4; n++) put_other(NULL);
    __atomic_fetch_sub(&b.putters, 1, __ATOMIC_SEQ_CST);
  } else {
    while (run_woken() || __atomic_load_n(&b.putters, __ATOMIC_SEQ_CST) != 0) sched_yield();
  }
}

static void others(void *unused) {
  (void)unused;
  for (int i = 0; i < TASKS; i++) {
    if (is_new(&b.tasks[i])) run_other(&b.tasks[i]);
  }
  while (run_woken()) continue;
  bool alone = b.situation->asymmetric || (suspension_is_disturbed() && suspension_number() % 8 != 0);
  put_and_get(alone && !b.situation->asymmetric ? SUSPENSION_OPERATIONS / 2 : 100);
  b.putters = 2;
  if (!alone || b.situation->asymmetric) suspension_team(SUSPENSION_TEAM, work, NULL);
  while (run_woken()) continue;
  if (permits() > 1) suspension_fail("%u permits are left, and four wait for them", permits());
}

static const char *const disturbances[] = {
    "a put", "a put that is acted upon before the next", "a waiter comes", "a task is woken", NULL};

static void disturb(void *unused, unsigned which) {
  (void)unused;
  task *t = &b.tasks[0];
  switch (which) {
  case 0:
    put_other(NULL);
    while (run_woken()) continue;
    break;
  case 1:
    while (run_woken()) continue;
    put_other(NULL);
    break;
  case 2:
    while (t < &b.tasks[TASKS] && !is_new(t)) t++;
    if (t < &b.tasks[TASKS]) run_other(t);
    break;
  default: /* as if it were cancelled, but it waits again */
    while (t < &b.tasks[TASKS] && t->asleep == 0) t++;
    if (t == &b.tasks[TASKS]) break;
    sl_wait_wake(&t->wait);
    if (t->woken == 0) suspension_fail("wake has not woken");
    while (run_woken()) continue;
  }
}

/* ---- Afterwards ------------------------------------------------------------------------------ */

static void tear_down(void *unused) {
  (void)unused;
  if (is_new(&b.tasks[0])) run_task(&b.tasks[0]);
  while (run_woken()) continue;
  if (permits() != 0) suspension_fail("a wake-up is lost: %u permits, and somebody waits", permits());
  if (b.puts != b.gets) suspension_fail("%u permits were put and %u got", b.puts, b.gets);

  for (uint32_t i = 0; i < b.situation->seats; i++) sl_wait_end(&b.dummies[i]);
  for (int i = 0; i < ALL_TASKS; i++) {
    task *t = &b.tasks[i];
    if (!t->begun) continue;
    sl_wait_wake(&t->wait);
    if (t->asleep != 0) suspension_fail("wake has not woken task %d", i);
    sl_wait_end(&t->wait);
  }
  for (sl_waiters_page *page = &b.waiters.first_; page != NULL;) {
    if (page->announced_.value != 0) suspension_fail("the seats %#lx still wait", (long)page->announced_.value);
    if (page->used_.value != 0) suspension_fail("the seats %#lx are not given back", (long)page->used_.value);
    page = (sl_waiters_page *)(uintptr_t)page->next_.value;
  }
  sl_waiters_destroy(&b.waiters);
  b.clock_stands = false;
}

/* ---- Sweeps ---------------------------------------------------------------------------------- */

static const situation situations[] = {
    {.name = "nobody waits"},
    {.name = "one waits", .asleep = 1, .calm = true},
    {.name = "four wait", .asleep = 4},
    {.name = "four wait, the second one's turn", .asleep = 4, .passed = 1},
    {.name = "four wait, two of them on another page", .asleep = 4, .seats = 62, .calm = true},
    {.name = "nobody waits, and the first page is full", .seats = 64, .calm = true},
    {.name = "two wait, and the first page is full", .asleep = 2, .seats = 64},
    {.name = "nobody waits, asymmetric barriers", .asymmetric = true, .calm = true},
    {.name = "four wait, asymmetric barriers", .asleep = 4, .asymmetric = true, .calm = true},
};

/* Those that take the most steps are disturbed only where they take other paths than the rest. */
static bool is_calm(operation o, const situation *s) {
  if (s->passed != 0) return o != GIVE_UP;
  return s->calm || ((o == PUT_ALL || o == WAIT) && s->seats != 0) || (o == WAIT_TIMED && s->asleep != 0);
}

static void stop_in(operation o) {
  suspension_tally tally = {0, 0, 0};
  unsigned n = sizeof situations / sizeof situations[0], used = 0;
  for (unsigned i = 0; i < n; i++) {
    const situation *s = &situations[i];
    if (s->asymmetric && !sl_process_barrier_available()) continue;
    b.operation = o;
    b.situation = s;
    suspension_case c = {
        .subject = "sl_waiters",
        .operation = names[o],
        .situation = s->name,
        .context = NULL,
        .set_up = set_up,
        .run = run,
        .others = others,
        .tear_down = tear_down,
        .disturbances = is_calm(o, s) ? NULL : disturbances,
        .disturb = disturb,
    };
    suspension_sweep(&c, &tally);
    used++;
  }
  suspension_report("sl_waiters", names[o], used, &tally, "");
}

/* A fence, unless the barriers are asymmetric, and two loads, and nobody could make it more. */
static void show_that_notify_is_wait_free(void) {
  static const situation nobody_waits[] = {{.name = "symmetric"}, {.name = "asymmetric", .asymmetric = true}};
  for (int i = 0; i < 2; i++) {
    b.operation = NOTIFY;
    b.situation = &nobody_waits[i];
    set_up(NULL);
    uint64_t before = suspension_steps();
    sl_waiters_notify(&b.waiters, 1);
    uint64_t steps = suspension_steps() - before;
    if (steps > (i == 0 ? 3 : 2)) suspension_fail("notify takes %lu steps though nobody waits", (unsigned long)steps);
    tear_down(NULL);
  }
  printf("%-18s %-17s is wait-free while nobody waits: 3 steps, or 2 with asymmetric barriers\n", "sl_waiters",
         "notify");
}

void test_waiters(void) {
  bool asymmetric = sl_barrier_is_asymmetric_;
  show_that_notify_is_wait_free();
  for (int o = 0; o < OPERATIONS; o++) stop_in((operation)o);
  sl_barrier_is_asymmetric_ = asymmetric;
}
