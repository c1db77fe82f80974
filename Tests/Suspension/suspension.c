/* suspension.c: the victim, the team, the watchdog, and what suspension.h says. */
#include "suspension.h"

#include "sl_os.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  WATCHDOG_SECONDS = 20, /* a case takes milliseconds; a loaded machine some more */
  STORM = 8,             /* disturbed steps, when it is not one alone */
  ENDLESS = 5000,        /* an operation of so many steps does not end by itself */
};

__thread uint64_t step_count_;
__thread uint64_t step_of_interest_;
__thread uint64_t suspension_limit_;

typedef struct {
  int which; /* the disturbance; -1: none */
  uint64_t first, last;
} schedule;

static struct {
  sem_t start, arrived, resume;
  const suspension_case *c;
  schedule disturbed;
  uint64_t stop_at; /* 0: nowhere */
  bool stopped;
  uint64_t steps; /* once the operation has ended */
} victim;

static struct {
  sem_t start[SUSPENSION_TEAM], ended;
  void (*body)(void *context, unsigned index);
  void *context;
} team;

static unsigned long case_number;
static char description[512] = "the preparation, before any case\n";

/* ---- Failing ------------------------------------------------------------------------------- */

static void describe(const suspension_case *c, schedule s, uint64_t k) {
  char disturbed[128] = "";
  if (s.which >= 0) {
    snprintf(disturbed, sizeof disturbed, ", disturbed (%s) at steps %lu to %lu", c->disturbances[s.which],
             (unsigned long)s.first, (unsigned long)s.last);
  }
  snprintf(description, sizeof description, "%s, %s, %s%s: stopped at step %lu\n", c->subject, c->operation,
           c->situation, disturbed, (unsigned long)k);
}

_Noreturn void suspension_fail(const char *format, ...) {
  /* Several threads may fail at once: the first one tells. */
  static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&once);
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fputs("FAILED: ", stderr);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n  in %s", description);
  va_end(arguments);
  fflush(stderr);
  _exit(1);
}

static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(2);
}

/* A signal and not a thread: it also comes when every thread is caught in a loop. */
static void watchdog(int signal_number) {
  (void)signal_number;
  say("FAILED: nothing gets on any more\n  in ");
  say(description);
  _exit(1);
}

/* ---- The victim ---------------------------------------------------------------------------- */

static void set_step_of_interest(uint64_t now) {
  uint64_t next = victim.stop_at > now ? victim.stop_at : 0;
  if (victim.disturbed.which >= 0 && victim.disturbed.last > now) {
    uint64_t disturbed = victim.disturbed.first > now ? victim.disturbed.first : now + 1;
    if (next == 0 || disturbed < next) next = disturbed;
  }
  step_of_interest_ = next != 0 ? next : SUSPENSION_ENDLESS;
}

void suspension_by_another(void (*action)(void *context), void *context) {
  uint64_t count = step_count_, interest = step_of_interest_;
  step_of_interest_ = 0;
  action(context);
  step_count_ = count;
  step_of_interest_ = interest;
}

static void disturb(void *unused) {
  (void)unused;
  victim.c->disturb(victim.c->context, (unsigned)victim.disturbed.which);
}

void step_reached_(void) {
  if (suspension_limit_ != 0) { /* not the victim, or the victim in a disturbance */
    suspension_fail("an operation of the others does not end in %d steps", SUSPENSION_ENDLESS);
  }
  uint64_t now = step_count_;
  if (now == SUSPENSION_ENDLESS) suspension_fail("the victim does not end in %d steps", SUSPENSION_ENDLESS);
  const schedule *s = &victim.disturbed;
  if (s->which >= 0 && now >= s->first && now <= s->last) suspension_by_another(disturb, NULL);
  if (now == victim.stop_at) {
    victim.stopped = true;
    sem_post(&victim.arrived);
    sem_wait(&victim.resume);
  }
  set_step_of_interest(now);
}

static void *live_as_victim(void *unused) {
  (void)unused;
  for (;;) {
    sem_wait(&victim.start);
    step_count_ = 0;
    set_step_of_interest(0);
    victim.c->run(victim.c->context);
    victim.steps = step_count_;
    step_(); /* the stop after the last operation, before the caller knows of it */
    step_of_interest_ = 0;
    sem_post(&victim.arrived);
  }
  return NULL;
}

typedef struct {
  void (*body)(void *context);
  void *context;
  uint64_t steps;
  bool others_are_done; /* the destructors of other keys have run once */
} new_thread;

static pthread_key_t end_of_thread;

/* Comes a second time, after the other destructors, which are part of the operation. */
static void note_end_of_thread(void *p) {
  new_thread *t = (new_thread *)p;
  t->steps = step_count_;
  if (t->others_are_done) {
    step_of_interest_ = 0;
    return;
  }
  t->others_are_done = true;
  if (pthread_setspecific(end_of_thread, t) != 0) suspension_fail("no thread-specific value");
}

static void *live_in_new_thread(void *p) {
  new_thread *t = (new_thread *)p;
  if (pthread_setspecific(end_of_thread, t) != 0) suspension_fail("no thread-specific value");
  step_count_ = t->steps;
  set_step_of_interest(step_count_);
  t->body(t->context);
  return NULL;
}

void suspension_in_new_thread(void (*body)(void *context), void *context) {
  new_thread t = {body, context, step_count_, false};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, live_in_new_thread, &t);
  if (error != 0) suspension_fail("no thread: %s", strerror(error));
  pthread_join(thread, NULL);
  step_count_ = t.steps;
  set_step_of_interest(step_count_);
}

/* System calls that others notice are steps as well: the linker puts these in place of the originals. */
void __real_sl_futex_wake(sl_atomic_u32 *word, uint32_t count);
void __wrap_sl_futex_wake(sl_atomic_u32 *word, uint32_t count);
void __wrap_sl_futex_wake(sl_atomic_u32 *word, uint32_t count) {
  step_();
  __real_sl_futex_wake(word, count);
}

void __real_sl_process_barrier(void);
void __wrap_sl_process_barrier(void);
void __wrap_sl_process_barrier(void) {
  step_();
  __real_sl_process_barrier();
}

/* ---- The team ------------------------------------------------------------------------------ */

static void *live_as_member(void *number) {
  unsigned index = (unsigned)(uintptr_t)number;
  for (;;) {
    sem_wait(&team.start[index]);
    team.body(team.context, index);
    sem_post(&team.ended);
  }
  return NULL;
}

void suspension_team(unsigned n, void (*body)(void *context, unsigned index), void *context) {
  team.body = body;
  team.context = context;
  for (unsigned i = 0; i < n; i++) sem_post(&team.start[i]);
  for (unsigned i = 0; i < n; i++) sem_wait(&team.ended);
}

static void start_thread(void *(*life)(void *), void *argument) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, life, argument);
  if (error != 0) suspension_fail("no thread: %s", strerror(error));
}

static void start_threads(void) {
  static bool started;
  if (started) return;
  started = true;
  signal(SIGALRM, watchdog);
  if (pthread_key_create(&end_of_thread, note_end_of_thread) != 0) suspension_fail("no thread-specific key");
  sem_init(&victim.start, 0, 0);
  sem_init(&victim.arrived, 0, 0);
  sem_init(&victim.resume, 0, 0);
  sem_init(&team.ended, 0, 0);
  for (unsigned i = 0; i < SUSPENSION_TEAM; i++) {
    sem_init(&team.start[i], 0, 0);
    start_thread(live_as_member, (void *)(uintptr_t)i);
  }
  start_thread(live_as_victim, NULL);
}

/* ---- Cases --------------------------------------------------------------------------------- */

/* Whether the victim got to step k. */
static bool attempt(const suspension_case *c, schedule s, uint64_t k, suspension_tally *tally) {
  start_threads();
  case_number++;
  describe(c, s, k);
  alarm(WATCHDOG_SECONDS);
  c->set_up(c->context);
  victim.c = c;
  victim.disturbed = s;
  victim.stop_at = k;
  victim.stopped = false;
  sem_post(&victim.start);
  sem_wait(&victim.arrived);
  bool stopped = victim.stopped;
  if (stopped) {
    tally->points++;
    c->others(c->context);
    sem_post(&victim.resume);
    sem_wait(&victim.arrived);
  }
  if (c->most_steps != 0 && victim.steps > c->most_steps) {
    suspension_fail("wait-free in %u steps, it says, and took %lu", c->most_steps, (unsigned long)victim.steps);
  }
  if (victim.steps > tally->most_steps) tally->most_steps = (unsigned long)victim.steps;
  c->tear_down(c->context);
  alarm(0);
  return stopped;
}

static void sweep_from(const suspension_case *c, schedule s, uint64_t k, suspension_tally *tally) {
  for (; attempt(c, s, k, tally); k++) {
    if (k == ENDLESS) suspension_fail("the operation does not end");
  }
}

void suspension_sweep(const suspension_case *c, suspension_tally *tally) {
  sweep_from(c, (schedule){-1, 0, 0}, 1, tally);
  tally->calm_steps = (unsigned long)victim.steps; /* of the attempt that got to no stop */
  if (c->disturbances == NULL) return;
  unsigned long steps = tally->calm_steps;
  for (int which = 0; c->disturbances[which] != NULL; which++) {
    /* Before its step j the victim does what it does undisturbed: j ends where that does, and the stops up
     * to there have been tried. */
    for (uint64_t j = 1; j <= steps; j++) sweep_from(c, (schedule){which, j, j}, j + 1, tally);
    if (steps > 1) sweep_from(c, (schedule){which, 1, STORM}, 2, tally);
  }
}

bool suspension_at(const suspension_case *c, unsigned long k, suspension_tally *tally) {
  return attempt(c, (schedule){-1, 0, 0}, k, tally);
}

unsigned long suspension_stop(void) { return (unsigned long)victim.stop_at; }

bool suspension_is_disturbed(void) { return victim.disturbed.which >= 0; }

unsigned long suspension_number(void) { return case_number; }

void suspension_report(const char *subject, const char *operation, unsigned situations,
                       const suspension_tally *tally, const char *remark) {
  printf("%-18s %-17s %6lu stopping points in %2u situation%s at most %2lu steps%s\n", subject, operation,
         tally->points, situations, situations == 1 ? ", " : "s,", tally->most_steps, remark);
  fflush(stdout);
}
