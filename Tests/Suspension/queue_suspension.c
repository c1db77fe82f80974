/* queue_suspension.c: what queue_suspension.h says. */
#include "queue_suspension.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Who puts a value: its upper half. The lower half counts the values that were put, so a refused value is
 * the producer's next one. */
enum { TEAM_0, TEAM_1, TESTER, VICTIM, DISTURBER, PRODUCERS };
/* Who gets values, each a sequential observer of the order. */
enum { CONSUMERS = SUSPENSION_TEAM + 3, BY_TESTER = SUSPENSION_TEAM, BY_VICTIM, BY_DISTURBER };
/* Both as queue_actor has them. */
static const unsigned ACTOR_OF_PRODUCER[PRODUCERS] = {0, 1, BY_TESTER, BY_VICTIM, BY_DISTURBER};
__thread unsigned queue_actor;
enum { MOST_VALUES = 16384 };
/* How many tries of one thread may fail in a row: a queue that the victim does not block has room or an element
 * at each try, but for what the victim itself holds. And how many show that a queue is blocked. */
enum { FRUITLESS = 100, BLOCKED_ROUNDS = 64 };
/* The team comes in one of so many disturbed cases, and for fewer operations: its threads wait for one another
 * most of the time. */
enum { TEAM_EACH = 8, TEAM_OPERATIONS = 2000 };

/* Written by its thread alone. */
typedef struct {
  char pad0[SL_NO_SHARE];
  uint64_t value;
  char pad1[SL_NO_SHARE];
} lone_counter;

typedef struct {
  const queue_subject *subject;
  const queue_operation *operation;
  const queue_situation *situation;
  void *queue;
  size_t amount;
  /* The victim's operation. */
  uint64_t values[QUEUE_MOST_VALUES];
  size_t result;
  bool ended;
  /* The books. Each element of `put` and of `got` belongs to one thread at a time. */
  uint32_t put[PRODUCERS];                  /* values accepted, in order */
  uint64_t next_expected[CONSUMERS][PRODUCERS]; /* above the last value seen */
  uint8_t seen[PRODUCERS][MOST_VALUES];
  lone_counter puts_ended[PRODUCERS], gets_begun[CONSUMERS];
  bool as_team;                  /* or one after the other, in the test's own thread */
  uint32_t producers, consumers; /* of the team */
  uint32_t share_of_producer, share_of_consumer;
  int64_t successes; /* of a team at one end */
  /* Of the close: a call has begun; somebody has been told of it, or a call has ended; a get has been told
   * that nothing will come. Any thread sets them, nobody takes them back. */
  uint32_t close_begun, close_known, end_known;
  uint32_t closers; /* calls that said that they closed it */
  /* For queue_suspension_blocks. */
  bool only_rounds;
  uint64_t blocks;
} books;

/* ---- Putting and getting, with books kept ---------------------------------------------------- */

static uint64_t value_of(unsigned producer, uint64_t number) { return (uint64_t)producer << 32 | number; }

/* Elements inside are at least the puts that have ended less the gets that have begun, read in this order. */
static void check_capacity(books *b) {
  if (b->situation->capacity == 0) return;
  int64_t inside = 0;
  for (int i = 0; i < PRODUCERS; i++) inside += (int64_t)__atomic_load_n(&b->puts_ended[i].value, __ATOMIC_ACQUIRE);
  for (int i = 0; i < CONSUMERS; i++) inside -= (int64_t)__atomic_load_n(&b->gets_begun[i].value, __ATOMIC_ACQUIRE);
  if (inside > (int64_t)b->situation->capacity) {
    suspension_fail("%ld elements are inside, more than the capacity", (long)inside);
  }
  if (b->subject->count != NULL) {
    size_t count = b->subject->count(b->queue);
    if (count > b->situation->capacity) suspension_fail("count says %zu, more than the capacity", count);
  }
}

/* What the peer of a stopped thread needs for its own operation. */
static void check_steps(unsigned most, uint64_t steps, const char *what) {
  if (most != 0 && steps > most) {
    suspension_fail("the other's %s, wait-free in %u steps, took %lu", what, most, (unsigned long)steps);
  }
}

static uint32_t is_set(const uint32_t *flag) { return __atomic_load_n(flag, __ATOMIC_SEQ_CST); }
static void set(uint32_t *flag) { __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST); }

/* An operation has been told that the queue is closed. */
static void note_told(books *b, const char *what) {
  if (!is_set(&b->close_begun)) suspension_fail("%s: closed, it says, and nobody has begun to close it", what);
  set(&b->close_known);
}

static void check_is_closed(books *b) {
  if (b->subject->is_closed == NULL) return;
  bool known = is_set(&b->close_known), closed = b->subject->is_closed(b->queue);
  if (known && !closed) suspension_fail("is_closed is false, and somebody has been told of the close before");
  if (closed) note_told(b, "is_closed");
}

static void close_it(books *b) {
  set(&b->close_begun);
  uint64_t before = suspension_begin();
  bool first = b->subject->close(b->queue);
  suspension_end(before);
  if (first) __atomic_fetch_add(&b->closers, 1, __ATOMIC_RELAXED);
  set(&b->close_known);
}

typedef enum { DONE, NOT_NOW, ENDED } answer;

static answer put_one(books *b, unsigned producer) {
  uint64_t value = value_of(producer, b->put[producer]);
  if (b->put[producer] == MOST_VALUES) suspension_fail("the test puts more than it has books for");
  bool known = is_set(&b->close_known);
  unsigned actor = queue_actor;
  queue_actor = ACTOR_OF_PRODUCER[producer];
  uint64_t before = suspension_begin();
  size_t n = b->subject->put(b->queue, &value, 1);
  check_steps(b->subject->most_put_steps, suspension_end(before), "put");
  queue_actor = actor;
  if (n == QUEUE_ENDED) {
    note_told(b, "put");
    return ENDED;
  }
  if (known) suspension_fail("a put that is %s, and the close was known before", n == 1 ? "accepted" : "not told");
  if (n != 1) return NOT_NOW;
  b->put[producer]++;
  __atomic_store_n(&b->puts_ended[producer].value, b->put[producer], __ATOMIC_RELEASE);
  return DONE;
}

static void note_got(books *b, unsigned consumer, uint64_t value) {
  uint64_t producer = value >> 32, number = value & UINT32_MAX;
  if (producer >= PRODUCERS || number >= MOST_VALUES) {
    suspension_fail("got %#lx, which nobody has put", (unsigned long)value);
  }
  if (__atomic_fetch_add(&b->seen[producer][number], 1, __ATOMIC_RELAXED) != 0) {
    suspension_fail("value %lu of producer %lu was got twice", (unsigned long)number, (unsigned long)producer);
  }
  if (number < b->next_expected[consumer][producer]) {
    suspension_fail("value %lu of producer %lu came after a later one", (unsigned long)number,
                    (unsigned long)producer);
  }
  b->next_expected[consumer][producer] = number + 1;
}

static answer get_one(books *b, unsigned consumer) {
  uint64_t *begun = &b->gets_begun[consumer].value, value = 0;
  /* Sequentially consistent: what the queue does after it must not be seen before it. */
  __atomic_fetch_add(begun, 1, __ATOMIC_SEQ_CST);
  bool known = is_set(&b->end_known);
  unsigned actor = queue_actor;
  queue_actor = consumer;
  uint64_t before = suspension_begin();
  size_t n = b->subject->get(b->queue, &value, 1);
  check_steps(b->subject->most_get_steps, suspension_end(before), "get");
  queue_actor = actor;
  if (known && n != QUEUE_ENDED) suspension_fail("a get %s after the end", n == 1 ? "got an element" : "is not told");
  if (n == 1) {
    note_got(b, consumer, value);
    return DONE;
  }
  __atomic_store_n(begun, *begun - 1, __ATOMIC_SEQ_CST);
  if (n != QUEUE_ENDED) return NOT_NOW;
  note_told(b, "get");
  set(&b->end_known);
  return ENDED;
}

/* ---- The case ------------------------------------------------------------------------------ */

static bool others_may_put(const books *b) {
  queue_effect e = b->operation->effect;
  return !(b->subject->sole_producer && (e == PUTS || e == CLOSES));
}

static bool others_may_get(const books *b) {
  return !(b->subject->sole_consumer && b->operation->effect == GETS);
}

static void set_up(void *context) {
  books *b = (books *)context;
  const queue_situation *s = b->situation;
  memset(b->put, 0, sizeof b->put);
  memset(b->next_expected, 0, sizeof b->next_expected);
  memset(b->seen, 0, sizeof b->seen);
  memset(b->puts_ended, 0, sizeof b->puts_ended);
  memset(b->gets_begun, 0, sizeof b->gets_begun);
  b->ended = false;
  b->close_begun = b->close_known = b->end_known = b->closers = 0;
  b->queue = b->subject->create(s);
  if (b->queue == NULL) suspension_fail("the queue cannot be made");
  for (size_t i = 0; i < s->passed; i++) {
    bool passed = put_one(b, TESTER) == DONE && get_one(b, BY_TESTER) == DONE;
    if (!passed) suspension_fail("set-up: element %zu does not pass", i);
  }
  if (b->subject->prepare != NULL) b->subject->prepare(b->queue, s);
  for (size_t i = 0; i < s->held; i++) {
    if (put_one(b, TESTER) != DONE) suspension_fail("set-up: no room for element %zu", i);
  }
  if (s->closed) close_it(b);
  if (b->operation->effect == CLOSES) set(&b->close_begun);
  for (size_t i = 0; i < b->amount; i++) {
    b->values[i] = b->operation->effect == PUTS ? value_of(VICTIM, i) : UINT64_MAX;
  }
  /* Counted as begun from here on, also if it gets nothing: the bound on the elements stays true. */
  if (b->operation->effect == GETS) b->gets_begun[BY_VICTIM].value = b->amount;
}

static void run(void *context) {
  books *b = (books *)context;
  queue_actor = BY_VICTIM;
  b->result = b->operation->run(b->queue, b->values, b->amount);
}

/* ---- The others ---------------------------------------------------------------------------- */

/* Elements that the others know of. The victim may have put some more, or got some of these. */
static int64_t level(const books *b) {
  int64_t n = 0;
  for (int i = 0; i < PRODUCERS; i++) n += b->put[i];
  for (int i = 0; i < CONSUMERS; i++) {
    if (i != BY_VICTIM || b->ended) n -= (int64_t)b->gets_begun[i].value;
  }
  return n; /* below 0 when they have got what the victim has put */
}

static void check_between(int64_t n, int64_t least, int64_t most, const char *what) {
  if (n < least || n > most) {
    suspension_fail("%ld %s, where it must be %ld to %ld", (long)n, what, (long)least, (long)most);
  }
}

/* What the victim may have put into the queue without its being in the books, and taken out. */
static int64_t puts_of_victim(const books *b) {
  return !b->ended && b->operation->effect == PUTS ? (int64_t)b->amount : 0;
}
static int64_t gets_of_victim(const books *b) {
  return !b->ended && b->operation->effect == GETS ? (int64_t)b->amount : 0;
}

/* All that there is; what the last get answered. */
static answer get_all(books *b, int64_t *n) {
  answer a;
  for (*n = 0; (a = get_one(b, BY_TESTER)) == DONE;) ++*n;
  return a;
}

static void drain(books *b) {
  int64_t inside = level(b), n;
  bool known = is_set(&b->close_known);
  answer last = get_all(b, &n);
  check_between(n, inside - gets_of_victim(b), inside + puts_of_victim(b), "elements drained");
  /* A victim in the middle of closing may have been seen by some only. */
  bool closing = b->operation->effect == CLOSES && !b->situation->closed;
  if (known && !closing && !b->subject->may_block && last != ENDED) {
    suspension_fail("the queue is closed and drained, and a get is not told");
  }
}

static void fill(books *b) {
  int64_t capacity = (int64_t)b->situation->capacity;
  if (capacity == 0) return;
  answer a;
  while ((a = put_one(b, TESTER)) == DONE) check_capacity(b);
  if (a == ENDED) return;
  check_between(level(b), capacity - puts_of_victim(b), capacity + gets_of_victim(b),
                "elements inside when it is full");
}

/* One thread, a put and a get in turn. False: nothing more goes in or nothing more comes out. */
static bool rounds_succeed(books *b, int rounds) {
  int fruitless_puts = 0, fruitless_gets = 0;
  for (int done = 0; done < rounds;) {
    fruitless_puts = put_one(b, TESTER) != NOT_NOW ? 0 : fruitless_puts + 1;
    bool got = get_one(b, BY_TESTER) != NOT_NOW;
    fruitless_gets = got ? 0 : fruitless_gets + 1;
    if (got) done++;
    if (fruitless_puts > FRUITLESS || fruitless_gets > FRUITLESS) return false;
    check_capacity(b);
  }
  return true;
}

/* After a try that failed. Most often the thread that is waited for has no core: it must get one, but
 * thousands of calls for each case would take most of the test's time. */
static void let_others_run(uint32_t *failures) {
  sl_spin_pause();
  if (++*failures % 8 == 0) sched_yield();
}

/* Producers first, then consumers; each ends when its share has succeeded, or been told of the end. */
static void complete_share(void *context, unsigned index) {
  books *b = (books *)context;
  uint32_t failures = 0;
  if (index < b->producers) {
    for (uint32_t n = 0; n < b->share_of_producer;) {
      if (put_one(b, index) != NOT_NOW)
        n++;
      else
        let_others_run(&failures);
    }
  } else {
    for (uint32_t n = 0; n < b->share_of_consumer;) {
      if (get_one(b, index) != NOT_NOW)
        n++;
      else
        let_others_run(&failures);
      if (n % 8 == 0) check_capacity(b);
    }
  }
}

/* The same calls, whatever they return. */
static void call_share(void *context, unsigned index) {
  books *b = (books *)context;
  bool puts = index < b->producers;
  uint32_t successes = 0, failures = 0, share = puts ? b->share_of_producer : b->share_of_consumer;
  for (uint32_t n = 0; n < share; n++) {
    answer a = puts ? put_one(b, index) : get_one(b, index);
    if (a == DONE)
      successes++;
    else if (b->producers != 0 && b->consumers != 0)
      let_others_run(&failures);
    if (n % 8 == 0) check_capacity(b);
  }
  __atomic_fetch_add(&b->successes, successes, __ATOMIC_RELAXED);
}

/* What came of the calls at one end, when the victim is alone at the other. */
static void check_ends(const books *b, int64_t inside) {
  int64_t capacity = (int64_t)b->situation->capacity;
  bool put = others_may_put(b), get = others_may_get(b);
  if (!put && get) {
    check_between(b->successes, inside - gets_of_victim(b), inside + puts_of_victim(b), "elements got");
  }
  if (put && !get && capacity != 0 && !is_set(&b->close_known)) {
    check_between(b->successes, capacity - inside - puts_of_victim(b), capacity - inside + gets_of_victim(b),
                  "elements put");
  }
}

/* All ends that are open call so many times in all; without a team, one after the other. */
static void call_all(books *b, uint32_t operations, void (*share)(void *context, unsigned index)) {
  unsigned callers = b->producers + b->consumers;
  uint32_t ends = (b->producers != 0) + (b->consumers != 0);
  if (b->producers != 0) b->share_of_producer = operations / ends / b->producers;
  if (b->consumers != 0) b->share_of_consumer = operations / ends / b->consumers;
  b->successes = 0;
  if (b->as_team)
    suspension_team(callers, share, b);
  else
    for (unsigned i = 0; i < callers; i++) share(b, i);
}

static void others(void *context) {
  books *b = (books *)context;
  const queue_subject *s = b->subject;
  bool put = others_may_put(b), get = others_may_get(b);
  if (b->only_rounds) {
    if (!rounds_succeed(b, BLOCKED_ROUNDS)) b->blocks |= (uint64_t)1 << suspension_stop();
    return;
  }
  b->producers = !put ? 0 : s->sole_producer ? 1 : 2;
  b->consumers = !get ? 0 : s->sole_consumer ? 1 : 2;
  check_is_closed(b);
  b->as_team = !suspension_is_disturbed() || suspension_number() % TEAM_EACH == 0;
  int64_t inside = level(b);
  if (put && get && !s->may_block) {
    if (!rounds_succeed(b, SUSPENSION_OPERATIONS / 2)) suspension_fail("%d tries in a row come to nothing", FRUITLESS);
    if (b->as_team) call_all(b, TEAM_OPERATIONS, complete_share);
  } else {
    call_all(b, SUSPENSION_OPERATIONS, call_share);
    if (!s->may_block) check_ends(b, inside);
  }
  check_is_closed(b);

  /* The victim goes on with a queue that is full, or empty, or closed, or as the others left it. */
  if (put && suspension_number() % 4 == 0 && !s->may_block) fill(b);
  if (put && suspension_number() % 4 == 1 && s->close != NULL) close_it(b);
  if (get && suspension_number() % 4 <= 2 && !s->may_block) drain(b);
}

/* ---- Disturbances -------------------------------------------------------------------------- */

static const char *const disturbances[] = {"a put", "a get", "a lap", NULL},
                         *const disturbances_with_close[] = {"a put", "a get", "a lap", "a close", NULL};

static void disturb(void *context, unsigned which) {
  books *b = (books *)context;
  bool put = others_may_put(b), get = others_may_get(b);
  size_t lap = 2 * b->situation->capacity;
  switch (which) {
  case 0:
    if (put) put_one(b, DISTURBER);
    break;
  case 1:
    if (get) get_one(b, BY_DISTURBER);
    break;
  case 3:
    if (put) close_it(b);
    break;
  default: /* as many as bring the counters to the same slots again */
    if (!put || !get) break;
    for (size_t i = 0; i < (lap != 0 ? lap : 20); i++) {
      if (put_one(b, DISTURBER) == DONE) {
        get_one(b, BY_DISTURBER);
      } else {
        get_one(b, BY_DISTURBER);
        put_one(b, DISTURBER);
      }
    }
  }
}

/* ---- Afterwards ---------------------------------------------------------------------------- */

static void note_result(books *b) {
  queue_effect effect = b->operation->effect;
  b->ended = true;
  if (effect == LOOKS && b->situation->capacity != 0 && b->result > b->situation->capacity) {
    suspension_fail("says %zu, more than the capacity", b->result);
  }
  if (effect == ASKS) {
    if (b->situation->closed && b->result == 0) suspension_fail("it was closed, and the victim is not told");
    if (b->result != 0) note_told(b, "the victim");
  }
  if (effect == CLOSES) {
    b->closers += (uint32_t)b->result;
    set(&b->close_known);
  }
  if (effect != PUTS && effect != GETS) return;
  if (b->result == QUEUE_ENDED) {
    note_told(b, "the victim");
    if (effect == GETS) set(&b->end_known);
    b->result = 0;
  }
  if (b->result > b->amount) suspension_fail("%zu values instead of %zu", b->result, b->amount);
  if (effect == PUTS) {
    b->put[VICTIM] = (uint32_t)b->result;
    b->puts_ended[VICTIM].value = b->result;
  } else {
    b->gets_begun[BY_VICTIM].value = b->result;
    for (size_t i = 0; i < b->result; i++) note_got(b, BY_VICTIM, b->values[i]);
  }
}

/* All observers have ended: what comes out from here on is later than all that they saw. */
static void merge_orders(books *b) {
  for (int i = 0; i < PRODUCERS; i++) {
    for (int c = 0; c < CONSUMERS; c++) {
      if (b->next_expected[c][i] > b->next_expected[BY_TESTER][i]) {
        b->next_expected[BY_TESTER][i] = b->next_expected[c][i];
      }
    }
  }
}

static void check_whole(books *b) {
  for (int i = 0; i < PRODUCERS; i++) {
    for (uint32_t n = 0; n < b->put[i]; n++) {
      if (b->seen[i][n] != 1) suspension_fail("value %u of producer %d is lost", n, i);
    }
    for (uint32_t n = b->put[i]; n < MOST_VALUES; n++) {
      if (b->seen[i][n] != 0) suspension_fail("value %u of producer %d was refused, and yet got", n, i);
    }
  }
}

static void tear_down(void *context) {
  books *b = (books *)context;
  const queue_situation *s = b->situation;
  note_result(b);
  check_capacity(b);
  if (b->subject->restore != NULL) b->subject->restore(b->queue, b->operation);
  merge_orders(b);
  check_is_closed(b);
  int64_t inside = level(b), n;
  answer last = get_all(b, &n);
  check_between(n, inside, inside, "elements left when all is over");
  if (is_set(&b->close_known)) {
    if (last != ENDED) suspension_fail("the queue is closed and drained, and a get is not told");
    if (put_one(b, TESTER) != ENDED) suspension_fail("the closed queue does not refuse an element");
    if (b->closers != 1) suspension_fail("%u calls say that they have closed it", b->closers);
  } else {
    if (last == ENDED) suspension_fail("a get is told of the end, and nobody has closed the queue");
    if (s->capacity != 0)
      fill(b);
    else
      for (int i = 0; i < 20; i++) put_one(b, TESTER);
    drain(b);
  }
  n = b->subject->count != NULL ? (int64_t)b->subject->count(b->queue) : 0;
  check_between(n, 0, 0, "elements counted in the empty queue");
  check_whole(b);
  b->subject->destroy(b->queue);
}

/* ---- Sweeps -------------------------------------------------------------------------------- */

static unsigned most_steps(const queue_operation *o, size_t capacity) {
  return o->most_steps + o->and_a_place * (unsigned)capacity;
}

static suspension_case case_of(books *b) {
  bool others_close = b->subject->close != NULL && others_may_put(b);
  suspension_case c = {
      .subject = b->subject->name,
      .operation = b->operation->name,
      .situation = b->situation->name,
      .context = b,
      .set_up = set_up,
      .run = run,
      .others = others,
      .tear_down = tear_down,
      .disturbances = b->situation->calm ? NULL : others_close ? disturbances_with_close : disturbances,
      .disturb = disturb,
      .most_steps = most_steps(b->operation, b->situation->capacity),
  };
  return c;
}

static books the_books;

static books *open_books(const queue_subject *subject, const queue_operation *operation,
                         const queue_situation *situation) {
  books *b = &the_books;
  b->subject = subject;
  b->operation = operation;
  b->situation = situation;
  b->amount = operation->amount == 0 ? 1 : operation->amount;
  b->only_rounds = false;
  b->blocks = 0;
  return b;
}

void queue_suspension(const queue_subject *subject) {
  for (const queue_operation *o = subject->operations; o->name != NULL; o++) {
    suspension_tally tally = {0, 0, 0};
    unsigned situations = 0;
    for (const queue_situation *s = subject->situations; s->name != NULL; s++, situations++) {
      suspension_case c = case_of(open_books(subject, o, s));
      suspension_sweep(&c, &tally);
    }
    char remark[64] = "";
    if (o->and_a_place != 0)
      snprintf(remark, sizeof remark, " (wait-free: %u + %u * capacity)", o->most_steps, o->and_a_place);
    else if (o->most_steps != 0)
      snprintf(remark, sizeof remark, " (wait-free: %u)", o->most_steps);
    suspension_report(subject->name, o->name, situations, &tally, remark);
  }
}

uint64_t queue_suspension_blocks(const queue_subject *subject, const queue_operation *operation,
                                 const queue_situation *situation, unsigned long *steps) {
  books *b = open_books(subject, operation, situation);
  b->only_rounds = true;
  suspension_case c = case_of(b);
  c.disturbances = NULL;
  suspension_tally tally = {0, 0, 0};
  suspension_sweep(&c, &tally);
  *steps = tally.calm_steps;
  return b->blocks;
}
