/*
 * sl_thread_number.h: the first call of a thread is lock-free, the call that gives the number back wait-free,
 * and no two living threads have the same number. The victim is a new thread in each case, which asks twice and
 * ends; while it is stopped, and be it in the middle of its end, others come, ask and go.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_thread_number.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

/* Threads that live on for the whole of a situation, so that numbers are used up from the lowest on. */
enum { MOST_KEPT = 70, NEW_THREADS = 4, NUMBERS = 128 };

typedef struct {
  const char *name;
  uint32_t kept;
} situation;

static struct {
  sem_t has_number, end, end_of_guest, end_of_more;
  pthread_t kept[MOST_KEPT];
  uint32_t lowest; /* that is free when nobody is inside */
  uint32_t owned[NUMBERS];
  pthread_t guest; /* came in a disturbance, and has stayed */
  bool guest_is_here;
} b;

static void begin_to_own(uint32_t number) {
  if (number >= NUMBERS) suspension_fail("number %u, and there are fewer threads", number);
  if (__atomic_exchange_n(&b.owned[number], 1, __ATOMIC_SEQ_CST) != 0) {
    suspension_fail("two living threads have number %u", number);
  }
}

static void end_owning(uint32_t number) { __atomic_store_n(&b.owned[number], 0, __ATOMIC_SEQ_CST); }

static pthread_t start(void *(*life)(void *), void *argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, life, argument) != 0) suspension_fail("no thread");
  return thread;
}

static void *stay(void *end) {
  uint32_t number = sl_thread_number();
  begin_to_own(number);
  sem_post(&b.has_number);
  sem_wait((sem_t *)end);
  end_owning(number);
  return NULL;
}

static pthread_t one_that_stays(sem_t *end) {
  pthread_t thread = start(stay, end);
  sem_wait(&b.has_number);
  return thread;
}

/* One first call and many later ones, which are a load of the thread's own. */
static void *come_and_go(void *calls) {
  uint64_t before = suspension_begin();
  uint32_t number = sl_thread_number();
  suspension_end(before);
  begin_to_own(number);
  for (uintptr_t n = 1; n < (uintptr_t)calls; n++) {
    if (sl_thread_number() != number) suspension_fail("a thread has two numbers");
  }
  end_owning(number);
  return NULL;
}

static void *find_lowest(void *number) {
  *(uint32_t *)number = sl_thread_number();
  return NULL;
}

static uint32_t lowest_free(void) {
  uint32_t number;
  pthread_join(start(find_lowest, &number), NULL);
  return number;
}

/* ---- The case -------------------------------------------------------------------------------- */

static void set_up(void *unused) { (void)unused; }

static void life_of_victim(void *unused) {
  (void)unused;
  uint32_t number = sl_thread_number();
  begin_to_own(number);
  uint64_t before = suspension_steps();
  if (sl_thread_number() != number) suspension_fail("the victim has two numbers");
  if (suspension_steps() != before) suspension_fail("a later call does more than load the thread's own number");
  end_owning(number);
}

static void run(void *unused) {
  (void)unused;
  suspension_in_new_thread(life_of_victim, NULL);
}

static void work(void *unused, unsigned index) {
  (void)unused, (void)index;
  void *calls = (void *)(uintptr_t)(SUSPENSION_OPERATIONS / SUSPENSION_TEAM / NEW_THREADS);
  for (int n = 0; n < NEW_THREADS; n++) pthread_join(start(come_and_go, calls), NULL);
}

static void others(void *unused) {
  suspension_team(SUSPENSION_TEAM, work, unused);
  /* The victim has a number, or none; the guest has one. */
  uint32_t number = lowest_free();
  if (number > b.lowest + 2) suspension_fail("number %u, and %u and the next are free", number, b.lowest);
}

static void end_guest(void) {
  sem_post(&b.end_of_guest);
  pthread_join(b.guest, NULL);
  b.guest_is_here = false;
}

static const char *const disturbances[] = {"one comes and goes", "one comes and stays, or goes", NULL};

static void disturb(void *unused, unsigned which) {
  (void)unused;
  if (which == 0) {
    pthread_join(start(come_and_go, (void *)1), NULL);
  } else if (!b.guest_is_here) {
    b.guest = one_that_stays(&b.end_of_guest);
    b.guest_is_here = true;
  } else {
    end_guest();
  }
}

static void tear_down(void *unused) {
  (void)unused;
  /* Two more beside the guest: they have the victim's number, and not the guest's. */
  pthread_t more[2] = {one_that_stays(&b.end_of_more), one_that_stays(&b.end_of_more)};
  for (int i = 0; i < 2; i++) sem_post(&b.end_of_more);
  for (int i = 0; i < 2; i++) pthread_join(more[i], NULL);
  if (b.guest_is_here) end_guest();
  uint32_t number = lowest_free();
  if (number != b.lowest) suspension_fail("the lowest free number was %u, and is now %u", b.lowest, number);
}

/* ---- Sweeps ---------------------------------------------------------------------------------- */

static void keep(const situation *s) {
  for (uint32_t i = 0; i < s->kept; i++) b.kept[i] = one_that_stays(&b.end);
  b.lowest = lowest_free();
  if (b.lowest != s->kept) suspension_fail("%u threads have a number, and the next one gets %u", s->kept, b.lowest);
}

static void let_go(const situation *s) {
  for (uint32_t i = 0; i < s->kept; i++) sem_post(&b.end);
  for (uint32_t i = 0; i < s->kept; i++) pthread_join(b.kept[i], NULL);
}

void test_thread_number(void) {
  static const situation situations[] = {
      {"few threads", 2}, {"one number left in the first word", 63}, {"the first word used up", 66}};
  sem_init(&b.has_number, 0, 0);
  sem_init(&b.end, 0, 0);
  sem_init(&b.end_of_guest, 0, 0);
  sem_init(&b.end_of_more, 0, 0);
  suspension_tally tally = {0, 0, 0};
  for (int i = 0; i < 3; i++) {
    const situation *s = &situations[i];
    keep(s);
    suspension_case c = {
        .subject = "sl_thread_number",
        .operation = "a thread's life",
        .situation = s->name,
        .context = NULL,
        .set_up = set_up,
        .run = run,
        .others = others,
        .tear_down = tear_down,
        .disturbances = disturbances,
        .disturb = disturb,
    };
    suspension_sweep(&c, &tally);
    let_go(s);
  }
  suspension_report("sl_thread_number", "a thread's life", 3, &tally, "");
}
