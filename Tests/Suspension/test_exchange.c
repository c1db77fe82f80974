/*
 * sl_exchange.h: one side stopped at each step of what it does never stops the other, whose operations keep within
 * their steps. While the worker is stopped, the parent gives items and takes them back as often as it likes, and gets
 * all responses that were published; while the parent is stopped, the worker starts all items that were admitted,
 * and responds until the ring is full. stop and close come from a thread of their own, and both sides go on. Each
 * item that was put is started once or taken back once, and nothing starts that was stopped.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_exchange.h"

#include <stdio.h>
#include <string.h>

enum { RING = 256, MOST_ITEMS = 1 << 15, ALL = 1000 };
/* A ring takes so many places of records; recall looks once and tries once for each, and twice more. */
enum { RECALL_STEPS = RING / 8 + 3 };

typedef enum {
  GIVE, RECALL, GET, LIMIT, PARENT_SLEEP, WAKE_WORKER, ASK_WORKER, /* the parent's */
  STOP, CLOSE,                                                     /* another thread's of the parent */
  START, RESPOND, PUBLISH, WORKER_SLEEP, WAKE_PARENT, ASK_PARENT,  /* the worker's */
  OPERATIONS
} operation;

static const struct {
  const char *name;
  unsigned most_steps; /* 0: lock-free */
} descriptions[OPERATIONS] = {
    [GIVE] = {"reserve and admit", 2},
    [RECALL] = {"recall", RECALL_STEPS},
    [GET] = {"look and release", 3},
    [LIMIT] = {"limit_output", 1},
    [PARENT_SLEEP] = {"sleep (parent)", 3},
    [WAKE_WORKER] = {"must_wake_worker", 2},
    [ASK_WORKER] = {"started, has_item", 2},
    [STOP] = {"stop", 1},
    [CLOSE] = {"close", 1},
    [START] = {"start and take", 0},
    [RESPOND] = {"respond and commit", 2},
    [PUBLISH] = {"publish", 1},
    [WORKER_SLEEP] = {"sleep (worker)", 3},
    [WAKE_PARENT] = {"must_wake_parent", 3},
    [ASK_PARENT] = {"may_go_on, closed", 2},
};

typedef struct {
  const char *name;
  unsigned items, responses; /* that stand in the rings; ALL: as many as there is room for */
  uint64_t first;            /* position */
  bool is_stopped, is_closed, is_asleep;
} situation;

typedef struct {
  operation operation;
  const situation *situation;
  _Alignas(SL_NO_SHARE) char segment[sizeof(sl_exchange_facts) + 2 * RING];
  sl_exchange parent, worker;
  uint32_t stopped; /* somebody knows that it is */
  /* The parent's: numbers that were put, and the places of those that the worker may have yet to start. */
  uint32_t put, admitted, got;
  uint32_t waiting, waiting_number[RING];
  uint64_t waiting_place[RING];
  /* The worker's. */
  uint32_t responded;
  /* Ended, by a start or by a recall. */
  uint8_t seen[MOST_ITEMS];
} books;

static uint32_t size_of(uint32_t number) { return number % 3 == 0 ? 24 : 8; }

static void note_end(books *b, uint32_t number) {
  if (number >= b->put) suspension_fail("item %u, which nobody has put", number);
  if (b->seen[number]++ != 0) suspension_fail("item %u was started or taken back twice", number);
}

/* Within its steps, and in fewer than a lock would take. */
static void check_steps(operation o, uint64_t steps) {
  unsigned most = descriptions[o].most_steps;
  if (most != 0 && steps > most) {
    suspension_fail("the other's %s took %lu steps, and %u at most, it says", descriptions[o].name,
                    (unsigned long)steps, most);
  }
}

/* ---- What each side does ------------------------------------------------------------------- */

static bool give(books *b) {
  uint32_t number = b->put;
  if (number == MOST_ITEMS) suspension_fail("the test puts more than it has books for");
  char *payload = sl_exchange_reserve(&b->parent, size_of(number), 1, 0);
  if (payload == NULL) {
    if (!sl_exchange_refresh_room(&b->parent)) suspension_fail("the worker has read what was not there");
    payload = sl_exchange_reserve(&b->parent, size_of(number), 1, 0);
    if (payload == NULL) return false;
  }
  memcpy(payload, &number, sizeof number);
  /* Those that must have been started: the ring has no room for so many. */
  if (b->waiting == RING) {
    b->waiting -= RING / 2;
    memmove(b->waiting_number, b->waiting_number + RING / 2, sizeof b->waiting_number / 2);
    memmove(b->waiting_place, b->waiting_place + RING / 2, sizeof b->waiting_place / 2);
  }
  b->waiting_number[b->waiting] = number;
  b->waiting_place[b->waiting++] = b->parent.request_tail;
  b->put++;
  b->admitted = (b->admitted + 1) & (uint32_t)SL_EXCHANGE_COUNT_;
  sl_exchange_put(&b->parent, size_of(number));
  sl_exchange_admit(&b->parent, 1);
  return true;
}

static uint32_t recall(books *b) {
  uint32_t n = sl_exchange_recall(&b->parent, b->admitted);
  if (n > b->waiting) suspension_fail("%u are taken back of %u", n, b->waiting);
  for (uint32_t i = b->waiting - n; i < b->waiting; i++) note_end(b, b->waiting_number[i]);
  if (n > 0) b->parent.request_tail = b->waiting_place[b->waiting - n];
  b->waiting = 0;
  b->admitted = (b->admitted - n) & (uint32_t)SL_EXCHANGE_COUNT_;
  return n;
}

static bool get(books *b) {
  sl_exchange_record record;
  uint32_t number;
  sl_exchange_found found = sl_exchange_look(&b->parent, &record);
  if (found == SL_EXCHANGE_BROKEN) suspension_fail("the responses are broken");
  if (found == SL_EXCHANGE_RECORD) {
    memcpy(&number, record.payload, sizeof number);
    if (number != b->got++ || record.bytes != size_of(number)) suspension_fail("response %u is another", number);
    sl_exchange_next(&b->parent, &record);
  }
  sl_exchange_release(&b->parent);
  return found == SL_EXCHANGE_RECORD;
}

static bool start(books *b) {
  bool was_stopped = __atomic_load_n(&b->stopped, __ATOMIC_SEQ_CST);
  if (!sl_exchange_start(&b->worker)) return false;
  if (was_stopped) suspension_fail("an item has started, and the worker was stopped");
  uint32_t number;
  sl_exchange_record record = sl_exchange_request(&b->worker);
  memcpy(&number, record.payload, sizeof number);
  if (record.bytes != size_of(number)) suspension_fail("item %u is not whole", number);
  note_end(b, number);
  sl_exchange_took(&b->worker, &record);
  return true;
}

static bool respond(books *b) {
  uint32_t number = b->responded;
  char *payload = sl_exchange_respond(&b->worker, size_of(number), 1, 0);
  if (payload == NULL) return false;
  memcpy(payload, &number, sizeof number);
  b->responded++;
  sl_exchange_commit(&b->worker, size_of(number));
  return true;
}

/* What it comes to: for recall, whether anything was taken back. */
static bool perform(books *b, operation o) {
  switch (o) {
  case GIVE: return give(b);
  case RECALL: return recall(b) > 0;
  case GET: return get(b);
  case LIMIT: sl_exchange_limit_output(&b->parent, b->got + 5); return true;
  case PARENT_SLEEP: {
    sl_exchange_parent_sleeps(&b->parent);
    bool ready = sl_exchange_has_response(&b->parent);
    sl_exchange_parent_woke(&b->parent);
    return ready;
  }
  case WAKE_WORKER: return sl_exchange_must_wake_worker(&b->parent);
  case ASK_WORKER:
    sl_exchange_started(&b->parent);
    return sl_exchange_has_item(&b->parent);
  case STOP:
    sl_exchange_stop(b->parent.facts);
    __atomic_store_n(&b->stopped, 1, __ATOMIC_SEQ_CST);
    return true;
  case CLOSE: sl_exchange_close(b->parent.facts); return true;
  case START: return start(b);
  case RESPOND: return respond(b);
  case PUBLISH: sl_exchange_publish(&b->worker); return true;
  case WORKER_SLEEP: {
    sl_exchange_worker_sleeps(&b->worker);
    bool closed = sl_exchange_is_closed(&b->worker);
    sl_exchange_worker_woke(&b->worker);
    return closed;
  }
  case WAKE_PARENT: return sl_exchange_parent_is_asleep(&b->worker) && sl_exchange_must_wake_parent(&b->worker);
  case ASK_PARENT:
    sl_exchange_may_go_on(&b->worker, b->responded);
    return sl_exchange_is_closed(&b->worker);
  case OPERATIONS: break;
  }
  return false;
}

static bool perform_in_steps(books *b, operation o) {
  uint64_t before = suspension_begin();
  bool done = perform(b, o);
  check_steps(o, suspension_end(before));
  return done;
}

/* ---- The case ------------------------------------------------------------------------------ */

static bool is_parents(operation o) { return o < STOP; }
static bool is_workers(operation o) { return o > CLOSE; }

static void set_up(void *context) {
  books *b = (books *)context;
  const situation *s = b->situation;
  memset(b->segment, 0, sizeof b->segment);
  memset(b->seen, 0, sizeof b->seen);
  b->put = b->got = b->waiting = b->responded = b->stopped = 0;
  sl_exchange_init(&b->parent, b->segment, RING, RING);
  if (!sl_exchange_open(&b->worker, b->segment, sizeof b->segment)) suspension_fail("the segment is none");
  for (int i = 0; i < 2; i++) {
    sl_exchange *x = i == 0 ? &b->parent : &b->worker;
    x->request_tail = x->request_head = x->response_tail = x->response_head = s->first;
  }
  sl_store_relaxed_u64(&b->parent.facts->request_head_, s->first);
  sl_store_relaxed_u64(&b->parent.facts->response_head_, s->first);
  sl_store_relaxed_u64(&b->parent.facts->response_tail_, s->first);
  b->admitted = s->first == 0 ? 0 : (uint32_t)SL_EXCHANGE_COUNT_;
  sl_store_relaxed_u64(&b->parent.facts->admission_, (uint64_t)b->admitted << 32 | b->admitted);
  for (unsigned i = 0; i < s->items && give(b); i++) {}
  for (unsigned i = 0; i < s->responses && respond(b); i++) {}
  if (s->is_stopped) perform(b, STOP);
  if (s->is_closed) perform(b, CLOSE);
  if (s->is_asleep) {
    sl_exchange_parent_sleeps(&b->parent);
    sl_exchange_worker_sleeps(&b->worker);
  }
}

static void run(void *context) {
  books *b = (books *)context;
  perform(b, b->operation);
}

/* The parent, whatever the worker does: what it gives, it can take back. */
static void parent_goes_on(books *b) {
  static const operation besides[] = {GET, LIMIT, PARENT_SLEEP, WAKE_WORKER, ASK_WORKER};
  unsigned done = 0;
  for (unsigned n = 0; n < SUSPENSION_OPERATIONS / 2; n++) {
    done += perform_in_steps(b, n % 3 == 2 ? RECALL : GIVE);
    done += perform_in_steps(b, besides[n % 5]);
    if (n % 16 == 0) perform_in_steps(b, RECALL);
  }
  if (is_workers(b->operation)) { /* nobody starts what it gives */
    if (done < SUSPENSION_OPERATIONS / 2) suspension_fail("the parent got on %u times only", done);
    perform_in_steps(b, RECALL);
    if (!perform_in_steps(b, GIVE) || !perform_in_steps(b, RECALL)) suspension_fail("the parent does not get on");
    while (perform_in_steps(b, GET)) {}
  }
}

/* The worker: it gets all that was admitted, and fills the ring. */
static void worker_goes_on(books *b) {
  static const operation besides[] = {PUBLISH, WORKER_SLEEP, WAKE_PARENT, ASK_PARENT};
  for (unsigned n = 0; n < SUSPENSION_OPERATIONS / 3; n++) {
    perform_in_steps(b, START);
    perform_in_steps(b, RESPOND);
    perform_in_steps(b, besides[n % 4]);
  }
  if (!is_parents(b->operation)) return;
  if (!b->stopped && sl_exchange_has_item(&b->worker)) suspension_fail("an item is left that was admitted");
  uint64_t room = RING - (b->worker.response_tail - b->worker.response_head);
  if (room >= 2 * sl_exchange_record_bytes(24)) suspension_fail("no response, and room for %lu", (unsigned long)room);
}

static void work(void *context, unsigned index) {
  if (index == 0)
    parent_goes_on((books *)context);
  else
    worker_goes_on((books *)context);
}

static void others(void *context) {
  books *b = (books *)context;
  if (is_parents(b->operation)) worker_goes_on(b);
  else if (is_workers(b->operation)) parent_goes_on(b);
  else suspension_team(2, work, b);
}

/* The other side's, and those of a third. */
static const char *const by_worker[] = {"a start", "a response", "a stop", "all of these", NULL};
static const char *const by_parent[] = {"an item", "items taken back", "a stop", "an answer taken", NULL};

static void disturb(void *context, unsigned which) {
  books *b = (books *)context;
  static const operation first[] = {START, RESPOND, STOP}, second[] = {GIVE, RECALL, STOP, GET};
  if (!is_parents(b->operation)) {
    perform_in_steps(b, second[which]);
  } else if (which < 3) {
    perform_in_steps(b, first[which]);
  } else {
    for (int i = 0; i < 3; i++) perform_in_steps(b, first[i]);
  }
}

static void tear_down(void *context) {
  books *b = (books *)context;
  if (b->operation == STOP && sl_exchange_has_item(&b->worker)) suspension_fail("an item may start after a stop");
  if (b->operation == CLOSE && !sl_exchange_is_closed(&b->worker)) suspension_fail("it is not closed");
  while (get(b)) {}
  if (b->got != b->responded) suspension_fail("%u responses of %u", b->got, b->responded);
  while (start(b)) {}
  recall(b);
  for (uint32_t i = 0; i < b->put; i++) {
    if (b->seen[i] != 1) suspension_fail("item %u of %u is lost", i, b->put);
  }
  if (b->parent.request_tail - b->worker.request_head > 32) suspension_fail("the requests do not end together");
}

void test_exchange(void) {
  static const situation situations[] = {
      {.name = "nothing inside"},
      {.name = "an item, a response", .items = 1, .responses = 1},
      {.name = "some inside, at the wrap-arounds", .items = 5, .responses = 4, .first = UINT64_MAX - 47},
      {.name = "both rings full, both asleep", .items = ALL, .responses = ALL, .is_asleep = true},
      {.name = "stopped and closed", .items = 3, .responses = 1, .is_stopped = true, .is_closed = true},
      {.name = NULL},
  };
  static books b;
  for (int o = 0; o < OPERATIONS; o++) {
    suspension_tally tally = {0, 0, 0};
    unsigned n = 0;
    for (; situations[n].name != NULL; n++) {
      b.operation = (operation)o;
      b.situation = &situations[n];
      suspension_case c = {
          .subject = "sl_exchange",
          .operation = descriptions[o].name,
          .situation = situations[n].name,
          .context = &b,
          .set_up = set_up,
          .run = run,
          .others = others,
          .tear_down = tear_down,
          .disturbances = is_parents((operation)o) ? by_worker : by_parent,
          .disturb = disturb,
          .most_steps = descriptions[o].most_steps,
      };
      suspension_sweep(&c, &tally);
    }
    char remark[64] = "";
    if (descriptions[o].most_steps != 0) {
      snprintf(remark, sizeof remark, " (wait-free: %u)", descriptions[o].most_steps);
    }
    suspension_report("sl_exchange", descriptions[o].name, n, &tally, remark);
  }
}
